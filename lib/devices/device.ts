import type { ErrorCode } from '../errors.ts';
import type { Owing } from '../outbox.ts';
import type { Measured, Page, PageRequest, Versioned } from '../storage.ts';
import type { BlockKind, DeviceBlock } from './block.ts';
import type {
  BundleName,
  CertificateName,
  DeviceCertificate,
  DeviceIdentity,
  Renewal,
  RenewalPlan,
} from './certificate.ts';
import type { Twin } from './twin.ts';
import type { CaInUse, UnderCa } from './under-ca.ts';

/**
 * The state of a device.
 *
 * `claimed`: a job holds the id and has fixed the serial number. Nothing is issued yet, or it is not enrolled yet.
 * `provisioned`: certificate issued, enrolled, bundle ready.
 * `assigned`: the device has registered, and DPS assigned it to a hub.
 * `failed`: see `failure`. Another row can claim the id.
 * `deleting`: an operator deletes it. Nothing else happens to it until that is done.
 * `deleted`: its certificate is revoked. Another row can claim the id.
 * `closing`: an operator suspends, revokes or scraps it (`block`), and not every door was read back as closed.
 * `suspended`, `revoked`, `scrapped`: every door is closed. A suspended device can be restored.
 * `opening`: an operator restores it, and not every door is open.
 */
export type DeviceStatus = (typeof deviceStatuses)[number];
export const deviceStatuses = [
  'claimed',
  'provisioned',
  'assigned',
  'failed',
  'deleting',
  'deleted',
  'closing',
  'suspended',
  'revoked',
  'scrapped',
  'opening',
] as const;

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
export interface DeviceRecord extends Owing {
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
  /**
   * Every certificate of the device that has not expired, newest first, and the latest 20 (lib/devices/certificates.ts). Records
   * of earlier versions do not have it: read it by `certificatesOf`.
   */
  readonly certificates?: readonly DeviceCertificate[];
  /**
   * The names of `certificates` for searches, and the latest 30 others: serial numbers and thumbprints, lower-case hex. The
   * names of the present certificate can be missing.
   */
  readonly formerCertificateNames?: readonly string[];
  /** The latest request of the device to the EST server for each kind of certificate. */
  readonly renewals?: readonly Renewal[];
  /**
   * Since when the device has a renewed identity with which no registration was seen: ISO 8601, UTC. Its identity before that
   * one is good until then.
   */
  readonly unconfirmedSince?: string;
  /** When the device renews its identity by our EST server. Absent where its bundle does not. */
  readonly renewal?: RenewalPlan;
  /** Groups that the device was in before. Absent where it stayed in one. */
  readonly formerGroups?: readonly string[];
  /** Tags and desired properties of the row, without those of its group. */
  readonly twin?: Twin;
  /**
   * What rows before the present one gave to the twin at the hub, or may have given. Members that the row does not have are
   * removed when its own are delivered; then this is absent.
   */
  readonly formerTwin?: Twin;
  /** The present certificate. Absent while nothing is issued. */
  readonly identity?: DeviceIdentity;
  readonly bundle?: BundleLocation;
  readonly registration?: Registration;
  /**
   * Hubs that DPS assigned the device to, noted before its access was ended or when it moved to another one. DPS does not name
   * the hub of a device that it refuses, and the identity at each hub must be closed all the same.
   */
  readonly hubs?: readonly string[];
  /**
   * The certificates that the individual enrollment of the device in DPS can hold if this deployment wrote it: SHA-256,
   * upper-case hex. The first is the one that DPS accepted last; the others may have been sent since. A certificate is stored
   * here before it is sent, so a crash leaves no enrollment that looks like someone else's.
   */
  readonly enrolledCertificates?: readonly string[];
  /** What is in force in DPS for this device, seen last. Only for individual enrollments. */
  readonly enrolled?: EnrollmentSeen;
  /** Earlier certificates, newest first, on records of earlier versions. `certificates` has taken its place. */
  readonly formerCertificates?: readonly FormerCertificate[];
  /** Who deletes or deleted it. */
  readonly deletion?: DeviceDeletion;
  /** The block of a device that is suspended, revoked or scrapped; for a minute after a restore too. */
  readonly block?: DeviceBlock;
  /** Why `status` is `failed`. */
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
  /**
   * What a working device has while a row claims it to issue it again. It stays in force until the new certificate is: a failure
   * restores it.
   */
  readonly before?: HeldDevice;
  /** The latest row (`claim`) failed, and the device kept what it had. */
  readonly failedReissue?: FailedReissue;
  /** The latest 20 events, oldest first. */
  readonly history: readonly DeviceEvent[];
}

/** What a row gave to a device. */
export type HeldDevice = Pick<
  DeviceRecord,
  | 'writtenId'
  | 'enrollmentGroup'
  | 'status'
  | 'statusSince'
  | 'claim'
  | 'contentHash'
  | 'serialNumber'
  | 'twin'
  | 'formerTwin'
  | 'identity'
  | 'renewal'
  | 'bundle'
  | 'registration'
  | 'enrolled'
  | 'unconfirmedSince'
>;

/** Why a device was not issued again. */
export interface FailedReissue {
  readonly code: ErrorCode;
  readonly message: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Serial number that was reserved for it, hex. It can have been signed, and was never handed out. */
  readonly serialNumber: string;
  /** The row that holds the device. */
  readonly heldBy: Claim;
}

/** An earlier certificate, on records of earlier versions. */
export interface FormerCertificate extends DeviceIdentity {
  /** Hex. */
  readonly serialNumber: string;
  readonly status: 'superseded' | 'revoked';
  /** When it became so: ISO 8601, UTC. */
  readonly since: string;
  /** The hub that the device was assigned to with it. */
  readonly assignedHub?: string;
}

/** The individual enrollment of the device as DPS had it. */
export interface EnrollmentSeen {
  /** When DPS accepted it, or it was read: ISO 8601, UTC. */
  readonly seenAt: string;
  /** Its primary certificate: SHA-256, upper-case hex. */
  readonly sha256Thumbprint: string;
  /** `disabled`: no device can register by it. */
  readonly provisioningStatus?: 'enabled' | 'disabled';
  /** Since when DPS does not have it: ISO 8601, UTC. */
  readonly missingSince?: string;
}

/** The deletion of a device. */
export interface DeviceDeletion {
  /** As `Act`. */
  readonly by: string;
  readonly at: string;
  /** Mark of the enrollment in DPS that blocks the device (`Enrollments.block`), from before it is written. */
  readonly block?: string;
}

/** Certificates kept in `enrolledCertificates`: the accepted one and the latest others. */
const maxEnrolledCertificates = 10;

/**
 * The certificates that an individual enrollment of the device can hold if this deployment wrote it. A record of an earlier
 * version has no list; if it was enrolled, its certificate is the one.
 */
export function enrolledCertificates({
  enrolledCertificates: noted,
  identity,
  history,
}: DeviceRecord): readonly string[] {
  if (noted !== undefined || identity === undefined) return noted ?? [];
  return history.some(({ event }) => event === 'enrolled') ? [identity.sha256Thumbprint] : [];
}

/** @returns the list with a certificate that is about to be sent */
export function withEnrolledCertificate(noted: readonly string[], sha256Thumbprint: string): readonly string[] {
  if (noted.includes(sha256Thumbprint)) return noted;
  const [accepted, ...sent] = noted;
  const first = accepted === undefined ? [] : [accepted];
  return [...first, ...[...sent, sha256Thumbprint].slice(1 - maxEnrolledCertificates)];
}

/** The place of a device's bundle: a range of bytes in the archive of its chunk. */
export interface BundleLocation extends BundleName {
  /** First byte, from 0. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** SHA-256 of the bundle, lower-case hex. Records of earlier versions do not have it. */
  readonly sha256?: string;
  readonly mediaType: string;
}

/** The registration of a device, as DPS reported it. */
export interface Registration {
  /** How DPS assigned it, such as `initialAssignment`, `deviceDataMigrated`, `deviceDataReset`. */
  readonly substatus?: string;
  /** When it was read so first: ISO 8601, UTC. Records of earlier versions do not have it. */
  readonly seenAt?: string;
  /**
   * The certificate that it was read for, SHA-256, upper-case hex: the present one, or a former one that the identity at the
   * hub has. DPS does not say with which one a device registered.
   */
  readonly sha256Thumbprint?: string;
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
  /** The EST server issued a certificate. */
  | 'renewed'
  | 'failed'
  | 'bundle downloaded'
  | 'deleted'
  | 'suspending'
  | 'revoking'
  | 'scrapping'
  | BlockKind
  | 'restoring'
  | 'restored'
  /** A door of a blocked device was open when it was looked at again. */
  | 'door found open'
  /** Another row took the device over while it had this status. */
  | `superseded ${DeviceStatus}`
  /** DPS reported this status of the registration. */
  | `registration ${Registration['status']}`;

/** Events that a record keeps. Enough for a support call, and bounded, since the cost of a record grows with its size. */
export const historyLength = 20;

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
  /** Deletes the records that still have the etag given. @returns how many it deleted */
  remove(records: readonly Versioned<DeviceRecord>[]): Promise<number>;
  /** Records that match every member of the filter, by id, ascending. */
  list(filter: DeviceFilter, page: PageRequest): Promise<Page<DeviceRecord>>;
  /**
   * Ids of devices of a group of which a registration is awaited: `provisioned` ones, and those with a renewed identity
   * (`unconfirmedSince`). At most `limit`, in no order.
   */
  waitingIds(enrollmentGroup: string, limit: number): Promise<string[]>;
  /** Ids of devices whose doors are to be looked at before a time (`DeviceBlock.lookAgainAt`): ISO 8601, UTC. In no order. */
  dueLooks(before: string, limit: number): Promise<string[]>;
  /** Counts the devices whose certificate ends in a period, deleted ones left out. One entry per group that has such devices, in no order. */
  countEnding(period: EndingPeriod): Promise<EndingDevices[]>;
  /** Counts the devices that need a CA of their group. The answer has one size, however many devices there are. */
  countUnderCa(ca: CaInUse): Promise<UnderCa>;
  /** Counts `assigned` and `provisioned` devices by what became of their renewal. In no order, and no zeros. */
  countRenewals(period: RenewalPeriod): Promise<Measured<RenewalCount[]>>;
  /** Counts devices by group and status: all, or those whose certificate ends in a period. In no order, and no zeros. */
  countByStatus(period?: Omit<EndingPeriod, 'enrollmentGroups'>): Promise<Measured<DeviceCount[]>>;
}

/** How many devices of a group have a status. */
export interface DeviceCount {
  readonly enrollmentGroup: string;
  readonly status: DeviceStatus;
  /** 1 or more. */
  readonly devices: number;
}

export interface RenewalPeriod {
  /** First day, UTC, such as `2027-09-10`. */
  readonly from: string;
  /** The day after the last one. */
  readonly before: string;
  /** Now: ISO 8601, UTC, with milliseconds. */
  readonly at: string;
  /** A renewed identity that waits since before this counts as `unconfirmed`: ISO 8601, UTC, with milliseconds. */
  readonly unconfirmedBefore: string;
}

/**
 * How many devices of a group are to renew, or renewed.
 *
 * `due`: `assigned` devices by `RenewalPlan.dueDay`. A day in the past has those that did not renew since. `waiting`: the same of
 * `provisioned` devices, which have not registered yet. `done`: by `RenewalPlan.confirmedDay`. `late`: `assigned`, past
 * `RenewalPlan.lateAt`. `unconfirmed`: no registration with a renewed identity was seen for some time.
 */
export type RenewalCount = {
  readonly enrollmentGroup: string;
  /** 1 or more. */
  readonly devices: number;
} & ({ readonly what: 'due' | 'waiting' | 'done'; readonly day: string } | { readonly what: 'late' | 'unconfirmed' });

export interface EndingPeriod {
  /** Only devices of these groups count. */
  readonly enrollmentGroups: readonly string[];
  /** First moment of the period: ISO 8601, UTC, with milliseconds, as in `DeviceIdentity`. */
  readonly from: string;
  /** The moment after the period, in the same form. */
  readonly before: string;
  /** True: only devices in use, `assigned` or `provisioned`, that our EST server does not renew. */
  readonly byHand?: boolean;
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
  readonly enrollmentGroup?: string | undefined;
  /** The device is in this group, or has been: only then can it have a certificate of its CAs. */
  readonly issuingGroup?: string | undefined;
  readonly status?: DeviceStatus;
  /**
   * The certificate ends before this time: ISO 8601, UTC, with milliseconds, as in `DeviceIdentity`. A device without a
   * certificate does not match.
   */
  readonly expiresBefore?: string;
  /** True: only devices in use, `assigned` or `provisioned`, that our EST server does not renew. */
  readonly byHand?: boolean | undefined;
  /** The id begins with this text, lower case. */
  readonly idPrefix?: string;
  /** The device has this certificate, or had it (`formerCertificateNames`). */
  readonly certificate?: CertificateName;
  /** The device needs a certificate of this delegated CA: `identityOf` in under-delegated-ca.ts. Not indexed, so give a group with it. */
  readonly delegatedCa?: string | undefined;
}
