import { positive, seconds, time } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

const limit = ['--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive] as const;
const timeout = ['--timeout <DURATION>', 'wait at most so long, such as 10m', seconds] as const;
const jobId = ['<JOB>', 'id of a job, 24 hex digits'] as const;
const yes = ['-y, --yes', 'do not ask'] as const;

export function jobCommands(root: Root, run: Run): void {
  withNotes(
    root
      .command('jobs')
      .description('list jobs, newest first')
      .option('--status <LIST>', 'only these statuses, with commas between')
      .option('--source <WAY>', 'only jobs that came this way: blob, order, http')
      .option('--since <TIME>', 'received at this time or later; 2h is two hours ago', time)
      .option('--until <TIME>', 'received before this time', time)
      .option(...limit)
      .action(run(async () => (await import('../verbs/jobs.ts')).listJobs)),
    { examples: ['fleet jobs --since 1d', 'fleet jobs --status failed,completedWithErrors -o csv > jobs.csv'] },
  );
  const job = root.command('job').description('one job: its progress, reports and bundles');
  withNotes(
    job
      .command('show')
      .description('show a job: status, counts, rate')
      .argument(...jobId)
      .action(run(async () => (await import('../verbs/jobs.ts')).showJob)),
    { exits: ['notFound'], examples: ['fleet job show 3f2a9c4e8b1d7a6050c3e9f1'] },
  );
  withNotes(
    job
      .command('watch')
      .description('wait until a job has ended')
      .argument(...jobId)
      .option(...timeout)
      .action(run(async () => (await import('../verbs/jobs.ts')).watchJob)),
    {
      exits: ['notFound', 'failedRows', 'timedOut'],
      about: ['With -o jsonl, the job is written each time that it has changed.'],
      examples: ['fleet job watch 3f2a9c4e8b1d7a6050c3e9f1 --timeout 30m'],
    },
  );
  withNotes(
    job
      .command('errors')
      .description('rejected and failed rows of a job')
      .argument(...jobId)
      .option('--reason <CODE>', 'only rows with this code')
      .option('--summary', 'count them by code')
      .option(...limit)
      .action(run(async () => (await import('../verbs/reports.ts')).jobErrors)),
    {
      exits: ['notFound'],
      about: ['With -o csv, the rows are written as they were sent. Fix them and submit the file.'],
      examples: [
        'fleet job errors 3f2a9c4e8b1d7a6050c3e9f1 --summary',
        'fleet job errors 3f2a9c4e8b1d7a6050c3e9f1 -o csv > fix.csv',
      ],
    },
  );
  withNotes(
    job
      .command('results')
      .description('provisioned devices of a job, with their certificates')
      .argument(...jobId)
      .option(...limit)
      .action(run(async () => (await import('../verbs/reports.ts')).jobResults)),
    { exits: ['notFound'], examples: ['fleet job results 3f2a9c4e8b1d7a6050c3e9f1 -o csv > results.csv'] },
  );
  withNotes(
    job
      .command('fetch')
      .description('download all bundles of a job for a line without network')
      .argument(...jobId)
      .requiredOption('--out <DIR>', 'folder of the bundles; a second run loads only what is missing')
      .option('--label-url <TEMPLATE>', 'URL on a label, with {deviceId} (default: labelUrl of the group)')
      .option('--parallel <N>', 'downloads at the same time', positive, 4)
      .action(run(async () => (await import('../verbs/fetch.ts')).fetchJob)),
    {
      exits: ['notFound'],
      about: [
        'DIR gets bundles/, index.csv (device, file, SHA-256, certificate) and labels.csv (a row per label). Every file is',
        'compared with the SHA-256 that the deployment recorded. Bundles can hold private keys: their mode is 0600.',
      ],
      examples: ['fleet job fetch 3f2a9c4e8b1d7a6050c3e9f1 --out lot-7'],
    },
  );
  withNotes(
    job
      .command('retry')
      .description('process the failed rows of a job again')
      .argument(...jobId)
      .option('--adopt', 'replace individual enrollments in DPS that were made elsewhere')
      .option('-w, --watch', 'wait until the job has ended')
      .option(...timeout)
      .action(run(async () => (await import('../verbs/jobs.ts')).retryJob)),
    { exits: ['notFound', 'failedRows', 'timedOut'], examples: ['fleet job retry 3f2a9c4e8b1d7a6050c3e9f1 --watch'] },
  );
  withNotes(
    job
      .command('cancel')
      .description('cancel a job; rows that are provisioned stay so')
      .argument(...jobId)
      .option(...yes)
      .action(run(async () => (await import('../verbs/jobs.ts')).cancelJob)),
    { exits: ['notFound'], examples: ['fleet job cancel 3f2a9c4e8b1d7a6050c3e9f1'] },
  );
}
