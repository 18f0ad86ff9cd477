import { createHash } from 'node:crypto';
import { asStream } from '../byte-stream.ts';
import { type Job, noRows } from '../jobs/job.ts';
import { addRepairs } from '../manifest/repairs.ts';
import type { SplitManifest } from '../manifest/splitter.ts';
import { type CheckPorts, createListCheck } from './check-chunk.ts';
import { createCheckSum } from './check-summary.ts';
import type { CheckedListOptions, CheckList } from './checked-list.ts';
import type { Ports } from './ports.ts';
import { clashesOf } from './steps/read.ts';

/** @param ports of all groups: the limits of the caller are in the list, as they are in a job */
export function createListChecker(ports: CheckPorts & Pick<Ports, 'deployment'>): CheckList {
  return async ({ bytes, split, ...options }) => {
    // A group may have been declared or changed a moment ago.
    await ports.groups.directory({ maxAgeSeconds: 0 });
    const readRange = async (_: string, { offset, length }: { offset: number; length: number }) =>
      bytes.subarray(offset, offset + length);
    const open = async () => asStream(bytes);
    const rows = { readRange, open };
    const reading = { ...ports, manifests: rows, reports: rows };
    const described = jobOf(options, split, ports.now());
    const clashes = await clashesOf(described, split, reading);
    const job = clashes === undefined ? described : { ...described, shape: { ...split.shape, clashes } };
    const check = createListCheck(job, split, reading);
    const sum = createCheckSum();
    for (const range of split.chunks) sum.add(await check.check({ jobId: job.jobId, ...range, attempt: 1 }));
    const list = { ...options, sha256: createHash('sha256').update(bytes).digest('hex') };
    const summary = sum.summary(list, { deployment: ports.deployment, at: ports.now() });
    const { renamed } = split.shape;
    const repairs = addRepairs(split.repairs, sum.repairs);
    return { rows: split.rows, ...summary, repairs, ...(renamed !== undefined && { renamedColumns: renamed }) };
  };
}

/** The job that would provision the list. It is not stored, and no job has its id. */
function jobOf(options: Omit<CheckedListOptions, 'sha256'>, split: SplitManifest, now: Date): Job {
  const { format, defaultGroup, onConflict, allowedGroups } = options;
  return {
    jobId: '0'.repeat(24),
    source: 'http',
    name: '',
    manifest: { blob: '', etag: '' },
    format,
    ...(defaultGroup !== undefined && { defaultGroup }),
    onConflict,
    ...(allowedGroups !== undefined && { allowedGroups }),
    dryRun: true,
    status: 'checking',
    shape: split.shape,
    chunks: split.chunks.length,
    counts: noRows,
    repairs: split.repairs,
    receivedAt: now.toISOString(),
  };
}
