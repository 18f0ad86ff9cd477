import { hash } from 'node:crypto';
import type { DeviceRecord } from '../devices/device.ts';
import type { Versioned } from '../storage.ts';
import type { ClaimPorts } from './steps/claim.ts';

/*
 * The claims of a check. A job writes its claims to the device records, and later rows of the job meet them there. A check
 * writes none: its claims are in memory, over the records as they are.
 */

/** The claims that a check has made so far. Some 30 bytes per device, so that a list of a million stays in memory. */
export interface ClaimTable {
  /** @returns the claim of the device; undefined when no row so far has claimed it */
  find(deviceId: string): TableClaim | undefined;
  /** Adds the claim of a device, or replaces it. */
  set(deviceId: string, claim: TableClaim): void;
}

export interface TableClaim {
  /** Line of the row, from 1. */
  readonly line: number;
  /** True when the row failed afterwards: another row may then claim the device. */
  readonly released: boolean;
  /** The id as its row has it, where that has upper case. */
  readonly writtenId?: string | undefined;
}

/** Slots of a new table. A power of two. */
const firstSlots = 1024;

/**
 * An open hash table of numbers. A device is known by 64 bits of the SHA-256 of its id: two of two million ids share them with
 * a probability of one in ten million, and the check would then call one of them a duplicate.
 */
export function createClaimTable(): ClaimTable {
  let keys = new BigUint64Array(firstSlots);
  /** Line of the row, from 1; 0 where the slot is free. Negative where the claim was released. */
  let lines = new Float64Array(firstSlots);
  let size = 0;
  const writtenIds = new Map<string, string>();

  const keyOf = (deviceId: string) => hash('sha256', deviceId, 'buffer').readBigUInt64LE();

  /** The slot of the key, or the free slot that is its place. */
  function slotOf(key: bigint): number {
    const mask = lines.length - 1;
    let slot = Number(key & 0xffffffffn) & mask;
    while (lines[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const [oldKeys, oldLines] = [keys, lines];
    keys = new BigUint64Array(oldKeys.length * 2);
    lines = new Float64Array(oldLines.length * 2);
    for (const [index, line] of oldLines.entries()) {
      const key = oldKeys[index];
      if (line === 0 || key === undefined) continue;
      const slot = slotOf(key);
      keys[slot] = key;
      lines[slot] = line;
    }
  }

  return {
    find(deviceId) {
      const line = lines[slotOf(keyOf(deviceId))] ?? 0;
      if (line === 0) return undefined;
      return { line: Math.abs(line), released: line < 0, writtenId: writtenIds.get(deviceId) };
    },

    set(deviceId, { line, released, writtenId }) {
      const key = keyOf(deviceId);
      let slot = slotOf(key);
      if (lines[slot] === 0) {
        size += 1;
        if (size * 2 > lines.length) {
          grow();
          slot = slotOf(key);
        }
      }
      keys[slot] = key;
      lines[slot] = released ? -line : line;
      if (writtenId === undefined) writtenIds.delete(deviceId);
      else writtenIds.set(deviceId, writtenId);
    },
  };
}

/** The device records as a chunk of a check sees them, with what its rows would write. */
export interface ForeseenDevices extends Pick<ClaimPorts['devices'], 'read' | 'replace'> {
  /** The record of the device in the store, where there is one. Known once a row of the chunk has tried to claim the device. */
  stored(deviceId: string): DeviceRecord | undefined;
}

export interface ForeseenOptions {
  readonly devices: Pick<ClaimPorts['devices'], 'read'>;
  /** Claims of earlier chunks. */
  readonly claims: ClaimTable;
  readonly jobId: string;
  /** A group that the job may use: what it has claimed is never out of its limits. */
  readonly enrollmentGroup: string;
}

/**
 * The records of devices for one chunk of a check: writes stay in memory, and reads find them. Claims of earlier chunks are
 * found in `claims`.
 */
export function createForeseenDevices(options: ForeseenOptions): ForeseenDevices {
  const { devices, claims } = options;
  const stored = new Map<string, Versioned<DeviceRecord> | undefined>();
  const written = new Map<string, Versioned<DeviceRecord>>();
  let version = 0;

  async function load(ids: readonly string[]): Promise<void> {
    const unknown = ids.filter((id) => !stored.has(id));
    if (unknown.length === 0) return;
    const found = await devices.read(unknown);
    for (const id of unknown) stored.set(id, found.get(id));
  }

  function current(id: string): Versioned<DeviceRecord> | undefined {
    const own = written.get(id);
    if (own !== undefined) return own;
    const claim = claims.find(id);
    return claim === undefined ? stored.get(id) : { value: claimedRecord(id, claim, options), etag: 'claimed' };
  }

  function write(records: readonly DeviceRecord[], mayWrite: (id: string) => boolean) {
    const done = new Map<string, Versioned<DeviceRecord>>();
    const conflicts: DeviceRecord[] = [];
    for (const value of records) {
      if (!mayWrite(value.id)) {
        conflicts.push(value);
        continue;
      }
      const record = { value, etag: `foreseen-${++version}` };
      written.set(value.id, record);
      done.set(value.id, record);
    }
    return { written: done, conflicts };
  }

  return {
    stored: (id) => stored.get(id)?.value,

    async read(ids) {
      await load(ids);
      return new Map(ids.flatMap((id) => entryOf(id, current(id))));
    },

    async replace(records) {
      const etags = new Map(records.map(({ value, etag }) => [value.id, etag]));
      const values = records.map(({ value }) => value);
      return write(values, (id) => current(id)?.etag === etags.get(id));
    },
  };
}

function entryOf(id: string, record: Versioned<DeviceRecord> | undefined): [string, Versioned<DeviceRecord>][] {
  return record === undefined ? [] : [[id, record]];
}

/** The record that an earlier chunk of the job would have left, as far as later rows look at it. */
function claimedRecord(
  id: string,
  { line, released, writtenId }: TableClaim,
  { jobId, enrollmentGroup }: ForeseenOptions,
): DeviceRecord {
  return {
    id,
    ...(writtenId !== undefined && { writtenId }),
    enrollmentGroup,
    status: released ? 'failed' : 'claimed',
    statusSince: '',
    claim: { jobId, chunk: 0, line, attempt: 1 },
    contentHash: '',
    serialNumber: '',
    history: [],
  };
}
