import { certificatesOf, inheritedCertificateNames } from '../../devices/certificates.ts';
import { type DeviceRecord, enrolledCertificates, withEvent } from '../../devices/device.ts';
import { formerTwinOf, heldWhileClaimed, withFormerGroup } from '../../devices/reissue.ts';
import { type ConflictPolicy, type Job, partName, type SerialNumbers } from '../../jobs/job.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import { contentHash, type DeviceRequest, type RowError, rowError } from '../../manifest/manifest.ts';
import { oweStill } from '../../outbox.ts';
import { newSerialNumber } from '../../pki/serial.ts';
import type { Versioned } from '../../storage.ts';
import { step } from '../../telemetry.ts';
import type { Ports } from '../ports.ts';
import { compare } from './compare.ts';
import { deviceExists } from './differences.ts';

/** A row that holds its device: its serial number is stored, and nothing is signed yet or by this row only. */
export interface ClaimedRow {
  readonly request: DeviceRequest;
  readonly record: ClaimRecord;
}

/** The record of a device that a row claimed. Without an etag it is not stored yet: the device is new. */
export interface ClaimRecord {
  readonly value: DeviceRecord;
  readonly etag?: string;
}

export interface UnchangedRow {
  readonly request: DeviceRequest;
  readonly record: DeviceRecord;
}

/** Each row is in exactly one of `claimed`, `unchanged` and `errors`. */
export interface Claims {
  readonly claimed: readonly ClaimedRow[];
  readonly unchanged: readonly UnchangedRow[];
  readonly errors: readonly RowError[];
  /** An earlier delivery of this attempt made some of the claims, so it may have committed an archive too. */
  readonly hasPriorClaims: boolean;
  /**
   * Serial numbers that an earlier delivery fixed for new devices which this attempt does not hold now, by device id. They can
   * have been signed.
   */
  readonly lost: SerialNumbers;
}

/** Claims as the device records show them. Each row is in exactly one of `claimed`, `unchanged`, `errors` and `open`. */
export interface FoundClaims extends Claims, ComparedRows {}

interface ComparedRows extends Omit<Claims, 'lost'> {
  /** Rows that hold no device and may claim one. */
  readonly open: readonly OpenRow[];
}

/** A row that may claim its device: the device has no record, or one that the row may take over. */
export interface OpenRow {
  readonly request: DeviceRequest;
  readonly proposed: DeviceRecord;
  readonly predecessor?: Versioned<DeviceRecord>;
}

export interface ClaimOptions extends ChunkAttempt {
  readonly onConflict: ConflictPolicy;
  /** Devices in other enrollment groups are not taken over. Absent: all groups. See Job. */
  readonly allowedGroups?: readonly string[];
}

export interface ClaimPorts {
  readonly devices: Pick<Ports['devices'], 'read' | 'replace'>;
  readonly jobs: Pick<Ports['jobs'], 'claim' | 'claimed'>;
  readonly now: () => Date;
}

export interface LookUpPorts {
  readonly devices: Pick<Ports['devices'], 'read'>;
  readonly jobs: Pick<Ports['jobs'], 'claimed'>;
  readonly now: () => Date;
}

/** How the rows of an attempt claim their devices, by the rules of their job. */
export function claimOptions(
  { onConflict, allowedGroups }: Job,
  { jobId, chunk, attempt }: ChunkAttempt,
): ClaimOptions {
  return { jobId, chunk, attempt, onConflict, allowedGroups };
}

/** Further attempts for a record that changes between our read and our write. After the last one the row is `device-busy`. */
const maxAttempts = 3;
const foreignDevice = 'The device is in an enrollment group for which the submitter of this job has no role.';
const otherRows = 'Other rows claimed the device at the same moment.';

/**
 * Steps 2 and 3: compares each row with the record of its device, if it has one, and claims the device.
 *
 * A claim is the serial number that the certificate will have. It is stored before any key signs, so no certificate can exist
 * that no document names, and each delivery of a row signs under the same one. A device with a record is claimed in that. New
 * devices have no record until they are issued: the serial numbers of all of them are one document of the job, since a record
 * that is created and then replaced costs three times as much as one that is created.
 *
 * So two jobs can claim one new device. The first one that writes its record has it (record.ts).
 *
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function claimRows(
  requests: readonly DeviceRequest[],
  options: ClaimOptions,
  { devices, jobs, now }: ClaimPorts,
): Promise<Claims> {
  const at = now().toISOString();
  const attributes = attemptOf(options);
  const claimed: ClaimedRow[] = [];
  const unchanged: UnchangedRow[] = [];
  const errors: RowError[] = [];
  const newDevices: OpenRow[] = [];
  const part = partName(options.chunk, options.attempt);
  const find = (rows: readonly OpenRow[]) => step('2 compare', attributes, () => findClaims(rows, options, devices));

  const open = requests.map((request) => ({ request, proposed: newClaim(request, options, at) }));
  const [prior, first] = await Promise.all([jobs.claimed(options.jobId, part), find(open)]);
  let hasPriorClaims = prior !== undefined;
  let found = first;
  for (let attempt = 0; ; attempt++) {
    claimed.push(...found.claimed);
    unchanged.push(...found.unchanged);
    errors.push(...found.errors);
    hasPriorClaims ||= found.hasPriorClaims;
    const takeOvers: OpenRow[] = [];
    for (const row of found.open) (row.predecessor === undefined ? newDevices : takeOvers).push(row);
    if (takeOvers.length === 0) break;
    if (attempt === maxAttempts) {
      errors.push(...takeOvers.map(({ request }) => deviceError(request, 'device-busy', otherRows)));
      break;
    }
    const written = await step('3 claim', attributes, () => takeOver(takeOvers, devices));
    const lost: OpenRow[] = [];
    for (const row of takeOvers) {
      const record = written.get(row.proposed.id);
      if (record === undefined) lost.push(row);
      else claimed.push({ request: row.request, record });
    }
    if (lost.length === 0) break;
    // A row that lost its device may hold it all the same: by another delivery, or by a write whose answer was lost.
    found = await find(lost);
  }

  if (newDevices.length > 0) {
    const wanted = new Map(newDevices.map(({ proposed }) => [proposed.id, proposed.serialNumber]));
    const claims = await step('3 claim', attributes, () => jobs.claim(options.jobId, part, wanted));
    claimed.push(...newDevices.map((row) => asClaimed(row, claims.serialNumbers)));
    hasPriorClaims ||= claims.hasPriorClaims;
  }
  return { claimed: claimed.sort(byLine), unchanged, errors, hasPriorClaims, lost: lostOf(prior, claimed) };
}

function lostOf(prior: SerialNumbers | undefined, claimed: readonly ClaimedRow[]): SerialNumbers {
  const held = new Set(claimed.map(({ request }) => request.deviceId));
  return new Map([...(prior ?? [])].filter(([deviceId]) => !held.has(deviceId)));
}

function asClaimed({ request, proposed }: OpenRow, serialNumbers: SerialNumbers): ClaimedRow {
  return {
    request,
    record: { value: { ...proposed, serialNumber: serialNumbers.get(proposed.id) ?? proposed.serialNumber } },
  };
}

/**
 * Looks up which claims an attempt holds, and writes nothing.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function lookUpClaims(
  requests: readonly DeviceRequest[],
  options: ClaimOptions,
  { devices, jobs, now }: LookUpPorts,
): Promise<FoundClaims> {
  const at = now().toISOString();
  const { jobId, chunk, attempt } = options;
  const serialNumbers = await jobs.claimed(jobId, partName(chunk, attempt));
  const rows = requests.map((request) => ({ request, proposed: newClaim(request, options, at) }));
  const found = await findClaims(rows, options, devices);
  const isClaimed = ({ proposed, predecessor }: OpenRow) =>
    predecessor === undefined && serialNumbers?.has(proposed.id) === true;
  const added = found.open.filter(isClaimed).map((row) => asClaimed(row, serialNumbers ?? new Map()));
  const claimed = [...found.claimed, ...added];
  return {
    ...found,
    lost: lostOf(serialNumbers, claimed),
    claimed: claimed.sort(byLine),
    open: found.open.filter((row) => !isClaimed(row)),
    hasPriorClaims: found.hasPriorClaims || serialNumbers !== undefined,
  };
}

/** Replaces the records that may be taken over. */
async function takeOver(
  rows: readonly OpenRow[],
  devices: ClaimPorts['devices'],
): Promise<ReadonlyMap<string, Versioned<DeviceRecord>>> {
  const records = rows.flatMap(({ proposed, predecessor }) =>
    predecessor === undefined ? [] : [{ value: supersede(proposed, predecessor.value), etag: predecessor.etag }],
  );
  return (await devices.replace(records)).written;
}

/** Compares each row with the record of its device. A chunk has one row per device (read.ts). */
async function findClaims(
  rows: readonly OpenRow[],
  { onConflict, allowedGroups }: ClaimOptions,
  devices: LookUpPorts['devices'],
): Promise<ComparedRows> {
  const claimed: ClaimedRow[] = [];
  const unchanged: UnchangedRow[] = [];
  const errors: RowError[] = [];
  const open: OpenRow[] = [];
  let hasPriorClaims = false;
  const records = await devices.read(rows.map(({ proposed }) => proposed.id));
  for (const { request, proposed } of rows) {
    const record = records.get(proposed.id);
    if (record === undefined) {
      open.push({ request, proposed });
      continue;
    }
    if (allowedGroups !== undefined && !allowedGroups.includes(record.value.enrollmentGroup)) {
      errors.push(deviceError(request, 'forbidden', foreignDevice));
      continue;
    }
    const comparison = compare(record.value, proposed, onConflict);
    switch (comparison.verdict) {
      case 'ours':
        hasPriorClaims = true;
        claimed.push({ request, record });
        break;
      case 'unchanged':
        unchanged.push({ request, record: record.value });
        break;
      case 'take-over':
        open.push({ request, proposed, predecessor: record });
        break;
      case 'settled':
        hasPriorClaims = true;
        errors.push(deviceError(request, comparison.code, comparison.message));
        break;
      case 'refused':
        errors.push(refusal(request, record.value, comparison));
        break;
    }
  }
  return { claimed, unchanged, errors, open, hasPriorClaims };
}

function refusal(
  request: DeviceRequest,
  record: DeviceRecord,
  { code, message }: { readonly code: RowError['code']; readonly message: string },
): RowError {
  return code === 'device-exists' ? deviceExists(request, record, message) : deviceError(request, code, message);
}

/** The device records that an attempt holds or has failed, without reading the manifest. */
export async function* recordsOfAttempt(
  { jobId, chunk, attempt }: ChunkAttempt,
  devices: Ports['devices'],
): AsyncIterable<Versioned<DeviceRecord>> {
  let continuation: string | undefined;
  do {
    const page = await devices.list({ jobId }, { size: 1000, continuation });
    const isOwn = ({ claim }: DeviceRecord) =>
      claim.jobId === jobId && claim.chunk === chunk && claim.attempt === attempt;
    const ids = page.items.filter(isOwn).map(({ id }) => id);
    const records = ids.length === 0 ? [] : (await devices.read(ids)).values();
    for (const record of records) if (isOwn(record.value)) yield record;
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** The error of a row that is about its device as a whole. */
export function deviceError(
  row: Pick<DeviceRequest, 'line' | 'source' | 'deviceId'>,
  code: RowError['code'],
  message: string,
): RowError {
  return rowError(row, { code, message, column: 'deviceId', value: row.deviceId });
}

function newClaim(request: DeviceRequest, { jobId, chunk, attempt }: ClaimOptions, at: string): DeviceRecord {
  return {
    id: request.deviceId,
    ...(request.writtenId !== undefined && { writtenId: request.writtenId }),
    enrollmentGroup: request.enrollmentGroup,
    status: 'claimed',
    statusSince: at,
    claim: { jobId, chunk, line: request.line, attempt },
    contentHash: contentHash(request),
    serialNumber: newSerialNumber(),
    history: [],
  };
}

/** The claim with what its predecessor leaves behind: its history, its certificates, and what DPS has of it. */
function supersede(claim: DeviceRecord, predecessor: DeviceRecord): DeviceRecord {
  const { jobId, line } = predecessor.claim;
  const detail = `job ${jobId}, line ${line}, certificate ${predecessor.serialNumber}`;
  const event = { at: claim.statusSince, event: `superseded ${predecessor.status}` as const, detail };
  const enrolled = enrolledCertificates(predecessor);
  const certificates = certificatesOf(predecessor);
  const { block, hubs, enrollmentGroup, formerGroups = [], renewals } = predecessor;
  const deletion = predecessor.deletion ?? (block && { by: block.by, at: block.at, block: block.mark });
  const before = heldWhileClaimed(predecessor);
  const formerTwin = formerTwinOf(predecessor);
  const taken = {
    ...claim,
    formerCertificateNames: inheritedCertificateNames(predecessor),
    ...(enrolled.length > 0 && { enrolledCertificates: enrolled }),
    ...(certificates.length > 0 && { certificates }),
    ...(renewals !== undefined && { renewals }),
    ...(before !== undefined && { before }),
    ...(formerTwin !== undefined && { formerTwin }),
    ...withFormerGroup({ ...claim, formerGroups }, enrollmentGroup),
    ...(hubs !== undefined && { hubs }),
    // The block of a deleted or scrapped device stays until its new certificate is recorded.
    ...(deletion !== undefined && { deletion }),
    history: withEvent(predecessor.history, event),
  };
  return oweStill(taken, predecessor);
}

const byLine = (a: ClaimedRow, b: ClaimedRow) => a.request.line - b.request.line;

function attemptOf({ jobId, chunk, attempt }: ChunkAttempt): ChunkAttempt {
  return { jobId, chunk, attempt };
}
