import { failureOf } from '../devices/reissue.ts';
import { isEnrollmentFailure } from '../enrollment/enrollments.ts';
import { type FailureReason, FleetError, isRetriable } from '../errors.ts';
import { finishIfDone } from '../jobs/count-part.ts';
import { archiveName, type Job, partName } from '../jobs/job.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { type DeviceRequest, type RowError, rowError } from '../manifest/manifest.ts';
import type { Ports } from './ports.ts';
import { type ClaimedRow, claimOptions, deviceError, lookUpClaims, recordsOfAttempt } from './steps/claim.ts';
import { type Committed, findArchive } from './steps/commit.ts';
import { nameLost } from './steps/name-unused.ts';
import { readRows } from './steps/read.ts';
import { type RecordPorts, recordOutcome, type SettleOptions, settleRows } from './steps/record.ts';

export type AbandonPorts = RecordPorts & Pick<Ports, 'groups' | 'manifests'>;

/**
 * Gives up a chunk whose deliveries all failed. It ends as provisioning does: the same rows are read, their claims looked
 * up, settled and counted. A row whose device was recorded in time is provisioned. Every other row gets the reason in place
 * of its archive entry: it is counted as failed and releases its device, and a retry of the job takes it up. If the manifest is gone, no retry can read
 * the row: it is rejected as `manifest-gone`. Every row has a line in the report.
 *
 * A chunk that is counted stays as it is, and its job is ended if the earlier delivery was cut before that. The chunk of a job
 * that does not exist changes nothing.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function abandonChunk(message: ChunkMessage, reason: FailureReason, ports: AbandonPorts): Promise<void> {
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt);
  const { job, part: counted } = await ports.jobs.readWithPart(jobId, part);
  if (job === undefined) return;
  if (counted !== undefined) return finishIfDone(ports, job, ports.now());

  const archive = archiveName(jobId, part);
  const committed = await readableArchive(archive, ports);
  const outcome = settleRows({
    ...(await abandonedRows(job, message, { reason, committed }, ports)),
    committed,
    recordsArchive: false,
    archive,
    at: ports.now().toISOString(),
  });
  await recordOutcome(message, outcome, ports);
}

type AbandonedRows = Pick<SettleOptions, 'claimed' | 'unchanged' | 'errors' | 'unissued'>;

interface Abandoned {
  readonly reason: FailureReason;
  readonly committed: Committed;
}

async function abandonedRows(
  job: Job,
  message: ChunkMessage,
  abandoned: Abandoned,
  ports: AbandonPorts,
): Promise<AbandonedRows> {
  const { reason } = abandoned;
  try {
    const rows = await readRows(job, message, ports);
    const claims = await lookUpClaims(rows.requests, claimOptions(job, message), ports);
    const { claimed, unchanged, errors, open } = claims;
    await nameLost(claims.lost, ports);
    const lost = open.map(({ request }) => gaveUp(request, reason));
    const unissued = ({ request }: ClaimedRow) => gaveUp(request, reason);
    return { claimed, unchanged, errors: [...rows.faults, ...errors, ...lost], unissued };
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== 'manifest-gone') throw error;
    return rowsByRecords(message, abandoned, ports);
  }
}

/**
 * The rows of a chunk whose manifest is gone. Device records and the archive name the rows that got a certificate, and records
 * those that took a device over; each other row gets an error without its content. No retry can read these rows again, so all
 * that are not provisioned are `manifest-gone`.
 */
async function rowsByRecords(
  message: ChunkMessage,
  { reason, committed }: Abandoned,
  { devices }: AbandonPorts,
): Promise<AbandonedRows> {
  const claimed: ClaimedRow[] = [];
  const errors: RowError[] = [];
  const unrecorded = new Map(committed);
  for await (const record of recordsOfAttempt(message, devices)) {
    const { id: deviceId, enrollmentGroup, claim, status } = record.value;
    const failure = failureOf(record.value);
    unrecorded.delete(deviceId);
    const request = { deviceId, enrollmentGroup, line: claim.line, source: '', tags: {}, desired: {} };
    if (status !== 'failed' && failure === undefined) claimed.push({ request, record });
    // A refused enrollment is counted by the enrollments part. An error of the sender is final already.
    else if (failure !== undefined && (isEnrollmentFailure(failure.code) || !isRetriable(failure.code)))
      errors.push(deviceError(request, failure.code, failure.message));
    else errors.push(lostRow(request, failure ?? reason));
  }
  // Their certificates are named by name-unused.ts.
  for (const { info } of unrecorded.values()) errors.push(lostRow({ ...info, source: '' }, reason));
  const named = [...claimed.map(({ request }) => request.line), ...errors.map(({ line }) => line)];
  errors.push(...unnamedRows(message, named, reason));
  return { claimed, unchanged: [], errors, unissued: ({ request }) => lostRow(request, reason) };
}

/**
 * One error per row that nothing names. A retry names the lines of its rows. Otherwise each row is taken to be one line, as
 * nearly all are; a row with a line break inside quotes moves the later ones.
 */
function unnamedRows(message: ChunkMessage, named: readonly number[], reason: FailureReason): RowError[] {
  const { firstLine, rows, lines = Array.from({ length: rows }, (_, row) => firstLine + row) } = message;
  const isNamed = new Set(named);
  const open = lines.filter((line) => !isNamed.has(line)).slice(0, lines.length - named.length);
  return open.map((line) => {
    const place =
      message.lines === undefined
        ? `This is row ${line - firstLine + 1} of the ${rows} rows that begin on line ${firstLine}.`
        : `The row begins on line ${line}.`;
    return rowError({ line, source: '' }, { code: 'manifest-gone', message: `${place} ${goneMessage(reason)}` });
  });
}

/** The error of a row that is known by its device only. */
function lostRow(row: Pick<DeviceRequest, 'line' | 'source' | 'deviceId'>, reason: RowReason): RowError {
  return deviceError(row, 'manifest-gone', goneMessage(reason));
}

type RowReason = Pick<FailureReason, 'code' | 'message'>;

function goneMessage({ code, message }: RowReason): string {
  if (code === 'manifest-gone') return message;
  return `The manifest was deleted, so the row cannot be read again. It failed before with ${code}: ${message}`;
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
