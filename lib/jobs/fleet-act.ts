import type { Act } from '../access/act.ts';
import type { ErrorCode } from '../errors.ts';
import type { Page, PageRequest, Versioned } from '../storage.ts';

/** What is done to many devices. */
export const fleetActKinds = ['suspend', 'revoke', 'restore', 'scrap'] as const;
export type FleetActKind = (typeof fleetActKinds)[number];

/** Which devices an act takes: those that match every member. */
export interface FleetActFilter {
  readonly enrollmentGroup?: string | undefined;
  /** The job that holds the device. */
  readonly jobId?: string | undefined;
  /** The device has this tag of its row, at a path with dots, with this value. */
  readonly tag?: { readonly path: string; readonly value: string } | undefined;
  /** Sorted, lower case. */
  readonly deviceIds?: readonly string[] | undefined;
  /** Devices that were suspended by this act. */
  readonly suspendedBy?: string | undefined;
}

/** What an act takes, as the records were when it began. */
export interface FleetActEstimate {
  /** Devices that match the filter and are not as the act would have them. */
  readonly devices: number;
  /** Operations of the quota of DPS, and of the identity registry of the hubs. */
  readonly calls: { readonly dps: number; readonly hub: number };
  /** About, if nothing else uses the quotas. */
  readonly minutes: number;
  /** What the minutes follow from. */
  readonly limit: 'hub registry' | 'DPS' | 'devicesPerMinute';
}

/**
 * How the devices of an act ended. Together they are the devices up to `after` that match the filter, and the ids of its list
 * that no device has.
 */
export interface FleetActCounts {
  /** Every door was read back as it should be. */
  readonly done: number;
  /** Its record is written, and a door is not as it should be yet. The queue finishes it. */
  readonly underway: number;
  /** Refused: `refusals` has the latest. */
  readonly refused: number;
  /** Left as they were: the act has nothing to do to them. */
  readonly unchanged: number;
}

/** One act on many devices. Times are ISO 8601, UTC. */
export interface FleetAct {
  /** 24 hex digits. */
  readonly actId: string;
  readonly kind: FleetActKind;
  readonly filter: FleetActFilter;
  readonly by: string;
  readonly reason: string;
  /** Most devices per minute. Absent: as DPS and the hub allow. */
  readonly devicesPerMinute?: number | undefined;
  readonly status: 'running' | 'completed' | 'cancelled';
  readonly estimate: FleetActEstimate;
  readonly counts: FleetActCounts;
  /** The latest 20 devices that refused, oldest first. */
  readonly refusals: readonly { readonly deviceId: string; readonly code: ErrorCode; readonly message: string }[];
  /** Id of the last device that was worked on. Absent before the first. */
  readonly after?: string | undefined;
  /** When its next step is due; its message comes then. One that is long overdue is sent again. */
  readonly nextAt: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly cancelledBy?: Act;
}

/** An act in a list. A filter can have 700 KB. */
export type ListedAct = Omit<FleetAct, 'filter'>;

/**
 * Acts on many devices. Adapter: lib/azure/cosmos-fleet-acts.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface FleetActStore {
  /** @returns false when there is one of its id */
  create(act: FleetAct): Promise<boolean>;
  read(actId: string): Promise<Versioned<FleetAct> | undefined>;
  /** @returns its new etag; undefined when it changed since it was read */
  replace(act: Versioned<FleetAct>): Promise<string | undefined>;
  /** Latest first. */
  list(page: PageRequest): Promise<Page<ListedAct>>;
  /** Ids of acts that are running and were due before a time: ISO 8601, UTC. At most 100. */
  overdue(before: string): Promise<string[]>;
}
