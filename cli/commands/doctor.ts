import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

export function doctorCommand(root: Root, run: Run): void {
  withNotes(
    root
      .command('doctor')
      .description('check this workstation and the deployment, and say how to fix each fault')
      .option(
        '--dps <ID>',
        'look at the hubs linked to this DPS too, with your own rights (az login): its resource id, or "local"',
      )
      .option(
        '--deployment <ID>',
        'look at the deployment from outside too, with your own rights (az login): the resource id of its resource group',
      )
      .action(run(async () => (await import('../verbs/doctor.ts')).doctor)),
    {
      about: [
        'Reads only. With a function key, it tries one request per role to see which ones the key opens. What is used of',
        'the limits of DPS and its hubs is what the latest sweep counted. The app cannot ask DPS for its linked hubs: that',
        'takes --dps. --deployment reads what Azure shows to the role Reader: registered providers, roles and their age,',
        'what Event Grid delivered, the applications that may call, linked hubs, proven CA certificates. It also compares',
        'the package of the app with dist/package.',
      ],
      examples: [
        'fleet doctor',
        'fleet doctor --dps local',
        'fleet doctor --profile plant --dps "$DPS_ID" -o json',
        'fleet doctor --deployment "$GROUP_ID"',
      ],
    },
  );
}
