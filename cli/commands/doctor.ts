import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

export function doctorCommand(root: Root, run: Run): void {
  withNotes(
    root
      .command('doctor')
      .description('check this workstation and the deployment; each fault with its fix')
      .action(run(async () => (await import('../verbs/doctor.ts')).doctor)),
    {
      about: ['Reads only. With a function key, one request each shows which roles it opens.'],
      examples: ['fleet doctor', 'fleet doctor --profile plant -o json'],
    },
  );
}
