import type { ErrorCode } from '../errors.ts';
import type { Page, PageRequest, Versioned } from '../storage.ts';
import type { Twin } from './twin.ts';

/**
 * The state of a device.
 *
 * `claimed`: a job holds the id and has fixed the serial number. Nothing is issued yet, or it is not enrolled yet.
 * `provisioned`: certificate issued, enrolled, bundle ready.
 * `assigned`: the device has registered, and DPS assigned it to a hub.
 * `failed`: see `failure`. Another row can claim the id.
 */
export type DeviceStatus = 'claimed' | 'provisioned' | 'assigned' | 'failed';
export const deviceStatuses: readonly DeviceStatus[] = ['claimed', 'provisioned', 'assigned', 'failed'];

/** The row that holds a device. */
export interface Claim {
  readonly jobId: string;
  /** Chunk of the job, from 0. */
  readonly chunk: number;
  /** Line of the manifest, from 1; the header is line 1. */
  readonly line: number;
  /** 1, and one more each time the failed rows of the job are retried. */
  readonly attempt: number;
}

/** What is stored of one device. */
export interface DeviceRecord {
  /** The device id, lower case. */
  readonly id: string;
  /** The id as its manifest has it, where that has upper case (`deviceIdCase` "fold" of the group). */
  readonly writtenId?: string;
  readonly enrollmentGroup: string;
  readonly status: DeviceStatus;
  /** When `status` changed last: ISO 8601, UTC. */
  readonly statusSince: string;
  readonly claim: Claim;
  /** SHA-256 of the row's content, hex. A row with the same digest changes nothing. */
  readonly contentHash: string;
  /** Serial number of the certificate, hex. It is stored before anything is signed. */
  readonly serialNumber: string;
  /** Tags and desired properties of the row, without those of its group. */
  readonly twin?: Twin;
  readonly identity?: DeviceIdentity;
  readonly bundle?: BundleLocation;
  readonly registration?: Registration;
  /** Why `status` is `failed`. */
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
  /** The latest 20 events, oldest first. */
  readonly history: readonly DeviceEvent[];
}

/** The certificate with which a device authenticates. */
export interface DeviceIdentity {
  /** Upper-case hex. */
  readonly sha1Thumbprint: string;
  /** Upper-case hex. */
  readonly sha256Thumbprint: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
}

/** The place of a device's bundle: a range of bytes in the archive of its chunk. */
export interface BundleLocation {
  /** Blob in the container `bundles`. */
  readonly archive: string;
  /** First byte, from 0. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** SHA-256 of the bundle, lower-case hex. Records of earlier versions do not have it. */
  readonly sha256?: string;
  readonly fileName: string;
  readonly mediaType: string;
}

/** The registration of a device, as DPS reported it. */
export interface Registration {
  readonly status: 'unassigned' | 'assigning' | 'assigned' | 'failed' | 'disabled';
  /** Host name of the hub. */
  readonly assignedHub?: string;
  /** When DPS changed it last: ISO 8601, UTC. */
  readonly at?: string;
  /** DPS's code and message when the registration failed. */
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** When the row's tags and desired properties were written to the twin at the hub: ISO 8601, UTC. Stored for operators. */
  readonly twinDeliveredAt?: string;
}

/** One event in the history of a device. */
export interface DeviceEvent {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly event: DeviceEventName;
  /** Details for people: an error code, a hub, the caller who downloaded a bundle. */
  readonly detail?: string;
}

/** Stored text: records of earlier versions have these names too. */
export type DeviceEventName =
  | 'issued'
  | 'enrolled'
  | 'failed'
  | 'bundle downloaded'
  /** Another row took the device over while it had this status. */
  | `superseded ${DeviceStatus}`
  /** DPS reported this status of the registration. */
  | `registration ${Registration['status']}`;

/** Events that a record keeps. Enough for a support call, and bounded, since the cost of a record grows with its size. */
const historyLength = 20;

/** @returns the history with the event added, and its oldest event dropped if there are more than 20 */
export function withEvent(history: readonly DeviceEvent[], event: DeviceEvent): DeviceEvent[] {
  return [...history, event].slice(-historyLength);
}

/**
 * Device records by id. Adapter: lib/azure/cosmos-devices.ts.
 * Every method throws FleetError `throttled` or `unavailable`; some of the writes may have taken effect then.
 */
export interface DeviceStore {
  /** Creates the records whose id is free. A conflict is a record whose id exists. */
  create(records: readonly DeviceRecord[]): Promise<BatchWrite>;
  /** @returns the records that exist, by id */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, Versioned<DeviceRecord>>>;
  /** Replaces the records that still have the etag given. A conflict is a record that changed or was deleted. */
  replace(records: readonly Versioned<DeviceRecord>[]): Promise<BatchWrite>;
  /** Records that match every member of the filter, by id, ascending. */
  list(filter: DeviceFilter, page: PageRequest): Promise<Page<DeviceRecord>>;
  /** Ids of `provisioned` devices of a group, which DPS has not assigned yet; at most `limit`, in no order. */
  waitingIds(enrollmentGroup: string, limit: number): Promise<string[]>;
  /** Counts the devices whose certificate ends in a period. One entry per group that has such devices, in no order. */
  countEnding(period: EndingPeriod): Promise<EndingDevices[]>;
}

export interface EndingPeriod {
  /** Only devices of these groups count. */
  readonly enrollmentGroups: readonly string[];
  /** First moment of the period: ISO 8601, UTC, with milliseconds, as in `DeviceIdentity`. */
  readonly from: string;
  /** The moment after the period, in the same form. */
  readonly before: string;
}

/** Devices of one group whose certificate ends in a period. */
export interface EndingDevices {
  readonly enrollmentGroup: string;
  /** How many, 1 or more. */
  readonly devices: number;
  /** The first end among them: ISO 8601, UTC. */
  readonly earliest: string;
}

/** The result of writing several records: each of them is in exactly one of the two. */
export interface BatchWrite {
  /** Records that were written, with their new etags, by id. */
  readonly written: ReadonlyMap<string, Versioned<DeviceRecord>>;
  readonly conflicts: readonly DeviceRecord[];
}

export interface DeviceFilter {
  /** The job that holds the device. */
  readonly jobId?: string;
  readonly enrollmentGroup?: string;
  readonly status?: DeviceStatus;
  /**
   * The certificate ends before this time: ISO 8601, UTC, with milliseconds, as in `DeviceIdentity`. A device without a
   * certificate does not match.
   */
  readonly expiresBefore?: string;
}
