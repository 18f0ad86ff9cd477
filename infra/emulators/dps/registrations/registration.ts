import type { Entry, EntryKind, JsonObject } from '../entries/entry.ts';
import type { Page, PageRequest, Store } from '../store.ts';
import type { CertificateInfo } from '../x509.ts';

/** The registration state of a device. */
export interface Registration {
  /** In the spelling of the last registration. */
  readonly registrationId: string;
  readonly entry: { readonly kind: EntryKind; readonly id: string };
  readonly attestation: 'x509' | 'symmetricKey';
  readonly x509?: X509Proof;
  readonly status: RegistrationStatus;
  readonly substatus?: RegistrationSubstatus;
  /** The last assignment. A later registration that is pending, failed or disabled does not remove it. */
  readonly assignment?: { readonly hub: string; readonly deviceId: string };
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** For the device, from the custom allocation webhook. */
  readonly payload?: JsonObject;
  readonly operationId: string;
  /** Of earlier registrations of the device, oldest first. A client whose answer was lost registers again, and may poll both. */
  readonly earlierOperations?: readonly EarlierOperation[];
  /** Input of an unfinished assignment, so that the next process can resume it. */
  readonly pending?: PendingAssignment;
  readonly etag: string;
  readonly createdDateTimeUtc: string;
  readonly lastUpdatedDateTimeUtc: string;
}

export interface EarlierOperation {
  readonly operationId: string;
  /** ISO 8601. */
  readonly validUntil: string;
}

/** The certificates by which the device was identified. */
export interface X509Proof {
  readonly certificateInfo: CertificateInfo;
  /** The certificate of the group. */
  readonly signingCertificateInfo?: CertificateInfo;
}

export type RegistrationStatus = 'unassigned' | 'assigning' | 'assigned' | 'failed' | 'disabled';
export type RegistrationSubstatus =
  | 'initialAssignment'
  | 'deviceDataMigrated'
  | 'deviceDataReset'
  | 'reprovisionedToInitialAssignment';

export interface PendingAssignment {
  readonly credential: DeviceCredential;
  /** From the device, for the custom allocation webhook. */
  readonly payload?: unknown;
}

/** The credential that the device has at its hub. */
export type DeviceCredential =
  | {
      readonly type: 'x509';
      /** SHA-256 of the device certificate, upper-case hex. */
      readonly thumbprint: string;
      /** Base64 DER. */
      readonly certificate: string;
    }
  | { readonly type: 'symmetricKey'; readonly primaryKey: string; readonly secondaryKey: string };

/** Writes `DeviceRegistrationState` of the service API. */
export function showRegistrationState(registration: Registration, apiVersion: string): JsonObject {
  const { status, substatus, errorCode, errorMessage, assignment } = registration;
  // Earlier API versions do not have this substatus.
  const shown =
    substatus === 'reprovisionedToInitialAssignment' && apiVersion < '2021-10-01' ? 'initialAssignment' : substatus;
  return {
    registrationId: registration.registrationId,
    createdDateTimeUtc: registration.createdDateTimeUtc,
    ...(status === 'assigned' && assignment ? { assignedHub: assignment.hub, deviceId: assignment.deviceId } : {}),
    status,
    ...(status === 'assigned' && shown ? { substatus: shown } : {}),
    ...(errorCode === undefined ? {} : { errorCode, errorMessage }),
    lastUpdatedDateTimeUtc: registration.lastUpdatedDateTimeUtc,
    etag: registration.etag,
  };
}

/** Writes `DeviceRegistrationResult` of the device API. There the substatus of an assigned device is always `initialAssignment`. */
export function showRegistrationResult(registration: Registration): JsonObject {
  const { status, payload, registrationId } = registration;
  if (status === 'disabled') return { registrationId, status };
  return {
    [registration.attestation]: proofOf(registration),
    ...showRegistrationState(registration, ''),
    ...(status === 'assigned' ? { substatus: 'initialAssignment' } : {}),
    ...(payload === undefined ? {} : { payload }),
  };
}

/** `X509RegistrationResult` or `SymmetricKeyRegistrationResult`. */
function proofOf({ entry, x509 }: Registration): JsonObject {
  const { certificateInfo, signingCertificateInfo } = x509 ?? {};
  return {
    ...(certificateInfo && { certificateInfo }),
    ...(entry.kind === 'group' && { enrollmentGroupId: entry.id }),
    ...(signingCertificateInfo && { signingCertificateInfo }),
  };
}

export interface RegistrationStore {
  get(registrationId: string): Registration | undefined;
  put(registration: Registration): void;
  delete(registrationId: string): boolean;
  /** The registrations of an enrollment, oldest first. */
  pageOf(entry: Pick<Entry, 'kind' | 'id'>, request: PageRequest): Page<Registration>;
  deleteOf(entry: Pick<Entry, 'kind' | 'id'>): void;
}

export function createRegistrationStore(store: Store): RegistrationStore {
  const registrations = store.collection<Registration>('registration');
  const parentOf = ({ kind, id }: Pick<Entry, 'kind' | 'id'>) => `${kind}:${id.toLowerCase()}`;
  return {
    get: (registrationId) => registrations.get(registrationId.toLowerCase()),
    put(registration) {
      registrations.put(registration.registrationId.toLowerCase(), registration, parentOf(registration.entry));
    },
    delete: (registrationId) => registrations.delete(registrationId.toLowerCase()),
    pageOf: (entry, request) => registrations.page({ ...request, parent: parentOf(entry) }),
    deleteOf: (entry) => registrations.deleteChildren(parentOf(entry)),
  };
}
