import type { DeviceStore } from '../../devices/device.ts';
import { type DeviceRecord, withEvent } from '../../devices/device.ts';
import type { ConflictPolicy } from '../../jobs/job.ts';
import type { DeviceRequest, RowError } from '../../manifest/manifest.ts';
import { contentHash } from '../../manifest/manifest.ts';
import { newSerialNumber } from '../../pki/serial.ts';
import type { Versioned } from '../../storage.ts';
import { compare } from './compare.ts';

/** A row that holds its device: the record names this row and the serial number its certificate will have. */
export interface ClaimedRow {
  readonly request: DeviceRequest;
  readonly record: Versioned<DeviceRecord>;
}

export interface UnchangedRow {
  readonly request: DeviceRequest;
  readonly record: DeviceRecord;
}

export interface Claims {
  readonly claimed: readonly ClaimedRow[];
  readonly unchanged: readonly UnchangedRow[];
  readonly faults: readonly RowError[];
  /** Another delivery of this attempt was here before, so it may have gone further too. */
  readonly earlier: boolean;
}

export interface ClaimOptions {
  readonly devices: DeviceStore;
  readonly jobId: string;
  readonly chunk: number;
  readonly attempt: number;
  readonly onConflict: ConflictPolicy;
  readonly now: Date;
  readonly random?: (bytes: number) => Buffer;
}

/**
 * Lays a claim on the device of each row: a record with the serial number that its certificate will have, written before
 * any key signs, so that no certificate can exist that no record names. A create that finds a record there costs one
 * read more; in a manifest of new devices none does.
 */
export async function claimRows(requests: readonly DeviceRequest[], options: ClaimOptions): Promise<Claims> {
  const { devices } = options;
  const wanted = requests.map((request) => newClaim(request, options));
  const etags = await devices.create(wanted);

  const claimed: ClaimedRow[] = [];
  const contested: { request: DeviceRequest; wish: DeviceRecord }[] = [];
  for (const [index, wish] of wanted.entries()) {
    const request = requests[index];
    if (request === undefined) continue;
    const etag = etags[index];
    if (etag === undefined) contested.push({ request, wish });
    else claimed.push({ request, record: { value: wish, etag } });
  }
  const settled = await settle(contested, options);
  return { ...settled, claimed: [...claimed, ...settled.claimed].sort((a, b) => a.request.line - b.request.line) };
}

interface Contested {
  readonly request: DeviceRequest;
  readonly wish: DeviceRecord;
}

/** Looks at a record that others change between a look and the write. One more shows who it was; three are a crowd. */
const maxLooks = 3;

/** Decides on the rows whose device has a record already. */
async function settle(contested: readonly Contested[], options: ClaimOptions, looks = 1): Promise<Claims> {
  const { devices, onConflict } = options;
  const claimed: ClaimedRow[] = [];
  const unchanged: UnchangedRow[] = [];
  const faults: RowError[] = [];
  const takeOvers: (Contested & { record: Versioned<DeviceRecord> })[] = [];
  let earlier = false;

  const existing = contested.length === 0 ? [] : await devices.read(contested.map(({ wish }) => wish.id));
  for (const [index, { request, wish }] of contested.entries()) {
    const found = existing[index];
    if (found === undefined) {
      faults.push(faultOf(request, 'device-busy', 'The device record was removed while the row was read.'));
      continue;
    }
    const comparison = compare(found.value, wish, onConflict);
    const { verdict } = comparison;
    earlier ||= verdict === 'ours' || verdict === 'settled';
    if (verdict === 'ours') claimed.push({ request, record: found });
    else if (verdict === 'unchanged') unchanged.push({ request, record: found.value });
    else if ('code' in comparison) faults.push(faultOf(request, comparison.code, comparison.message));
    else takeOvers.push({ request, wish, record: { value: succeed(wish, found.value), etag: found.etag } });
  }

  const etags = takeOvers.length === 0 ? [] : await devices.replace(takeOvers.map(({ record }) => record));
  const lost: Contested[] = [];
  for (const [index, { request, wish, record }] of takeOvers.entries()) {
    const etag = etags[index];
    if (etag !== undefined) claimed.push({ request, record: { value: record.value, etag } });
    else if (looks < maxLooks) lost.push({ request, wish });
    else faults.push(faultOf(request, 'device-busy', 'Other rows took the device at the same moment.'));
  }
  if (lost.length === 0) return { claimed, unchanged, faults, earlier };
  // It may have been another delivery of the same row, or this write itself, whose answer was lost: then it is ours.
  const again = await settle(lost, options, looks + 1);
  return {
    claimed: [...claimed, ...again.claimed],
    unchanged: [...unchanged, ...again.unchanged],
    faults: [...faults, ...again.faults],
    earlier: earlier || again.earlier,
  };
}

function newClaim(request: DeviceRequest, { jobId, chunk, attempt, now, random }: ClaimOptions): DeviceRecord {
  return {
    id: request.deviceId,
    enrollmentGroup: request.enrollmentGroup,
    status: 'claimed',
    statusSince: now.toISOString(),
    claim: { jobId, chunk, line: request.line, attempt },
    contentHash: contentHash(request),
    serialNumber: newSerialNumber(random),
    history: [],
  };
}

/** The claim with what its predecessor leaves behind: its history, and the serial number of its certificate. */
function succeed(wish: DeviceRecord, predecessor: DeviceRecord): DeviceRecord {
  const detail = `job ${predecessor.claim.jobId}, line ${predecessor.claim.line}, certificate ${predecessor.serialNumber}`;
  const event = { at: wish.statusSince, event: `superseded ${predecessor.status}`, detail };
  return { ...wish, history: withEvent(predecessor.history, event) };
}

function faultOf(request: DeviceRequest, code: RowError['code'], message: string): RowError {
  return { line: request.line, source: request.source, column: 'deviceId', code, message, value: request.deviceId };
}
