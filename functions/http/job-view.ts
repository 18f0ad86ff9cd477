import * as z from 'zod';
import {
  conflictPolicies,
  currentStatus,
  endedAt,
  isFinished,
  type Job,
  jobStatuses,
  waiting,
} from '../../lib/jobs/job.ts';
import { manifestFormats } from '../../lib/manifest/formats.ts';
import { repairsAndWarnings } from '../../lib/manifest/repairs.ts';
import { checkSummarySchema } from './check-view.ts';
import { act, count, failureReason, readerNotes, reference, time } from './schemas.ts';

/** A job as the API shows it. */
export const jobSchema = z
  .object({
    jobId: z.string(),
    status: z.enum(jobStatuses),
    reason: failureReason.optional().describe('Why it failed.'),
    source: z.enum(['blob', 'order', 'http']),
    name: z.string().describe("The blob's name or the order's id."),
    enrollmentGroup: z.string().optional().describe('The group of rows that name none.'),
    format: z.enum(manifestFormats).optional().describe('Absent when the name of the blob gives none.'),
    onConflict: z.enum(conflictPolicies),
    reference: reference.optional().describe("The sender's own keys, from its order."),
    adopt: z
      .literal(true)
      .optional()
      .describe('Individual enrollments that this deployment did not create are replaced.'),
    dryRun: z.literal(true).optional().describe('Its rows are checked, and nothing is provisioned (docs/check.md).'),
    expectedCheck: z.string().optional().describe('The digest of the check that has to hold before it begins.'),
    check: checkSummarySchema.optional().describe('What a dry run found, once it has ended.'),
    counts: z
      .object({
        total: count,
        provisioned: count,
        unchanged: count,
        rejected: count.describe('Only the sender can correct these rows.'),
        failed: count.describe('A retry takes these rows up.'),
        cancelled: count,
        checked: count.optional().describe('Only in a dry run: rows that a job would provision.'),
        waiting: z.int(),
      })
      .describe('Rows by outcome.'),
    retrying: count.describe('Rows of a retry that are not counted again yet.'),
    ...readerNotes,
    percent: z.int().min(0).max(100).describe('Share of rows that are done.'),
    rowsPerSecond: z.number().min(0),
    remainingSeconds: count.optional().describe('Absent while it cannot be told.'),
    chunks: count,
    receivedAt: time,
    startedAt: time.optional(),
    lastProgressAt: time.optional(),
    finishedAt: time.optional(),
    submittedBy: act.readonly().optional().describe('Absent for a blob, whose uploader is not known.'),
    cancelledBy: act.readonly().optional(),
    retries: z
      .array(act.extend({ rows: count, adopt: z.literal(true).optional() }).readonly())
      .readonly()
      .optional()
      .describe('The latest 20 retries, oldest first.'),
    links: z
      .object({ self: z.string(), errors: z.string(), results: z.string(), devices: z.string() })
      .describe('Paths.'),
  })
  .meta({ id: 'Job', description: 'One submitted manifest and everything that becomes of it.' });

/**
 * A job as the API shows it: the stored job, its progress and its rate.
 * @param at the time up to which a running job is measured
 */
export function jobView(job: Job, at: Date): z.input<typeof jobSchema> {
  const { counts, startedAt, jobId } = job;
  const status = currentStatus(job);
  const finishedAt = endedAt(job);
  const retrying = Math.max(0, job.retrying ?? 0);
  const open = waiting(counts) + retrying;
  const done = counts.total - open;
  const end = finishedAt === undefined ? at : new Date(finishedAt);
  const seconds = startedAt === undefined ? 0 : Math.max(0, (end.getTime() - new Date(startedAt).getTime()) / 1000);
  const rowsPerSecond = seconds > 0 ? done / seconds : 0;
  const running = !isFinished(status) && status !== 'received';
  const remaining = Math.ceil(open / rowsPerSecond);
  // A job without progress for longer than its remaining time is blocked, for example by the messages of a host that died.
  // Its rate so far then says nothing about the end.
  const last = job.lastPartAt ?? startedAt;
  const silentSeconds = last === undefined ? 0 : (at.getTime() - new Date(last).getTime()) / 1000;
  return {
    jobId,
    status,
    reason: job.reason,
    source: job.source,
    name: job.name,
    enrollmentGroup: job.defaultGroup,
    format: job.format,
    onConflict: job.onConflict,
    reference: job.reference,
    adopt: job.adopt,
    dryRun: job.dryRun === true ? true : undefined,
    expectedCheck: job.expectedCheck,
    check: job.check,
    counts: { ...counts, waiting: waiting(counts) },
    retrying,
    ...repairsAndWarnings(job.repairs ?? {}),
    renamedColumns: job.shape?.renamed,
    percent: counts.total === 0 ? 0 : Math.floor((100 * done) / counts.total),
    rowsPerSecond: Math.round(rowsPerSecond * 10) / 10,
    remainingSeconds: running && rowsPerSecond > 0 && silentSeconds <= remaining ? remaining : undefined,
    chunks: job.chunks,
    receivedAt: job.receivedAt,
    startedAt: job.startedAt,
    lastProgressAt: job.lastPartAt,
    finishedAt,
    submittedBy: job.submittedBy,
    cancelledBy: job.cancelledBy,
    retries: job.retries,
    links: {
      self: `/api/jobs/${jobId}`,
      errors: `/api/jobs/${jobId}/errors`,
      results: `/api/jobs/${jobId}/results`,
      devices: `/api/devices?job=${jobId}`,
    },
  };
}
