import { Option } from '@commander-js/extra-typings';
import { withNotes } from '../help.ts';
import { signIns } from '../profiles.ts';
import type { Root, Run } from '../root.ts';

export function profileCommands(root: Root, run: Run): void {
  root.commandsGroup('Deployments:');
  const profile = root.command('profile').description('the deployments that you work with');

  withNotes(
    profile
      .command('add')
      .description('add the deployment of --url, or change it')
      .argument('<NAME>', 'your name for it')
      .addOption(new Option('--auth <HOW>', 'how to sign in').choices(signIns).default('key' as const))
      .option('--key-stdin', 'read the function key from stdin; without it, it is asked for')
      .option('--no-key', 'store no key: it comes from FLEET_KEY')
      .option('--scope <SCOPE>', 'what a token is asked for, such as api://APP_ID/.default')
      .option('--tenant <ID>', 'directory of the users')
      .action(run(async () => (await import('../verbs/profiles.ts')).addProfile)),
    {
      about: [
        'A key is never an argument: other users of a machine can read arguments. The file of profiles has mode 0600.',
      ],
      examples: [
        'fleet profile add plant --url https://fleet-plant.azurewebsites.net',
        'fleet profile add plant --url https://fleet-plant.azurewebsites.net --auth entra --scope api://APP_ID/.default',
        'cat key.txt | fleet profile add line --url http://localhost:7071 --key-stdin',
      ],
    },
  );

  withNotes(
    profile
      .command('use')
      .description('make a deployment the current one')
      .argument('<NAME>', 'a profile')
      .action(run(async () => (await import('../verbs/profiles.ts')).useProfile)),
    { examples: ['fleet profile use plant'] },
  );

  withNotes(
    profile
      .command('list')
      .description('list the deployments, without their keys')
      .action(run(async () => (await import('../verbs/profiles.ts')).listProfiles)),
    { examples: ['fleet profile list', 'fleet profile list -o json'] },
  );

  withNotes(
    profile
      .command('remove')
      .description('forget a deployment and its key')
      .argument('<NAME>', 'a profile')
      .action(run(async () => (await import('../verbs/profiles.ts')).removeProfile)),
    { examples: ['fleet profile remove plant'] },
  );
}
