import { Option } from '@commander-js/extra-typings';
import { seconds } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

const onConflict = () =>
  new Option('--on-conflict <HOW>', 'for devices that are provisioned already with other content').choices([
    'reject',
    'replace',
    'reissue',
  ] as const);
const timeout = ['--timeout <DURATION>', 'wait at most so long, such as 10m', seconds] as const;
const group = ['-g, --group <ID>', 'enrollment group of the rows that name none'] as const;
const adopt = ['--adopt', 'replace individual enrollments in DPS that were made elsewhere'] as const;

export function listCommands(root: Root, run: Run): void {
  root.commandsGroup('Lists and jobs:');
  withNotes(
    root
      .command('check')
      .description('say what a job would make of a list, with its time and price; nothing is spent')
      .argument('<FILE>', 'list of devices: .csv, .xlsx, .ndjson or .jsonl; - is stdin')
      .option(...group)
      .addOption(onConflict())
      .option(...adopt)
      .option(...timeout)
      .action(run(async () => (await import('../verbs/lists.ts')).check)),
    {
      exits: ['failedRows', 'timedOut'],
      examples: ['fleet check gateways.csv --group line7', 'fleet check gateways.csv -g line7 --json | jq .faults'],
    },
  );
  withNotes(
    root
      .command('submit')
      .description('submit a list and print its job')
      .argument('<FILE>', 'list of devices: .csv, .xlsx, .ndjson or .jsonl; - is stdin')
      .option(...group)
      .addOption(onConflict())
      .option(...adopt)
      .option('--check <DIGEST>', 'only if a check of this digest still holds')
      .option('--idempotency-key <KEY>', 'key of a submission that is repeated (default: a new one)')
      .option('-w, --watch', 'wait until the job has ended')
      .option(...timeout)
      .action(run(async () => (await import('../verbs/lists.ts')).submit)),
    {
      exits: ['failedRows', 'timedOut'],
      examples: [
        'fleet submit gateways.csv --group line7 --watch',
        'fleet submit gateways.csv -g line7 --json | jq -r .jobId',
      ],
    },
  );
}
