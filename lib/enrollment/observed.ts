import type { Registration } from '../devices/device.ts';
import type { Page } from '../storage.ts';
import type { FoundEntry, RegistrationOf } from './enrollments.ts';

/*
 * What DPS and IoT Hub have, as a sweep reads it. The adapters fill in the defaults that
 * the services leave out, so equal settings are equal here.
 */

/** Settings that enrollment groups and individual enrollments have in common. */
export interface EntrySettings {
  readonly iotEdge: boolean;
  readonly provisioningStatus: 'enabled' | 'disabled';
  readonly reprovisionPolicy: { readonly updateHubAssignment: boolean; readonly migrateDeviceData: boolean };
  readonly allocationPolicy: string;
  /** Host names, lower case, sorted. Empty: all linked hubs. */
  readonly iotHubs: readonly string[];
  readonly webhook?: { readonly url: string; readonly apiVersion: string };
  /** The initial twin. */
  readonly tags: Readonly<Record<string, unknown>>;
  readonly desired: Readonly<Record<string, unknown>>;
}

/** An enrollment group or an individual enrollment that DPS has. */
export interface ObservedEntry extends FoundEntry {
  /** Id of the group, or registration id. Lower case: DPS compares ids without case. */
  readonly id: string;
  readonly settings: EntrySettings;
}

/** The identity of a device at a hub, with the tags of its twin where they were read. */
export interface ObservedIdentity {
  /** As the hub has it: IoT Hub compares ids with case. */
  readonly deviceId: string;
  /** Host name of the hub, lower case. */
  readonly hub: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason?: string;
  /** `selfSigned`: by the thumbprints. DPS gives X.509 devices this one. */
  readonly authentication: 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';
  /** SHA-1 or SHA-256, upper-case hex; the primary one first. */
  readonly thumbprints: readonly string[];
  readonly etag: string;
  /** Absent: not read. */
  readonly tags?: Readonly<Record<string, unknown>>;
}

/** What was seen of one device. A part that is absent was not looked at; `null` was looked for, and is not there. */
export interface ObservedDevice {
  /** Lower case. */
  readonly deviceId: string;
  /** Its individual enrollment. */
  readonly enrollment?: ObservedEntry | null;
  readonly registration?: Registration | null;
  /** The enrollment group on whose list the registration was. */
  readonly registeredIn?: string;
  /** Its identity at the hub that it is assigned to. */
  readonly identity?: ObservedIdentity | null;
}

/**
 * Reads DPS and IoT Hub page by page, for the sweep. Adapter: lib/azure/fleet-reader.ts.
 * A continuation is where the next page begins. The services give no promise how long it is good for.
 * Every method throws FleetError `throttled`, `unavailable`.
 */
export interface FleetReader {
  /** Enrollment groups, 100 at most per page. One operation of the quota of DPS. */
  groups(continuation?: string): Promise<Page<ObservedEntry>>;
  /** Individual enrollments, 100 at most per page. One operation of the quota of DPS. */
  enrollments(continuation?: string): Promise<Page<ObservedEntry>>;
  /** Registrations of a group, 100 at most per page. Empty when DPS does not have the group. One operation. */
  registrations(enrollmentGroup: string, continuation?: string): Promise<Page<RegistrationOf>>;
  /**
   * Identities at a hub with the tags of their twins, 100 at most per page, in no order. One query of the quota of the hub; can be
   * minutes old.
   */
  identities(hub: string, continuation?: string): Promise<Page<ObservedIdentity>>;
  /**
   * The same of some devices; those that the hub does not list are left out. One query.
   * @param deviceIds as `idsPerQuery` allows
   */
  identitiesOf(hub: string, deviceIds: readonly string[]): Promise<readonly ObservedIdentity[]>;
  /** How many identities a hub has. One operation of its registry, which is not billed. */
  countIdentities(hub: string): Promise<number>;
}

/** The largest page of a hub (x-ms-max-item-count). */
const maxIds = 100;

/**
 * A query is at most 8 KiB of text; the rest of it takes 200 characters.
 * https://github.com/Azure/azure-iot-sdk-csharp/issues/1680
 */
const maxIdCharacters = 7_900;

/** @returns the ids in parts that one query of a hub can name each */
export function idsPerQuery(deviceIds: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const id of deviceIds) {
    // With its quotes and a comma.
    const own = id.replaceAll("'", "''").length + 3;
    const part = parts.at(-1);
    if (part === undefined || part.length === maxIds || characters + own > maxIdCharacters) {
      parts.push([id]);
      characters = own;
    } else {
      part.push(id);
      characters += own;
    }
  }
  return parts;
}
