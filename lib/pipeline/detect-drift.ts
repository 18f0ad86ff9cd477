import type { DeviceRecord } from '../devices/device.ts';
import type { ObservedDevice, ObservedEntry } from '../enrollment/observed.ts';

/**
 * Something that a sweep saw, one page at a time.
 *
 * `groups`: all enrollment groups that DPS has. `devices`: what was seen of some devices, with their records as they were when
 * DPS and the hub were asked. A device without a record is one that we do not know.
 */
export type Observation =
  | {
      readonly of: 'groups';
      /** When it was read: ISO 8601, UTC. */
      readonly at: string;
      /** By id, lower case. */
      readonly groups: ReadonlyMap<string, ObservedEntry>;
    }
  | {
      readonly of: 'devices';
      readonly at: string;
      /** 100 at most. */
      readonly devices: readonly ObservedDevice[];
      /** By device id. */
      readonly records: ReadonlyMap<string, DeviceRecord>;
    };

/** What became of one observation. */
export interface Detected {
  /** Findings that are new, or changed since they were accepted, or came back. */
  readonly opened: number;
  /** Findings that were not seen any more. */
  readonly gone: number;
  /** Findings that were repaired at once. */
  readonly repaired: number;
}

/** Takes what a sweep saw: compares it with the records, and stores the differences as findings. */
export type Observe = (observation: Observation) => Promise<Detected>;
