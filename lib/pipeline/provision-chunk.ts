import type { DeviceStore } from '../devices/device.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import { countPart, finishIfDone } from '../jobs/count-part.ts';
import type { JobStore } from '../jobs/job.ts';
import { archiveName, type Job, partName, reportName } from '../jobs/job.ts';
import { type ChunkMessage, type EnrollmentMessage, placeOf } from '../jobs/messages.ts';
import { writeChunkReport } from '../jobs/reports.ts';
import type { DeviceRequest, RowError } from '../manifest/manifest.ts';
import { type ChunkRows, createRowReader } from '../manifest/rows.ts';
import type { BlobStore, MessageQueue, Versioned } from '../storage.ts';
import { metrics, step } from '../telemetry.ts';
import { type ClaimedRow, claimRows } from './steps/claim.ts';
import { commitArchive, findArchive } from './steps/commit.ts';
import type { Issuance } from './steps/issue.ts';
import { issueArchive } from './steps/issue.ts';
import { type ChunkOutcome, replaceRecords, settleRows } from './steps/record.ts';

export interface ProvisionServices {
  readonly jobs: JobStore;
  readonly devices: DeviceStore;
  readonly groups: Groups;
  readonly manifests: BlobStore;
  readonly bundles: BlobStore;
  readonly reports: BlobStore;
  readonly enrollmentQueue: MessageQueue<EnrollmentMessage>;
  readonly openIssuance: (group: Versioned<GroupRecord>) => Promise<Issuance>;
  readonly now: () => Date;
  readonly random?: (bytes: number) => Buffer;
}

/**
 * Provisions the rows of one chunk: the seven steps of docs/LIFECYCLE.md. A crash between any two lines, a second
 * delivery or a second worker leads to the same end: each accepted row has one live certificate and is counted once.
 */
export async function provisionChunk(message: ChunkMessage, services: ProvisionServices): Promise<void> {
  const { jobs, devices, groups, manifests, bundles, reports, enrollmentQueue, openIssuance, now, random } = services;
  const { jobId, chunk, attempt } = message;
  const began = performance.now();
  const part = partName(chunk, attempt);
  const at = { jobId, chunk, attempt };

  const { job, part: counted } = await jobs.readWithPart(jobId, part);
  if (job === undefined)
    throw new FleetError('message-invalid', `Queue "chunks" names a job that does not exist: ${jobId}.`);
  if (counted !== undefined) return finishIfDone(jobs, job, now());

  // Step 1: read and validate. A bad row becomes a fault and never stops its neighbours.
  const { requests, faults } = await step('1 read', at, () => readChunk(job, message, groups, manifests));
  // What an earlier delivery has begun is finished, or its claims would hold the devices for ever.
  if ((job.status === 'cancelled' || job.status === 'failed') && !(await hasBegun(requests, message, devices)))
    return job.status === 'failed' ? undefined : dropChunk(jobs, job, message, part, now());

  // Steps 2 and 3: claim the devices, and compare with those that exist.
  const {
    claimed,
    unchanged,
    faults: refused,
    earlier,
  } = await step('2 claim', at, () =>
    claimRows(requests, { devices, jobId, chunk, attempt, onConflict: job.onConflict, now: now(), random }),
  );

  // Step 4: see to it that each group and its issuing CA are in DPS as declared.
  const { issuances, refusals } = await step('4 ensure groups', at, () => openGroups(claimed, groups, openIssuance));

  // Steps 5 and 6: issue and commit. What an earlier delivery committed is issued already.
  const archive = archiveName(jobId, part);
  const committedBefore = earlier ? await findArchive(bundles, archive) : undefined;
  const toIssue = claimed.filter((row) => !committedBefore?.has(row.request.deviceId));
  const { committed, unissued } = await issueAndCommit();

  // Step 7: record. Devices first, then the chunk and the job's counters together.
  const outcome = settleRows({
    ...{ claimed, unchanged, committed, archive, at: now().toISOString() },
    faults: [...faults, ...refused],
    rowFaults: [...unissued, ...refusals],
  });
  await step('7 record', at, () => record(outcome));

  /** In a scope of its own, which lets go of the bundles once they are stored: they are most of a chunk's memory. */
  async function issueAndCommit() {
    const issued = await step('5 issue', at, () => issueArchive(toIssue, issuances));
    // Whoever creates the archive first has issued the chunk's certificates.
    const commit = () => commitArchive(bundles, archive, issued.archive);
    return { committed: committedBefore ?? (await step('6 commit', at, commit)), unissued: issued.faults };
  }

  async function record({ records, report, counts, enrolling }: ChunkOutcome): Promise<void> {
    await replaceRecords(devices, records);
    const name = reportName(jobId, part);
    await writeChunkReport(reports, name, report);
    if (enrolling > 0) await enrollmentQueue.send([{ jobId, chunk, attempt }]);
    const finishedAt = now().toISOString();
    const outcome = lessRetried(counts, message);
    const counted = { part, chunk, outcome, finishedAt, range: placeOf(message), report: name };
    await countPart(jobs, jobId, counted, report.faults, now());
    metrics.chunkDuration.record((performance.now() - began) / 1000);
  }
}

async function readChunk(job: Job, message: ChunkMessage, groups: Groups, manifests: BlobStore): Promise<ChunkRows> {
  const { blob, etag } = job.manifest;
  if (job.shape === undefined) throw new FleetError('internal', `Job ${job.jobId} has chunks and no shape.`);
  const { shape, defaultGroup } = job;
  const bytes = await manifests.readRange(blob, { offset: message.start, length: message.end - message.start, etag });

  const readWith = (known: ReadonlyMap<string, Versioned<GroupRecord>>) =>
    createRowReader({ shape, defaultGroup, group: (id) => known.get(id)?.value.definition })(bytes, message.firstLine);
  const rows = readWith(await groups.directory());
  if (!rows.faults.some((fault) => fault.code === 'group-unknown')) return rowsOf(message, rows);
  // The group may have been declared a moment ago.
  return rowsOf(message, readWith(await groups.directory({ maxAgeSeconds: 0 })));
}

/** The rows that the message is about. */
function rowsOf({ lines }: ChunkMessage, rows: ChunkRows): ChunkRows {
  if (lines === undefined) return rows;
  const wanted = ({ line }: { line: number }) => lines.includes(line);
  return { requests: rows.requests.filter(wanted), faults: rows.faults.filter(wanted) };
}

async function openGroups(claimed: readonly ClaimedRow[], groups: Groups, open: ProvisionServices['openIssuance']) {
  const issuances = new Map<string, Issuance>();
  const refusals: { row: ClaimedRow; fault: RowError }[] = [];
  const directory = await groups.directory();
  for (const id of new Set(claimed.map(({ request }) => request.enrollmentGroup))) {
    const group = directory.get(id);
    try {
      if (group === undefined) throw new FleetError('group-unknown', `There is no enrollment group "${id}".`);
      issuances.set(id, await open(await groups.ensure(group)));
    } catch (error) {
      if (!(error instanceof FleetError) || error.retry) throw error;
      for (const row of claimed.filter(({ request }) => request.enrollmentGroup === id)) {
        refusals.push({ row, fault: groupFault(row.request, error) });
      }
    }
  }
  return { issuances, refusals };
}

function groupFault({ line, source, enrollmentGroup }: DeviceRequest, { code, message }: FleetError): RowError {
  return { line, source, column: 'enrollmentGroup', value: enrollmentGroup, code, message };
}

/** Rows that are tried again were counted as failed, and are so until this very moment. */
function lessRetried<Counts extends { failed: number }>(
  counts: Counts,
  { lines = [] }: Pick<ChunkMessage, 'lines'>,
): Counts {
  return { ...counts, failed: counts.failed - lines.length };
}

/** Whether an earlier delivery of the message has laid a claim on any of its devices. */
async function hasBegun(
  requests: readonly DeviceRequest[],
  { jobId, chunk, attempt }: ChunkMessage,
  devices: DeviceStore,
): Promise<boolean> {
  const records = await devices.read(requests.map(({ deviceId }) => deviceId));
  return records.some((record) => {
    const claim = record?.value.claim;
    return claim?.jobId === jobId && claim.chunk === chunk && claim.attempt === attempt;
  });
}

/** Counts the rows of a chunk that a cancelled job no longer begins. Rows that were to be tried again stay failed. */
async function dropChunk(jobs: JobStore, job: Job, message: ChunkMessage, part: string, at: Date): Promise<void> {
  const { chunk, rows, lines } = message;
  const cancelled = lines === undefined ? rows : 0;
  const outcome = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled };
  await countPart(jobs, job.jobId, { part, chunk, outcome, finishedAt: at.toISOString() }, [], at);
}
