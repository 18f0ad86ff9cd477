import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

export function doctorCommand(root: Root, run: Run): void {
  withNotes(
    root
      .command('doctor')
      .description('check this workstation and the deployment; each fault with its fix')
      .option(
        '--dps <ID>',
        'look at the hubs linked to this DPS too, with your own rights (az login): its resource id, or "local"',
      )
      .action(run(async () => (await import('../verbs/doctor.ts')).doctor)),
    {
      about: [
        'Reads only. With a function key, it tries one request per role to see which ones the key opens. What is used of',
        'the limits of DPS and its hubs is what the latest sweep counted. The app cannot ask DPS for its linked hubs: that',
        'takes --dps.',
      ],
      examples: ['fleet doctor', 'fleet doctor --dps local', 'fleet doctor --profile plant --dps "$DPS_ID" -o json'],
    },
  );
}
