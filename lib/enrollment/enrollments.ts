import type { Registration } from '../devices/device.ts';
import type { Twin } from '../devices/twin.ts';
import type { ErrorCode, FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import type { DoorChange } from './door-change.ts';

/**
 * Enrollment groups, individual enrollments and registrations: the service API of DPS. Adapter: lib/azure/dps.ts, for one DPS
 * instance; enrollments-by-instance.ts makes one of several.
 * Every method throws FleetError `throttled` (with `retryAfter` in seconds) or `unavailable`.
 */
export interface Enrollments {
  /**
   * Creates or updates the enrollment group so that it is as declared; writes nothing when it is already.
   * @param mayWrite is awaited before DPS is changed, with the group that DPS has; throws to leave it. It can be called several
   * times, and what it returns then allows a write of that version only
   * @returns the group as DPS has it now
   * @throws FleetError `group-refused` with DPS's code and message, `concurrent-change`, and what `mayWrite` throws
   */
  ensureGroup(group: GroupEnrollment, mayWrite: (found: FoundEntry | undefined) => Promise<void>): Promise<FoundEntry>;
  /** Deletes an enrollment group if `isOwn` says so of the version that is deleted. @throws FleetError `concurrent-change` */
  deleteGroup(id: string, isOwn: (found: FoundEntry) => boolean): Promise<Deletion>;
  /**
   * Closes DPS for every device whose certificate a CA issued: creates a disabled enrollment group that has only that CA, or
   * disables it again. DPS goes by the entry of the nearest issuer, so this one decides before the group of the CA that issued the
   * CA. A device with an individual enrollment is not closed: DPS prefers that.
   * https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation
   * @returns the group as DPS has it now
   * @throws FleetError `group-exists` when DPS has a group of that id with another certificate, `group-refused` with DPS's code
   * and message, such as when another entry has the certificate; `concurrent-change`
   */
  closeCa(ca: ClosedCa): Promise<FoundEntry>;
  /**
   * Enrolls devices (10 at most, see `enrollmentsPerCall`). Replaces an enrollment that is one of `own`, and any
   * with `adopt`, if `mayWrite` says so. One with this certificate and the wanted status stays as it is.
   * @returns for each device, in order: undefined when it is enrolled, or why it is not
   * @throws FleetError `concurrent-change`, also when `mayWrite` says no; some of the devices may be enrolled then
   */
  enroll(devices: readonly IndividualEnrollment[]): Promise<(EnrollmentError | undefined)[]>;
  /** Deletes an individual enrollment if `isOwn` says so of the version that is deleted. @throws FleetError `concurrent-change` */
  deleteEnrollment(deviceId: string, isOwn: (found: FoundEntry) => boolean): Promise<Deletion>;
  /**
   * Blocks a device of an enrollment group: creates a disabled individual enrollment, which DPS prefers to the group. It has
   * a symmetric key that is never read, so the registration id alone decides.
   * https://learn.microsoft.com/azure/iot-dps/how-to-revoke-device-access-portal
   * @param mark is in its initial twin, and tells it from an enrollment that was made elsewhere
   * @returns the enrollment that is in the way; undefined when the device is blocked
   */
  block(deviceId: string, mark: string): Promise<FoundEntry | undefined>;
  /** @returns the individual enrollment of a device; undefined when it has none */
  enrollment(deviceId: string): Promise<FoundEntry | undefined>;
  /**
   * Closes DPS for a device, whatever certificates it has: disables its individual enrollment if it is ours, and creates a
   * block as `block` does if there is none. An enrollment is disabled and not deleted: without it, DPS lets the device in by
   * an enrollment group on any issuer of its certificate. One that is disabled by an earlier operation is written again, so
   * that whoever is about to open the version before fails. One that is not ours is left.
   * https://learn.microsoft.com/azure/iot-dps/how-to-unprovision-devices
   * @returns the enrollment as DPS has it now. DPS is closed if it is disabled
   * @throws FleetError `concurrent-change`
   */
  close(deviceId: string, mark: string, change: EnrollmentChange): Promise<FoundEntry | undefined>;
  /**
   * Closes DPS for several devices (10 at most, see `enrollmentsPerCall`), each as `close` does. One call creates the blocks of
   * those that have no enrollment as far as is known; a device that it did not block is closed by itself. All are read back.
   * @returns for each device, in order: what `close` returns, or the error that it has
   */
  closeAll(doors: readonly EnrollmentDoor[]): Promise<(FoundEntry | undefined | FleetError)[]>;
  /**
   * The opposite: deletes a block of ours, gives an individual enrollment of ours the status, and leaves any other.
   * @returns the enrollment as DPS has it now; undefined when there is none
   * @throws FleetError `concurrent-change`
   */
  open(
    deviceId: string,
    status: GroupDefinition['provisioningStatus'],
    change: EnrollmentChange,
  ): Promise<FoundEntry | undefined>;
  /** All registrations of an enrollment group, in pages of 100 at most. Empty when DPS does not have the group. */
  groupRegistrations(enrollmentGroup: string): AsyncIterable<RegistrationOf[]>;
  /** @returns the registration of one device in the DPS instance of its group; undefined when it has none */
  registration(deviceId: string): Promise<Registration | undefined>;
  /** @returns its registrations in every DPS instance that may know it: one at most per instance */
  registrationsOf(deviceId: string): Promise<readonly Registration[]>;
  /** Deletes the registration of a device, if it has one. */
  deleteRegistration(deviceId: string): Promise<void>;
}

/** A change to the individual enrollment of a device: as `DoorChange`, by what is known of the enrollment. */
export interface EnrollmentChange extends Pick<DoorChange, 'mayWrite'> {
  readonly isOwn: (found: FoundEntry) => boolean;
}

/** The enrollment of one device that is to be closed. */
export interface EnrollmentDoor {
  readonly deviceId: string;
  /** As `Enrollments.close`. */
  readonly mark: string;
  readonly change: EnrollmentChange;
  /** The records know of no individual enrollment. DPS decides. */
  readonly isNew: boolean;
}

/** `other`: the entry is not ours, and was left. */
export type Deletion = 'deleted' | 'absent' | 'other';

/** An enrollment group or an individual enrollment that DPS has. */
export interface FoundEntry {
  /** Its version: a write names it, and fails when it is another one by then. */
  readonly etag: string;
  /** When it was created: ISO 8601, UTC. It stays when the entry is updated, and is another one after it was deleted. */
  readonly createdAt: string;
  /** `x509`, `tpm`, `symmetricKey` or `none`. */
  readonly attestation: string;
  /** No device can register by it (`provisioningStatus` "disabled"). */
  readonly disabled?: true;
  /** SHA-256 of its certificates, upper-case hex; the primary one first. */
  readonly thumbprints: readonly string[];
  /** Names of the CAs that a group refers to; the primary one first. */
  readonly caReferences: readonly string[];
  /** The device id that an individual enrollment gives, where it has one. */
  readonly deviceId?: string;
  /** The mark of an enrollment that `block` made. */
  readonly mark?: string;
}

/** An entry in DPS in one sentence, for the error that refuses to overwrite it. */
export function describeEntry({
  attestation,
  deviceId,
  createdAt,
  etag,
  thumbprints: [thumbprint],
}: FoundEntry): string {
  const certificate = thumbprint === undefined ? '' : `, certificate SHA-256 ${thumbprint}`;
  const device = deviceId === undefined ? '' : `, device id "${deviceId}"`;
  return `It has attestation ${attestation}${certificate}${device}, was created at ${createdAt}, and has the ETag ${etag}.`;
}

/** A CA below an issuing CA whose devices DPS is to refuse. */
export interface ClosedCa {
  /** Id of the enrollment group that closes it. */
  readonly id: string;
  readonly certificatePem: string;
  /** The enrollment group whose issuing CA signed it. It is closed where that group is. */
  readonly enrollmentGroup: string;
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
  /**
   * By which an enrollment of this deployment is known: certificates that it can hold (SHA-256, upper-case hex), and the mark
   * of `block`.
   */
  readonly own: readonly string[];
  /** Replace an enrollment that this deployment did not write. */
  readonly adopt: boolean;
  /** As `DoorChange.mayWrite`, asked before an enrollment that exists is replaced: the device can be revoked by then. */
  readonly mayWrite: () => Promise<boolean>;
}

/** Why a device is not enrolled. */
export interface EnrollmentError {
  /** The enrollment that is in the way, and that this deployment did not write. Absent: DPS refuses the new one. */
  readonly exists?: FoundEntry;
  /** DPS's code, such as 409201, or the HTTP status when the answer has no code. */
  readonly errorCode: number;
  readonly message: string;
}

export interface RegistrationOf {
  readonly deviceId: string;
  readonly registration: Registration;
}

/** The codes of rows that hold a device, and whose enrollment DPS does not have. */
export function isEnrollmentFailure(code: ErrorCode | undefined): boolean {
  return code === 'enrollment-refused' || code === 'enrollment-exists';
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
  /**
   * Deletes the identity of a device and its twin, if the identity has the certificate given.
   * @param thumbprints of the certificate, SHA-1 and SHA-256, upper-case hex: a hub takes either
   * @returns `other` when the identity has another credential and was left
   */
  remove(hub: string, deviceId: string, thumbprints: readonly string[]): Promise<'removed' | 'absent' | 'other'>;
}
