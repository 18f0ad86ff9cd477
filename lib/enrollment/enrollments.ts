import type { Registration } from '../devices/device.ts';
import type { Twin } from '../devices/twin.ts';
import type { GroupDefinition } from '../groups/definition.ts';

/**
 * Enrollment groups, individual enrollments and registrations: the service API of DPS. Adapter: lib/azure/dps.ts.
 * Every method throws FleetError `throttled` (with `retryAfter` in seconds) or `unavailable`.
 */
export interface Enrollments {
  /**
   * Creates or updates the enrollment group so that it is as declared; writes nothing when it is already.
   * @throws FleetError `group-refused` with DPS's code and message, `concurrent-change`
   */
  ensureGroup(group: GroupEnrollment): Promise<void>;
  /**
   * Enrolls devices (10 at most, see `enrollmentsPerCall`), replacing enrollments with another certificate.
   * @returns for each device, in order: undefined when it is enrolled, or why DPS refuses it
   * @throws FleetError `concurrent-change`; some of the devices may be enrolled then
   */
  enroll(devices: readonly IndividualEnrollment[]): Promise<(EnrollmentError | undefined)[]>;
  /** All registrations of an enrollment group, in pages of 100 at most. Empty when DPS does not have the group. */
  groupRegistrations(enrollmentGroup: string): AsyncIterable<RegistrationOf[]>;
  /** @returns the registration of one device; undefined when it has none */
  registration(deviceId: string): Promise<Registration | undefined>;
}

/** An enrollment group as DPS is to hold it. */
export interface GroupEnrollment {
  readonly definition: GroupDefinition;
  readonly primaryCertificatePem: string;
  /** The previous issuing CA, while devices still have certificates from it. */
  readonly secondaryCertificatePem?: string;
  /** Names of the two CAs in DPS, when the group refers to them by name instead of containing them. */
  readonly caReferences?: { readonly primary: string; readonly secondary?: string };
}

/** The enrollment of one device by its own certificate. */
export interface IndividualEnrollment {
  readonly deviceId: string;
  readonly certificatePem: string;
  readonly definition: GroupDefinition;
  readonly twin: Twin;
}

/** Why DPS refuses an enrollment. */
export interface EnrollmentError {
  /** DPS's code, such as 409201, or the HTTP status when the answer has no code. */
  readonly errorCode: number;
  readonly message: string;
}

export interface RegistrationOf {
  readonly deviceId: string;
  readonly registration: Registration;
}

/** DPS: "maximum 10" entries per bulk call (service API 2021-10-01, BulkEnrollmentOperation). */
export const enrollmentsPerCall = 10;

/** Twins of assigned devices at their hubs. Adapter: lib/azure/hub-twins.ts. */
export interface HubTwins {
  /**
   * Merges tags and desired properties into the twin.
   * @param hub host name
   * @throws FleetError `throttled`, `unavailable`, `not-found` when the hub does not have the device
   */
  merge(hub: string, deviceId: string, twin: Twin): Promise<void>;
}
