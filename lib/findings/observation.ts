import type { DeviceRecord } from '../devices/device.ts';
import type { ObservedDevice, ObservedEntry } from '../enrollment/observed.ts';
import type { Versioned } from '../storage.ts';

/**
 * Something that a sweep saw.
 *
 * `groups`: all enrollment groups that a DPS instance has. `devices`: what was seen of some devices, with their records. A device without
 * a record is one that we do not know. `end`: the sweep has looked at every group and every registration. It is
 * taken in parts, since some findings cost a call each.
 */
export type Observation =
  | {
      readonly of: 'groups';
      /** When it was read: ISO 8601, UTC. */
      readonly at: string;
      /** By id, lower case. */
      readonly groups: ReadonlyMap<string, ObservedEntry>;
      /** The DPS instance that has them. */
      readonly dps: string;
    }
  | {
      readonly of: 'devices';
      readonly at: string;
      /** 100 at most. */
      readonly devices: readonly ObservedDevice[];
      /** By device id: the versions that were read before the devices were looked at, or written since. */
      readonly records: ReadonlyMap<string, Versioned<DeviceRecord>>;
    }
  | {
      readonly of: 'end';
      readonly at: string;
      /** When the sweep began. */
      readonly began: string;
      /** Name of the DPS instance that the sweep has read. */
      readonly dps: string;
      /** `Detected.next` of the part before. Absent for the first part. */
      readonly place?: string | undefined;
    };

/** What became of an observation. */
export interface Detected {
  /** Findings that are new, or changed since they were accepted, or came back. */
  readonly opened: number;
  /** Findings that were not seen any more. */
  readonly gone: number;
  /** Findings that were repaired at once. */
  readonly repaired: number;
  /** Of `end`: where the next part begins. Absent when there is none. */
  readonly next?: string | undefined;
}

/**
 * Takes what a sweep saw, compares it with the records, and stores the differences as findings. Findings that repair
 * themselves are repaired. Taking the same observation twice changes nothing.
 * @throws FleetError `throttled`, `unavailable`
 */
export type Observe = (observation: Observation) => Promise<Detected>;
