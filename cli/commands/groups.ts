import { positive } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

const group = ['<ID>', 'id of an enrollment group'] as const;

export function groupCommands(root: Root, run: Run): void {
  root.commandsGroup('Enrollment groups:');
  withNotes(
    root
      .command('groups')
      .description('list enrollment groups, with the days that their CAs have left')
      .action(run(async () => (await import('../verbs/groups.ts')).listGroups)),
    { examples: ['fleet groups', 'fleet groups --json > groups.json'] },
  );
  const noun = root.command('group').description('one enrollment group, or groups as files');
  withNotes(
    noun
      .command('show')
      .description('show a group: definition, state in DPS, issuing CAs')
      .argument(...group)
      .action(run(async () => (await import('../verbs/groups.ts')).showGroup)),
    { exits: ['notFound'], examples: ['fleet group show line7'] },
  );
  withNotes(
    noun
      .command('diff')
      .description('compare files with the groups of the deployment, member by member')
      .argument('<PATH>', 'a folder of files, or one file: JSON or YAML, one group each')
      .option('--plan-out <FILE>', 'write the plan, to apply exactly that')
      .option('--prune', 'groups that no file declares would be deleted')
      .option('--rewrite', 'write unchanged groups too: for the query of a URL, which cannot be compared')
      .option('--detailed-exitcode', 'end with 7 when there are changes')
      .action(run(async () => (await import('../verbs/group-apply.ts')).diffGroups)),
    {
      exits: ['changes'],
      about: [
        'The member "id", or else the name of the file, is the id of a group. docs/groups.md lists every member.',
      ],
      examples: ['fleet group diff groups/', 'fleet group diff groups/ --plan-out plan.json --detailed-exitcode'],
    },
  );
  withNotes(
    noun
      .command('apply')
      .description('make the groups of the deployment what the files declare')
      .argument('[PATH]', 'a folder of files, or one file; without it, --plan')
      .option('--plan <FILE>', 'apply this plan, and nothing else')
      .option('--adopt', 'take over groups in DPS that were made elsewhere')
      .option('--prune', 'delete groups that no file declares; each name has to be typed')
      .option('--rewrite', 'write unchanged groups too: for the query of a URL, which cannot be compared')
      .option('--confirm <ID...>', 'names of groups to delete, where no terminal can ask')
      .option('--detailed-exitcode', 'end with 7 when something was changed')
      .option('-y, --yes', 'do not ask')
      .action(run(async () => (await import('../verbs/group-apply.ts')).applyGroups)),
    {
      exits: ['changes'],
      about: [
        'The plan is shown first. It is bound to the versions that it saw: a group that was changed meanwhile is refused, and',
        'the others are applied. A group that no file declares stays, unless --prune is given and its name is typed.',
      ],
      examples: ['fleet group apply groups/', 'fleet group apply --plan plan.json --yes'],
    },
  );
  withNotes(
    noun
      .command('rollover')
      .description('show what stands in the way of removing the older CA; start or complete a rollover')
      .argument(...group)
      .option('--start', 'make a new issuing CA the current one; DPS keeps the one before')
      .option('--from <N>', 'with --start: only if this generation is current (default: the current one)', positive)
      .option('--force', 'with --start: although devices of the oldest CA could no longer register')
      .option('--complete', 'remove the older CA from DPS; refused while devices need it')
      .option('--force-locked-out <N>', 'with --complete: lock out this number of devices, as counted now', positive)
      .option('-y, --yes', 'do not ask')
      .action(run(async () => (await import('../verbs/rollover.ts')).rollover)),
    {
      exits: ['notFound'],
      about: ['Without --start and --complete, nothing is changed. docs/rollover.md describes a rollover.'],
      examples: [
        'fleet group rollover line7',
        'fleet group rollover line7 --start',
        'fleet group rollover line7 --complete',
      ],
    },
  );
  withNotes(
    noun
      .command('rotate-allocation-key')
      .description('give a group another key for its webhook (allocation "orchestrator")')
      .argument(...group)
      .action(run(async () => (await import('../verbs/groups.ts')).rotateAllocationKey)),
    {
      exits: ['notFound'],
      about: [
        'No registration fails meanwhile: the key before is good until DPS has the new one, and for an hour more.',
        'While DPS does not have the newest key, no other one is made: run it again to hand that one over.',
      ],
      examples: ['fleet group rotate-allocation-key line7'],
    },
  );
}
