import type { Registration } from '../devices/device.ts';
import type { Twin } from '../devices/twin.ts';
import type { GroupDefinition } from '../groups/definition.ts';

/**
 * The enrollment side of DPS. Adapter: lib/azure/dps.ts.
 * Every method throws FleetError `throttled` (with retryAfter), `unavailable` or `group-refused`.
 */
export interface Enrollments {
  /** Makes the enrollment group what is declared: creates it, updates it by etag, or leaves it when nothing differs. */
  ensureGroup(group: GroupEnrollment): Promise<void>;
  /** Enrolls up to 10 devices in one call, or finds them enrolled already. One result a device, in order. */
  enroll(devices: readonly IndividualEnrollment[]): Promise<(EnrollmentError | undefined)[]>;
  /** All registration states of an enrollment group, page by page. */
  groupRegistrations(enrollmentGroup: string): AsyncIterable<RegistrationOf[]>;
  /** The registration state of one device; undefined when DPS knows none. */
  registration(deviceId: string): Promise<Registration | undefined>;
}

export interface GroupEnrollment {
  readonly definition: GroupDefinition;
  readonly primaryCertificatePem: string;
  /** The issuing CA before the current one, while devices still hold its certificates. */
  readonly secondaryCertificatePem?: string;
  /** Names under which DPS holds the same two CAs, where the group refers to them instead of carrying them. */
  readonly caReferences?: { readonly primary: string; readonly secondary?: string };
}

export interface IndividualEnrollment {
  readonly deviceId: string;
  readonly certificatePem: string;
  readonly definition: GroupDefinition;
  readonly twin: Twin;
}

export interface EnrollmentError {
  /** DPS's own code, such as 409201. */
  readonly errorCode: number;
  readonly message: string;
}

export interface RegistrationOf {
  readonly deviceId: string;
  readonly registration: Registration;
}

/** DPS: "maximum 10" entries a bulk call (service API 2021-10-01, BulkEnrollmentOperation). */
export const enrollmentsPerCall = 10;

/** Twins of assigned devices, at the hub. Adapter: lib/azure/hub-twins.ts. */
export interface HubTwins {
  /** Merges tags and desired properties into the twin. @throws FleetError `throttled`, `unavailable`, `not-found` */
  merge(hub: string, deviceId: string, twin: Twin): Promise<void>;
}
