import type { Entry, EntryKind, JsonObject } from '../entries/entry.ts';
import type { Page, PageRequest, Store } from '../store.ts';

/** What DPS knows of one device, by its registration id. */
export interface Registration {
  /** As the device spelled it last. */
  readonly registrationId: string;
  readonly entry: { readonly kind: EntryKind; readonly id: string };
  readonly attestation: 'x509' | 'symmetricKey';
  readonly status: RegistrationStatus;
  readonly substatus?: RegistrationSubstatus;
  /** Where the device was last assigned; kept while a later registration is under way, has failed or is disabled. */
  readonly assignment?: { readonly hub: string; readonly deviceId: string };
  readonly errorCode?: number;
  readonly errorMessage?: string;
  /** From a custom allocation webhook, for the device. */
  readonly payload?: JsonObject;
  readonly operationId: string;
  /** What the assignment needs, until it is done: a process that ends in between takes it up again. */
  readonly pending?: PendingAssignment;
  readonly etag: string;
  readonly createdDateTimeUtc: string;
  readonly lastUpdatedDateTimeUtc: string;
}

export type RegistrationStatus = 'unassigned' | 'assigning' | 'assigned' | 'failed' | 'disabled';
export type RegistrationSubstatus =
  | 'initialAssignment'
  | 'deviceDataMigrated'
  | 'deviceDataReset'
  | 'reprovisionedToInitialAssignment';

export interface PendingAssignment {
  readonly credential: DeviceCredential;
  /** Sent by the device, for the custom allocation webhook. */
  readonly payload?: unknown;
}

/** What the hub will know the device by. */
export type DeviceCredential =
  | {
      readonly type: 'x509';
      /** SHA-256 of the device certificate, upper-case hex. */
      readonly thumbprint: string;
      /** Base64 DER. */
      readonly certificate: string;
    }
  | { readonly type: 'symmetricKey'; readonly primaryKey: string; readonly secondaryKey: string };

/** `DeviceRegistrationState` of the service API. */
export function showRegistrationState(registration: Registration, apiVersion: string): JsonObject {
  const { status, substatus, errorCode, errorMessage, assignment } = registration;
  // Versions before this one do not know the substatus of a device that came back to its hub.
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

/** `DeviceRegistrationResult` of the device API, where the substatus of an assigned device is always the first one. */
export function showRegistrationResult(registration: Registration): JsonObject {
  const { status, payload, registrationId } = registration;
  if (status === 'disabled') return { registrationId, status };
  return {
    [registration.attestation]: {},
    ...showRegistrationState(registration, ''),
    ...(status === 'assigned' ? { substatus: 'initialAssignment' } : {}),
    ...(payload === undefined ? {} : { payload }),
  };
}

export interface RegistrationStore {
  get(registrationId: string): Registration | undefined;
  put(registration: Registration): void;
  delete(registrationId: string): boolean;
  /** Those that came through the entry, oldest first. */
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
