import { X509Certificate } from 'node:crypto';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import type {
  IndividualEnrollment as DpsEnrollment,
  EnrollmentGroup,
} from 'azure-iot-provisioning-service/dist/interfaces.js';
import type { Registration } from '../devices/device.ts';
import type {
  EnrollmentError,
  Enrollments,
  GroupEnrollment,
  IndividualEnrollment,
  RegistrationOf,
} from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { canonicalJson } from '../json.ts';
import { callingIot, type IotConnection, iotAnswer, iotClient, iotStatus } from './iot.ts';

const service = 'DPS';

/** The largest page (x-ms-max-item-count). Each page is one operation of the quota. */
const pageSize = 100;

/** Attempts to read and write a group while others change it. */
const maxAttempts = 5;

/** "Enrollment already exists.", "EnrollmentGroup already exists.", "Precondition failed." */
const [enrollmentExists, groupExists, preconditionFailed] = [409201, 409202, 409203];

/** The enrollment side of DPS, through azure-iot-provisioning-service (service API 2021-10-01). */
export function createDpsEnrollments(connection: IotConnection): Enrollments {
  const client = iotClient(ProvisioningServiceClient, connection);

  async function ensureGroup(group: GroupEnrollment): Promise<void> {
    const { id } = group.definition;
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const existing = await unlessMissing(() => client.getEnrollmentGroup(id));
      const declared = toEnrollmentGroup(group);
      if (existing !== undefined && isSameGroup(existing, declared)) return;
      try {
        const etag = existing === undefined ? {} : { etag: existing.etag };
        await callingIot(service, () => client.createOrUpdateEnrollmentGroup({ ...declared, ...etag }));
        return;
      } catch (error) {
        if (isRace(error)) continue;
        throw refused(error, `DPS refuses enrollment group "${id}"`);
      }
    }
    throw new FleetError('concurrent-change', `Enrollment group "${id}" changes in DPS faster than it can be written.`);
  }

  async function enroll(devices: readonly IndividualEnrollment[]): Promise<(EnrollmentError | undefined)[]> {
    const enrollments = devices.map(toDpsEnrollment);
    const errors = await runBulk(enrollments);
    if (errors === undefined) return Promise.all(enrollments.map((enrollment) => enrollOne(enrollment)));
    return Promise.all(
      enrollments.map((enrollment) => {
        const error = errors.get(enrollment.registrationId.toLowerCase());
        // The enrollment of an earlier delivery, or an older one that this one replaces.
        return error?.errorCode === enrollmentExists ? enrollOne(enrollment) : error;
      }),
    );
  }

  /** @returns errors by registration id; undefined when DPS refused the whole call without naming an enrollment */
  async function runBulk(enrollments: DpsEnrollment[]): Promise<Map<string, EnrollmentError> | undefined> {
    try {
      const result = await callingIot(service, () => bulkCreate(client, enrollments));
      return new Map(
        result.errors.map(({ registrationId, errorCode, errorStatus }) => [
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

  /** Enrolls one device, replacing an enrollment with another certificate. @returns DPS's refusal, if any */
  async function enrollOne(enrollment: DpsEnrollment): Promise<EnrollmentError | undefined> {
    try {
      const existing = await unlessMissing(() => client.getIndividualEnrollment(enrollment.registrationId));
      if (existing !== undefined && holdsCertificate(existing, enrollment)) return undefined;
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

  return {
    ensureGroup,
    enroll,

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

    async registration(deviceId) {
      const state = await unlessMissing(() => client.getDeviceRegistrationState(deviceId));
      return state && toRegistration(state as unknown as DpsRegistration).registration;
    },
  };
}

/** The promise form of runBulkEnrollmentOperation never settles (1.11.2); the callback form does. */
function bulkCreate(client: ProvisioningServiceClient, enrollments: DpsEnrollment[]) {
  return new Promise<{ errors: { registrationId: string; errorCode: number; errorStatus: string }[] }>(
    (resolve, reject) => {
      client.runBulkEnrollmentOperation({ mode: 'create', enrollments }, (error, result) => {
        if (error) reject(error);
        else if (result === undefined)
          reject(new FleetError('unavailable', 'DPS answered a bulk call without a result.'));
        else resolve(result);
      });
    },
  );
}

/** Whether the entry was created or changed between the read and the write. It is read again then. */
function isRace(error: unknown): boolean {
  const status = iotStatus(error);
  if (status !== 409) return status === 412;
  return [enrollmentExists, groupExists, preconditionFailed].includes(iotAnswer(error).errorCode);
}

async function unlessMissing<T>(work: () => Promise<{ responseBody: T }>): Promise<T | undefined> {
  try {
    return (await callingIot(service, work)).responseBody;
  } catch (error) {
    if (iotStatus(error) === 404) return undefined;
    throw error;
  }
}

/** @returns FleetError `group-refused` with DPS's code and message, or the error itself when DPS did not refuse */
function refused(error: unknown, what: string): unknown {
  const status = iotStatus(error);
  if (error instanceof FleetError || status === undefined) return error;
  const { errorCode, message } = iotAnswer(error);
  return new FleetError('group-refused', `${what}: ${errorCode} ${message}`, { cause: error });
}

/** The part that groups and individual enrollments have in common. DPS leaves out members that are null. */
function common({
  target,
  provisioningStatus,
  reprovisionPolicy,
  allocationPolicy,
  iotHubs,
  customAllocation,
}: GroupDefinition) {
  return {
    capabilities: { iotEdge: target !== 'dps-device' },
    provisioningStatus,
    reprovisionPolicy: { ...reprovisionPolicy },
    allocationPolicy,
    ...(iotHubs.length === 0 ? {} : { iotHubs: [...iotHubs] }),
    ...(customAllocation === undefined ? {} : { customAllocationDefinition: { ...customAllocation } }),
  };
}

function toEnrollmentGroup({
  definition,
  primaryCertificatePem,
  secondaryCertificatePem,
  caReferences,
}: GroupEnrollment): EnrollmentGroup {
  const { tags, desired } = definition.initialTwin;
  const signingCertificates = {
    primary: { certificate: primaryCertificatePem },
    ...(secondaryCertificatePem === undefined ? {} : { secondary: { certificate: secondaryCertificatePem } }),
  };
  const x509 = caReferences === undefined ? { signingCertificates } : { caReferences: { ...caReferences } };
  // The SDK's types require members that only the service sets.
  return {
    enrollmentGroupId: definition.id,
    attestation: { type: 'x509', x509 },
    initialTwin: { tags, properties: { desired } },
    ...common(definition),
  } as unknown as EnrollmentGroup;
}

function toDpsEnrollment({ deviceId, certificatePem, definition, twin }: IndividualEnrollment): DpsEnrollment {
  return {
    registrationId: deviceId,
    deviceId,
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: certificatePem } } } },
    initialTwin: { tags: twin.tags, properties: { desired: twin.desired } },
    ...common(definition),
  } as unknown as DpsEnrollment;
}

function holdsCertificate(existing: DpsEnrollment, wanted: DpsEnrollment): boolean {
  const held = existing.attestation.x509?.clientCertificates?.primary.info?.sha256Thumbprint;
  const pem = wanted.attestation.x509?.clientCertificates?.primary.certificate;
  return pem !== undefined && held === new X509Certificate(pem).fingerprint256.replaceAll(':', '');
}

/** DeviceRegistrationState as it is on the wire: dates are ISO 8601 text. */
interface DpsRegistration {
  readonly registrationId: string;
  readonly status: Registration['status'];
  readonly assignedHub?: string;
  readonly lastUpdatedDateTimeUtc?: string;
  readonly errorCode?: number;
  readonly errorMessage?: string;
}

function toRegistration(state: DpsRegistration): RegistrationOf {
  const { registrationId, status, assignedHub, lastUpdatedDateTimeUtc, errorCode, errorMessage } = state;
  const failure = errorCode === undefined || errorCode === 0 ? {} : { errorCode, errorMessage };
  const hub = assignedHub === undefined || assignedHub === null ? {} : { assignedHub };
  return {
    // DPS compares ids without case. Device ids of this app are lower case.
    deviceId: registrationId.toLowerCase(),
    registration: { status, ...hub, at: lastUpdatedDateTimeUtc, ...failure },
  };
}

/**
 * Whether DPS has the group as declared. DPS does not return certificates, only facts read from them, and leaves out null
 * members. Therefore both sides are reduced to the parts that are declared.
 */
function isSameGroup(existing: EnrollmentGroup, declared: EnrollmentGroup): boolean {
  return canonicalJson(comparablePart(existing)) === canonicalJson(comparablePart(declared));
}

function comparablePart(group: EnrollmentGroup) {
  const { attestation, capabilities, initialTwin, provisioningStatus, reprovisionPolicy, allocationPolicy, iotHubs } =
    group;
  const { primary, secondary } = attestation.x509?.signingCertificates ?? {};
  const { caReferences } = attestation.x509 ?? {};
  const thumbprints = [thumbprint(primary), thumbprint(secondary)];
  const { customAllocationDefinition } = group as {
    customAllocationDefinition?: { webhookUrl?: string; apiVersion?: string };
  };
  return {
    caReferences: [caReferences?.primary ?? null, caReferences?.secondary ?? null],
    // A secondary that repeats the primary is the same as none.
    thumbprints: thumbprints[1] === thumbprints[0] ? [thumbprints[0], null] : thumbprints,
    iotEdge: capabilities?.iotEdge ?? false,
    tags: withoutSystemMembers(initialTwin?.tags),
    desired: withoutSystemMembers(initialTwin?.properties?.desired),
    provisioningStatus: provisioningStatus ?? 'enabled',
    reprovisionPolicy,
    allocationPolicy,
    iotHubs: [...(iotHubs ?? [])].sort(),
    webhook: [customAllocationDefinition?.webhookUrl ?? null, customAllocationDefinition?.apiVersion ?? null],
  };
}

/** @returns SHA-256, upper-case hex; null without a certificate */
function thumbprint(
  certificate: { certificate?: string; info?: { sha256Thumbprint: string } } | undefined,
): string | null {
  if (certificate?.info !== undefined) return certificate.info.sha256Thumbprint;
  if (certificate?.certificate === undefined) return null;
  return new X509Certificate(certificate.certificate).fingerprint256.replaceAll(':', '');
}

/** A twin collection without the members that DPS adds (`$version`, `$metadata`). */
function withoutSystemMembers(collection: unknown): Record<string, unknown> {
  const members = Object.entries((collection ?? {}) as Record<string, unknown>);
  return Object.fromEntries(members.filter(([name]) => !name.startsWith('$')));
}
