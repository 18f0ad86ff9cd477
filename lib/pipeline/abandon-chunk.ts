import { type FailureReason, FleetError } from '../errors.ts';
import { archiveName, type Job, partName } from '../jobs/job.ts';
import type { ChunkAttempt, ChunkMessage } from '../jobs/messages.ts';
import type { DeviceRequest, RowError } from '../manifest/manifest.ts';
import type { Ports } from './ports.ts';
import { type ClaimedRow, claimOptions, deviceError, lookUpClaims, recordsOfAttempt } from './steps/claim.ts';
import { type Committed, findArchive } from './steps/commit.ts';
import { readRows } from './steps/read.ts';
import { type RecordPorts, recordOutcome, type SettleOptions, settleRows } from './steps/record.ts';

export type AbandonPorts = RecordPorts & Pick<Ports, 'groups' | 'manifests' | 'bundles'>;

/**
 * Gives up a chunk whose deliveries all failed. It ends as provisioning does: the same rows are read, their claims looked
 * up, settled and counted. A row whose device was recorded in time is provisioned. Every other row gets the reason in place
 * of its archive entry: it is counted as failed and releases its device, and a retry of the job takes it up.
 *
 * Giving up a chunk that is counted, or the chunk of a job that does not exist, changes nothing.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function abandonChunk(message: ChunkMessage, reason: FailureReason, ports: AbandonPorts): Promise<void> {
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt);
  const { job, part: counted } = await ports.jobs.readWithPart(jobId, part);
  if (job === undefined || counted !== undefined) return;

  const archive = archiveName(jobId, part);
  const outcome = settleRows({
    ...(await abandonedRows(job, message, reason, ports)),
    committed: await readableArchive(archive, ports),
    unissued: ({ request }) => gaveUp(request, reason),
    recordsArchive: false,
    archive,
    at: ports.now().toISOString(),
  });
  // Without the manifest, rows that hold no device cannot be named. They are counted all the same.
  const named = Object.values(outcome.counts).reduce((sum, rows) => sum + rows, outcome.enrolling);
  const unnamed = (message.lines?.length ?? message.rows) - named;
  const counts = { ...outcome.counts, failed: outcome.counts.failed + unnamed };
  await recordOutcome(message, { ...outcome, counts }, ports);
}

type AbandonedRows = Pick<SettleOptions, 'claimed' | 'unchanged' | 'errors'>;

async function abandonedRows(
  job: Job,
  message: ChunkMessage,
  reason: FailureReason,
  ports: AbandonPorts,
): Promise<AbandonedRows> {
  try {
    const rows = await readRows(job, message, ports);
    const { claimed, unchanged, errors, open } = await lookUpClaims(rows.requests, claimOptions(job, message), ports);
    const lost = open.map(({ request }) => gaveUp(request, reason));
    return { claimed, unchanged, errors: [...rows.faults, ...errors, ...lost] };
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== 'manifest-gone') throw error;
    return rowsByRecords(message, reason, ports);
  }
}

/** The rows of a chunk whose manifest is gone, by the device records: they are all that is left. */
async function rowsByRecords(
  attempt: ChunkAttempt,
  reason: FailureReason,
  { devices }: AbandonPorts,
): Promise<AbandonedRows> {
  const claimed: ClaimedRow[] = [];
  const errors: RowError[] = [];
  for await (const record of recordsOfAttempt(attempt, devices)) {
    const { id: deviceId, enrollmentGroup, claim, status, failure } = record.value;
    const request = { deviceId, enrollmentGroup, line: claim.line, source: '', tags: {}, desired: {} };
    if (status === 'failed') errors.push({ ...gaveUp(request, reason), ...failure });
    else claimed.push({ request, record });
  }
  return { claimed, unchanged: [], errors };
}

/** The committed devices; none where the archive is damaged, which may be why the chunk is given up. */
async function readableArchive(name: string, { bundles }: AbandonPorts): Promise<Committed> {
  try {
    return (await findArchive(name, bundles)) ?? new Map();
  } catch (error) {
    if (error instanceof FleetError && error.code === 'archive-damaged') return new Map();
    throw error;
  }
}

function gaveUp(row: Pick<DeviceRequest, 'line' | 'source' | 'deviceId'>, { message }: FailureReason): RowError {
  return deviceError(row, 'gave-up', message);
}
