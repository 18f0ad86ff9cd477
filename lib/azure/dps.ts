import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import type {
  IndividualEnrollment as DpsEnrollment,
  EnrollmentGroup,
} from 'azure-iot-provisioning-service/dist/interfaces.js';
import type { Registration } from '../devices/device.ts';
import type {
  ClosedCa,
  Deletion,
  EnrollmentChange,
  EnrollmentDoor,
  EnrollmentError,
  Enrollments,
  FoundEntry,
  GroupEnrollment,
  IndividualEnrollment,
  RegistrationOf,
} from '../enrollment/enrollments.ts';
import { groupExists } from '../enrollment/group-ownership.ts';
import { FleetError, orFleetError } from '../errors.ts';
import {
  blockingEnrollment,
  closingGroup,
  type DpsEntry,
  foundEntry,
  isSameGroup,
  sha256Of,
  toDpsEnrollment,
  toEnrollmentGroup,
} from './dps-entries.ts';
import { callingIot, type IotConnection, iotAnswer, iotClient, iotStatus, unexpectedAnswer } from './iot.ts';

const service = 'DPS';

/** The largest page (x-ms-max-item-count). Each page is one operation of the quota. */
const pageSize = 100;

/** Attempts to read and write a group while others change it. */
const maxAttempts = 5;

/** "Enrollment already exists.", "EnrollmentGroup already exists.", "Precondition failed." */
const [enrollmentExists, groupConflict, preconditionFailed] = [409201, 409202, 409203];

/** The enrollment side of one DPS instance, through azure-iot-provisioning-service (service API 2021-10-01). */
export function createDpsEnrollments(connection: IotConnection): Enrollments {
  const client = iotClient(ProvisioningServiceClient, connection);

  const findGroup = (id: string) => unlessMissing(() => client.getEnrollmentGroup(id));
  const findEnrollment = (id: string) => unlessMissing(() => client.getIndividualEnrollment(id));

  function ensureGroup(group: GroupEnrollment, mayWrite: (found: FoundEntry | undefined) => Promise<void>) {
    const declared = toEnrollmentGroup(group);
    return writeGroup(declared, mayWrite, (existing) => isSameGroup(existing, declared));
  }

  async function closeCa(ca: ClosedCa): Promise<FoundEntry> {
    const own = sha256Of(ca.certificatePem);
    const mayWrite = async (found: FoundEntry | undefined) => {
      if (found !== undefined && found.thumbprints.join() !== own) throw groupExists(ca.id, found);
    };
    return writeGroup(closingGroup(ca), mayWrite, (existing) => foundEntry(existing).disabled === true);
  }

  /** Creates or updates a group, of the version that `mayWrite` was asked about, unless DPS has it as wanted. */
  async function writeGroup(
    declared: EnrollmentGroup,
    mayWrite: (found: FoundEntry | undefined) => Promise<void>,
    isAsWanted: (existing: EnrollmentGroup) => boolean,
  ): Promise<FoundEntry> {
    const id = declared.enrollmentGroupId;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const existing = await findGroup(id);
      const found = existing && foundEntry(existing);
      await mayWrite(found);
      if (existing !== undefined && found !== undefined && isAsWanted(existing)) return found;
      try {
        // Without an etag DPS only creates.
        const etag = existing === undefined ? {} : { etag: existing.etag };
        const { responseBody } = await callingIot(service, () =>
          client.createOrUpdateEnrollmentGroup({ ...declared, ...etag }),
        );
        return foundEntry(responseBody);
      } catch (error) {
        if (isRace(error)) continue;
        throw refused(error, `DPS refuses enrollment group "${id}"`);
      }
    }
    throw new FleetError('concurrent-change', `Enrollment group "${id}" changes in DPS faster than it can be written.`);
  }

  async function enroll(devices: readonly IndividualEnrollment[]): Promise<(EnrollmentError | undefined)[]> {
    const errors = await runBulk(devices.map(toDpsEnrollment));
    if (errors === undefined) return Promise.all(devices.map((device) => enrollOne(device)));
    return Promise.all(
      devices.map((device) => {
        const error = errors.get(device.deviceId.toLowerCase());
        // The enrollment of an earlier delivery, an older one that this one replaces, or one that is not ours.
        return error?.errorCode === enrollmentExists ? enrollOne(device) : error;
      }),
    );
  }

  /** @returns errors by registration id; undefined when DPS refused the whole call without naming an enrollment */
  async function runBulk(enrollments: DpsEnrollment[]): Promise<Map<string, EnrollmentError> | undefined> {
    try {
      const errors = await callingIot(service, () => bulkCreate(client, enrollments));
      return new Map(
        errors.map(({ registrationId, errorCode, errorStatus }) => [
          registrationId.toLowerCase(),
          { errorCode, message: errorStatus },
        ]),
      );
    } catch (error) {
      // 400, 413: one enrollment is invalid, or ten together exceed the size of a request. Each is sent by itself then.
      if (iotStatus(error) === 400 || iotStatus(error) === 413) return undefined;
      throw error;
    }
  }

  /** Enrolls one device. Replaces an enrollment of ours that has another certificate. @returns why not, if so */
  async function enrollOne(device: IndividualEnrollment): Promise<EnrollmentError | undefined> {
    const { deviceId, certificatePem, definition, own, adopt, mayWrite } = device;
    const enrollment = toDpsEnrollment(device);
    try {
      const existing = await findEnrollment(deviceId);
      const found = existing && foundEntry(existing);
      const held = found?.thumbprints[0] ?? found?.mark;
      const isEnrolled = held !== undefined && held === sha256Of(certificatePem);
      const isWanted = (found?.disabled ?? false) === (definition.provisioningStatus === 'disabled');
      if (isEnrolled && isWanted) return undefined;
      if (found !== undefined && !isEnrolled && !adopt && (held === undefined || !own.includes(held)))
        return { exists: found, errorCode: enrollmentExists, message: 'Enrollment already exists.' };
      // It may be closed, and this would open it.
      if (found !== undefined && !(await mayWrite()))
        throw new FleetError('concurrent-change', `Device "${deviceId}" changed while it was enrolled.`);
      const etag = existing === undefined ? {} : { etag: existing.etag };
      await callingIot(service, () => client.createOrUpdateIndividualEnrollment({ ...enrollment, ...etag }));
      return undefined;
    } catch (error) {
      if (isRace(error)) throw new FleetError('concurrent-change', 'An enrollment changed while it was written.');
      // 404: deleted meanwhile. 409: the certificate is enrolled elsewhere (the id was looked up above).
      if ([400, 404, 409, 413].includes(iotStatus(error) ?? 0)) return iotAnswer(error);
      throw error;
    }
  }

  async function deleteEntry(
    find: () => Promise<DpsEntry | undefined>,
    isOwn: (found: FoundEntry) => boolean,
    remove: (etag: string) => Promise<unknown>,
  ): Promise<Deletion> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const existing = await find();
      if (existing === undefined) return 'absent';
      if (!isOwn(foundEntry(existing))) return 'other';
      try {
        await callingIot(service, () => remove(existing.etag ?? ''));
        return 'deleted';
      } catch (error) {
        // Deleted or changed meanwhile: look again.
        if (iotStatus(error) !== 404 && !isRace(error)) throw unexpectedAnswer(service, error);
      }
    }
    throw new FleetError('concurrent-change', 'An entry changes in DPS faster than it can be deleted.');
  }

  /**
   * Makes one change to an individual enrollment, of the version that `change` was decided on.
   * @param wanted what to do with the enrollment that DPS has; undefined leaves it
   */
  async function changeEnrollment(
    deviceId: string,
    mayWrite: () => Promise<boolean>,
    wanted: (existing: DpsEnrollment | undefined) => (() => Promise<unknown>) | undefined,
  ): Promise<FoundEntry | undefined> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const existing = await findEnrollment(deviceId);
      const write = wanted(existing);
      if (write === undefined || !(await mayWrite())) return existing && foundEntry(existing);
      try {
        await callingIot(service, write);
        const written = await findEnrollment(deviceId);
        return written && foundEntry(written);
      } catch (error) {
        // Created, changed or deleted meanwhile: look again.
        if (iotStatus(error) !== 404 && !isRace(error)) throw unexpectedAnswer(service, error);
      }
    }
    throw new FleetError('concurrent-change', `Enrollment "${deviceId}" changes in DPS faster than it can be written.`);
  }

  function close(deviceId: string, mark: string, { isOwn, mayWrite }: EnrollmentChange) {
    return changeEnrollment(deviceId, mayWrite, (existing) => {
      const block = blockingEnrollment(deviceId, mark);
      if (existing === undefined) return () => client.createOrUpdateIndividualEnrollment(block);
      const { etag } = existing;
      const found = foundEntry(existing);
      const isClosed = found.mark === mark && found.disabled === true;
      if (isClosed || !isOwn(found)) return undefined;
      const closed = found.mark === undefined ? { ...existing, provisioningStatus: 'disabled' as const } : block;
      return () => client.createOrUpdateIndividualEnrollment({ ...closed, etag });
    });
  }

  /** Creates the blocks of several devices. @returns ids of those that DPS has now; the others need a look each */
  async function createBlocks(doors: readonly EnrollmentDoor[]): Promise<ReadonlySet<string>> {
    const allowed = await Promise.all(doors.map(({ isNew, change }) => isNew && change.mayWrite()));
    const wanted = doors.filter((_, index) => allowed[index] === true);
    // One by itself is read first: that costs as much, and says more.
    if (wanted.length < 2) return new Set();
    const errors = await runBulk(wanted.map(({ deviceId, mark }) => blockingEnrollment(deviceId, mark)));
    if (errors === undefined) return new Set();
    return new Set(wanted.map(({ deviceId }) => deviceId).filter((id) => !errors.has(id)));
  }

  async function read(deviceId: string): Promise<FoundEntry | undefined> {
    const existing = await findEnrollment(deviceId);
    return existing && foundEntry(existing);
  }

  async function readRegistration(deviceId: string): Promise<Registration | undefined> {
    const state = await unlessMissing(() => client.getDeviceRegistrationState(deviceId));
    return state && toRegistration(state as unknown as DpsRegistration).registration;
  }

  return {
    ensureGroup,
    closeCa,
    enroll,
    close,
    enrollment: read,

    async closeAll(doors) {
      const created = await createBlocks(doors);
      return Promise.all(
        doors.map(({ deviceId, mark, change }) =>
          orFleetError(() => (created.has(deviceId) ? read(deviceId) : close(deviceId, mark, change))),
        ),
      );
    },

    deleteGroup: (id, isOwn) =>
      deleteEntry(
        () => findGroup(id),
        isOwn,
        (etag) => client.deleteEnrollmentGroup(id, etag),
      ),

    deleteEnrollment: (id, isOwn) =>
      deleteEntry(
        () => findEnrollment(id),
        isOwn,
        (etag) => client.deleteIndividualEnrollment(id, etag),
      ),

    async block(deviceId, mark) {
      try {
        // DPS makes the key. The answer has it, and is dropped.
        await callingIot(service, () => client.createOrUpdateIndividualEnrollment(blockingEnrollment(deviceId, mark)));
        return undefined;
      } catch (error) {
        if (!isRace(error)) throw error;
      }
      const existing = await findEnrollment(deviceId);
      if (existing === undefined) throw new FleetError('concurrent-change', 'An enrollment was deleted meanwhile.');
      const found = foundEntry(existing);
      return found.mark === mark ? undefined : found;
    },

    open: (deviceId, status, { isOwn, mayWrite }) =>
      changeEnrollment(deviceId, mayWrite, (existing) => {
        if (existing === undefined || !isOwn(foundEntry(existing))) return undefined;
        const { mark, disabled = false } = foundEntry(existing);
        if (mark !== undefined) return () => client.deleteIndividualEnrollment(deviceId, existing.etag ?? '');
        if (disabled === (status === 'disabled')) return undefined;
        // DPS keeps the certificate of an entry that comes back with the facts read from it.
        return () => client.createOrUpdateIndividualEnrollment({ ...existing, provisioningStatus: status });
      }),

    async *groupRegistrations(enrollmentGroup) {
      const query = client.createEnrollmentGroupDeviceRegistrationStateQuery(
        { query: 'SELECT *' },
        enrollmentGroup,
        pageSize,
      );
      do {
        // Without the token as an argument, the promise form of next() returns the first page again and again.
        const page = await unlessMissing(() => query.next(query.continuationToken));
        // DPS does not have the group, so it has no registrations.
        if (page === undefined) return;
        yield (page as unknown as DpsRegistration[]).map(toRegistration);
      } while (query.hasMoreResults);
    },

    registration: readRegistration,

    async registrationsOf(deviceId) {
      const registration = await readRegistration(deviceId);
      return registration === undefined ? [] : [registration];
    },

    async deleteRegistration(deviceId) {
      try {
        await callingIot(service, () => client.deleteDeviceRegistrationState(deviceId));
      } catch (error) {
        if (iotStatus(error) !== 404) throw error;
      }
    },
  };
}

/** The promise form of runBulkEnrollmentOperation never settles (1.11.2); the callback form does. */
function bulkCreate(client: ProvisioningServiceClient, enrollments: DpsEnrollment[]) {
  return new Promise<readonly BulkError[]>((resolve, reject) => {
    client.runBulkEnrollmentOperation({ mode: 'create', enrollments }, (error, result) => {
      // DPS leaves out members that are null. The SDK gives an empty answer without both members.
      const { isSuccessful = false, errors } = (result ?? {}) as BulkResult;
      if (error) reject(error);
      else if (errors) resolve(errors);
      else if (isSuccessful) resolve([]);
      else reject(new FleetError('unavailable', 'DPS answered a bulk call without a result.'));
    });
  });
}

interface BulkResult {
  readonly isSuccessful?: boolean;
  readonly errors?: readonly BulkError[] | null;
}

interface BulkError {
  readonly registrationId: string;
  readonly errorCode: number;
  readonly errorStatus: string;
}

/** Whether the entry was created or changed between the read and the write. It is read again then. */
function isRace(error: unknown): boolean {
  const status = iotStatus(error);
  if (status !== 409) return status === 412;
  return [enrollmentExists, groupConflict, preconditionFailed].includes(iotAnswer(error).errorCode);
}

export async function unlessMissing<T>(work: () => Promise<{ responseBody: T }>): Promise<T | undefined> {
  try {
    return (await callingIot(service, work)).responseBody;
  } catch (error) {
    if (iotStatus(error) === 404) return undefined;
    throw unexpectedAnswer(service, error);
  }
}

/** @returns FleetError `group-refused` with DPS's code and message, or the error itself when DPS did not refuse */
function refused(error: unknown, what: string): unknown {
  const status = iotStatus(error);
  if (error instanceof FleetError || status === undefined) return error;
  const { errorCode, message } = iotAnswer(error);
  return new FleetError('group-refused', `${what}: ${errorCode} ${message}`, { cause: error });
}

/** DeviceRegistrationState as it is on the wire: dates are ISO 8601 text. */
export interface DpsRegistration {
  readonly registrationId: string;
  readonly status: Registration['status'];
  readonly substatus?: string;
  readonly assignedHub?: string;
  readonly lastUpdatedDateTimeUtc?: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
}

export function toRegistration(state: DpsRegistration): RegistrationOf {
  const { registrationId, status, substatus, assignedHub, lastUpdatedDateTimeUtc, errorCode, errorMessage } = state;
  const failure = errorCode === undefined || errorCode === 0 ? {} : { errorCode, errorMessage };
  const hub = assignedHub === undefined || assignedHub === null ? {} : { assignedHub };
  return {
    // DPS compares ids without case. Device ids of this app are lower case.
    deviceId: registrationId.toLowerCase(),
    registration: { status, ...(substatus && { substatus }), ...hub, at: lastUpdatedDateTimeUtc, ...failure },
  };
}
