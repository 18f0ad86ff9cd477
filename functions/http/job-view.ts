import { isFinished, type Job, waiting } from '../../lib/jobs/job.ts';

/** A job as GET /api/jobs shows it: what is stored, and what follows from it. */
export function jobView(job: Job, at: Date) {
  const { counts, startedAt, finishedAt, jobId } = job;
  const open = waiting(counts);
  const done = counts.total - open;
  const end = finishedAt === undefined ? at : new Date(finishedAt);
  const seconds = startedAt === undefined ? 0 : Math.max(0, (end.getTime() - new Date(startedAt).getTime()) / 1000);
  const rowsPerSecond = seconds > 0 ? done / seconds : 0;
  const running = !isFinished(job.status) && job.status !== 'received';
  const remaining = Math.ceil(open / rowsPerSecond);
  // A job that was silent for longer than that waits for something, such as the messages of a host that died, and its rate
  // so far says nothing of how long.
  const last = job.lastPartAt ?? startedAt;
  const silent = last === undefined ? 0 : (at.getTime() - new Date(last).getTime()) / 1000;
  return {
    jobId,
    status: job.status,
    ...(job.reason === undefined ? {} : { reason: job.reason }),
    source: job.source,
    name: job.name,
    ...(job.defaultGroup === undefined ? {} : { enrollmentGroup: job.defaultGroup }),
    format: job.format,
    onConflict: job.onConflict,
    counts: { ...counts, waiting: open },
    percent: counts.total === 0 ? 0 : Math.floor((100 * done) / counts.total),
    rowsPerSecond: Math.round(rowsPerSecond * 10) / 10,
    ...(running && rowsPerSecond > 0 && silent <= remaining ? { remainingSeconds: remaining } : {}),
    chunks: job.chunks,
    receivedAt: job.receivedAt,
    startedAt: job.startedAt,
    lastProgressAt: job.lastPartAt,
    finishedAt: job.finishedAt,
    links: {
      self: `/api/jobs/${jobId}`,
      errors: `/api/jobs/${jobId}/errors`,
      results: `/api/jobs/${jobId}/results`,
      devices: `/api/devices?job=${jobId}`,
    },
  };
}
