import { end } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

export function renewalCommands(root: Root, run: Run): void {
  const renewals = root.command('renewals').description('certificates that renew, or have to be issued again');
  withNotes(
    renewals
      .command('list')
      .description('list renewals by group: due, done, failed, late')
      .option('--days', 'a row per group and day')
      .action(run(async () => (await import('../verbs/renewals.ts')).listRenewals)),
    { examples: ['fleet renewals list', 'fleet renewals list --days', 'fleet renewals list --json'] },
  );
  withNotes(
    renewals
      .command('reissue')
      .description('issue devices of a group again that end soon and do not renew by themselves')
      .argument('<GROUP>', 'id of an enrollment group')
      .requiredOption('--before <TIME>', 'devices whose certificate ends before this; 30d is in 30 days', end)
      .option('--list', 'write the list as NDJSON and submit nothing')
      .option('-y, --yes', 'do not ask')
      .action(run(async () => (await import('../verbs/renewals.ts')).reissue)),
    {
      about: ['It shows the number of devices and the estimate, and asks, before it submits the list.'],
      exits: ['notFound'],
      examples: [
        'fleet renewals reissue line7 --before 30d',
        'fleet renewals reissue line9 --before 2027-12-31 --list > line9.ndjson',
      ],
    },
  );
}
