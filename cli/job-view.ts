import type { Schemas } from './api.ts';
import { exitCodes } from './errors.ts';
import type { Column, Line } from './output.ts';
import { duration, grouped, plural } from './text.ts';

/*
 * How jobs and checks look to people.
 */

export type Job = Schemas['Job'];

export const jobColumns: readonly Column<Job>[] = [
  { name: 'job', value: ({ jobId }) => jobId },
  { name: 'status', value: ({ status }) => status, kind: 'status' },
  { name: 'name', value: ({ name }) => name },
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'rows', value: ({ counts }) => counts.total },
  { name: 'good', value: ({ counts }) => counts.provisioned + counts.unchanged + (counts.checked ?? 0) },
  { name: 'rejected', value: ({ counts }) => counts.rejected },
  { name: 'failed', value: ({ counts }) => counts.failed },
  { name: 'waiting', value: ({ counts }) => counts.waiting },
  { name: 'received', value: ({ receivedAt }) => receivedAt, kind: 'time' },
];

export function jobLines(job: Job): Line[] {
  const { counts, reason, rowsPerSecond, remainingSeconds } = job;
  const rate =
    job.finishedAt === undefined && rowsPerSecond > 0 ? rateText(rowsPerSecond, remainingSeconds) : undefined;
  return [
    ['job', job.jobId],
    ['status', job.status, 'status'],
    ['reason', reason === undefined ? undefined : `${reason.message} (${reason.code})`],
    ['hint', reason?.hint],
    ['name', job.name],
    ['source', job.source],
    ['group', job.enrollmentGroup],
    ['rows', rowsText(counts)],
    ['retrying', job.retrying > 0 ? plural(job.retrying, 'row') : undefined],
    ['progress', `${job.percent} %`],
    ['rate', rate],
    ['received', job.receivedAt, 'time'],
    ['started', job.startedAt, 'time'],
    ['finished', job.finishedAt, 'time'],
    ['submitted by', job.submittedBy?.by],
    ['cancelled by', job.cancelledBy?.by],
    ...repairLines(job),
    ...(job.check === undefined ? [] : checkLines({ ...job.check, rows: counts.total })),
  ];
}

function rowsText({ total, ...outcomes }: Job['counts']): string {
  const parts = Object.entries(outcomes).flatMap(([name, count]) => (count > 0 ? [`${grouped(count)} ${name}`] : []));
  return parts.length === 0 ? grouped(total) : `${grouped(total)}: ${parts.join(', ')}`;
}

/** One line of progress. */
export function progressText({ counts, rowsPerSecond, remainingSeconds, status }: Job): string {
  const { total, waiting, rejected, failed } = counts;
  const bad = [
    ...(rejected > 0 ? [`${grouped(rejected)} rejected`] : []),
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
  ];
  const rate = rowsPerSecond > 0 ? [rateText(rowsPerSecond, remainingSeconds)] : [];
  // The rows are not counted yet.
  if (total === 0) return status;
  return [`${status}: ${grouped(total - waiting)} of ${grouped(total)}`, ...rate, ...bad].join(', ');
}

function rateText(rowsPerSecond: number, remainingSeconds: number | undefined): string {
  const rate = `${grouped(Math.round(rowsPerSecond * 10) / 10)} rows/s`;
  return remainingSeconds === undefined ? rate : `${rate}, ${duration(remainingSeconds)} left`;
}

/** @returns 0 when every row is good, 5 when rows are rejected or failed, 1 when the job failed or was cancelled */
export function exitCodeOf({ status, counts }: Job): number {
  if (status === 'failed' || status === 'cancelled') return exitCodes.failed;
  return counts.rejected + counts.failed > 0 ? exitCodes.failedRows : exitCodes.ok;
}

/** The command that helps after a job has ended; undefined when nothing is left to do. */
export function nextOf({ jobId, status, counts }: Job): string | undefined {
  if (status === 'failed' || status === 'cancelled') return `fleet job show ${jobId}`;
  if (counts.rejected > 0) return `fleet job errors ${jobId} -o csv > fix.csv`;
  if (counts.failed > 0) return `fleet job errors ${jobId} --summary; fleet job retry ${jobId} --watch`;
  return status === 'completed' ? `fleet job fetch ${jobId} --out DIR` : undefined;
}

/** Lines about a check, of a small list or of a dry run. */
export function checkLines(check: Schemas['CheckSummary'] & { readonly rows: number }): Line[] {
  const { outcomes, faults, estimate } = check;
  const parts = Object.entries(outcomes).flatMap(([name, count]) => (count > 0 ? [`${grouped(count)} ${name}`] : []));
  const { once, perMonth, currency } = estimate.price;
  return [
    ['check', `${plural(check.rows, 'row')}: ${parts.join(', ') || 'none'}`],
    ...faults.flatMap(({ code, rows, first }): Line[] => [
      ['fault', `${code}: ${plural(rows, 'row')}`],
      ...first.map(({ line, message }): Line => ['', `line ${line}: ${message}`]),
    ]),
    ...estimate.phases.map(({ phase, minutes, binding }): Line => {
      const what = phase === 'issue' ? 'until bundles are ready' : 'until all devices have registered';
      return [
        'time',
        `about ${duration(minutes * 60)} ${what}${binding === undefined ? '' : `, limited by ${binding}`}`,
      ];
    }),
    ...(estimate.renewals ?? []).map((each): Line => ['renewals', renewalsText(each)]),
    ...(estimate.issuance ?? []).flatMap(({ enrollmentGroup, by, reason }): Line[] =>
      reason === undefined ? [] : [['issuing', `${enrollmentGroup}: ${by}. ${reason}`]],
    ),
    ['price', `about ${once.toFixed(2)} ${currency} once, ${perMonth.toFixed(2)} ${currency} per month`],
    ['digest', check.digest],
  ];
}

function renewalsText(renewals: NonNullable<Schemas['Estimate']['renewals']>[number]): string {
  const { enrollmentGroup, ofDevices, jitterDays, perDay, perMinute, aboveHalfOfQuota } = renewals;
  const pace = `up to ${grouped(perDay)} a day, ${grouped(perMinute)} a minute`;
  const advice = aboveHalfOfQuota ? '; more than half of what DPS takes, set a larger validityJitterDays' : '';
  return `${enrollmentGroup}: ends of ${plural(ofDevices, 'certificate')} are spread over ${plural(jitterDays, 'day')}; ${pace}${advice}`;
}

/** Lines about what the reader of the list repaired or doubts. */
export function repairLines({
  repairs,
  warnings,
  renamedColumns = [],
}: Pick<Job, 'repairs' | 'warnings' | 'renamedColumns'>): Line[] {
  return [
    ...Object.entries(repairs).map(([name, count]): Line => ['repaired', `${name}: ${grouped(count)}`]),
    ...Object.entries(warnings).map(([name, count]): Line => ['warning', `${name}: ${grouped(count)}`]),
    ...renamedColumns.map(({ written, read }): Line => ['column', `"${written}" was read as ${read}`]),
  ];
}
