import type { ErrorCode } from '../errors.ts';
import type { Page, Versioned } from '../storage.ts';
import type { Twin } from './twin.ts';

/**
 * What is known of one device.
 *
 * `claimed`: a job holds the id and has fixed the serial number; nothing is issued yet, or not yet enrolled.
 * `provisioned`: certificate issued, enrolled, bundle ready.
 * `assigned`: the device has registered and DPS gave it to a hub.
 * `failed`: see `failure`; the id is free to be claimed again.
 */
export type DeviceStatus = 'claimed' | 'provisioned' | 'assigned' | 'failed';
export const deviceStatuses: readonly DeviceStatus[] = ['claimed', 'provisioned', 'assigned', 'failed'];

/** Which row of which job holds the device. */
export interface Claim {
  readonly jobId: string;
  readonly chunk: number;
  readonly line: number;
  /** 1, and one more for each time the job was told to retry its failed rows. */
  readonly attempt: number;
}

export interface DeviceRecord {
  /** The device id, lower case. */
  readonly id: string;
  readonly enrollmentGroup: string;
  readonly status: DeviceStatus;
  /** ISO 8601, UTC. */
  readonly statusSince: string;
  readonly claim: Claim;
  /** Digest of what the row said; the same digest again means there is nothing to do. */
  readonly contentHash: string;
  /** Hex serial of its certificate, fixed before anything is signed. */
  readonly serialNumber: string;
  /** What the row asked for, beyond what the group gives every device. */
  readonly twin?: Twin;
  readonly identity?: DeviceIdentity;
  readonly bundle?: BundleLocation;
  readonly registration?: Registration;
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
  /** What happened, oldest first, the latest 20. */
  readonly history: readonly DeviceEvent[];
}

/** The certificate a device proves itself with. Thumbprints are upper-case hex. */
export interface DeviceIdentity {
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Where a device's bundle lies: a byte range of its chunk's archive. */
export interface BundleLocation {
  readonly archive: string;
  readonly offset: number;
  readonly length: number;
  readonly fileName: string;
  readonly mediaType: string;
}

/** What DPS says of the device. */
export interface Registration {
  readonly status: 'unassigned' | 'assigning' | 'assigned' | 'failed' | 'disabled';
  readonly assignedHub?: string;
  /** When DPS last changed it. */
  readonly at?: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** When the row's own tags and desired properties were written to the hub's twin. */
  readonly twinDeliveredAt?: string;
}

export interface DeviceEvent {
  readonly at: string;
  readonly event: string;
  readonly detail?: string;
}

/** Enough to answer a support call, and bounded, since a record is paid for by size. */
const historyLength = 20;

export function withEvent(history: readonly DeviceEvent[], event: DeviceEvent): DeviceEvent[] {
  return [...history, event].slice(-historyLength);
}

/** Device records, by id. Adapter: lib/azure/cosmos-devices.ts. Every method throws FleetError `throttled` or `unavailable`. */
export interface DeviceStore {
  /** Creates the records whose id is free. A conflict is a record whose id exists. */
  create(records: readonly DeviceRecord[]): Promise<BatchWrite>;
  /** @returns the records that exist, by id */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, Versioned<DeviceRecord>>>;
  /** Replaces the records that still have the etag given. A conflict is a record that changed or was removed. */
  replace(records: readonly Versioned<DeviceRecord>[]): Promise<BatchWrite>;
  /** By id, ascending. */
  list(filter: DeviceFilter, page: { size: number; continuation?: string }): Promise<Page<DeviceRecord>>;
  /** Ids of a group's devices that DPS has not assigned yet, at most `limit`. */
  waitingIds(enrollmentGroup: string, limit: number): Promise<string[]>;
}

/** What became of records that were written together: each is in exactly one of the two. */
export interface BatchWrite {
  /** With their new etags, by id. */
  readonly written: ReadonlyMap<string, Versioned<DeviceRecord>>;
  readonly conflicts: readonly DeviceRecord[];
}

export interface DeviceFilter {
  readonly jobId?: string;
  readonly enrollmentGroup?: string;
  readonly status?: DeviceStatus;
}
