import { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  Deletion,
  EnrollmentError,
  Enrollments,
  FoundEntry,
  GroupEnrollment,
  IndividualEnrollment,
  RegistrationOf,
} from '../../lib/enrollment/enrollments.ts';
import { groupExists } from '../../lib/enrollment/group-ownership.ts';
import { FleetError, orFleetError } from '../../lib/errors.ts';

const sha256Of = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '');

/** DPS in memory: groups and enrollments as they were sent, and registrations that a test adds. */
export function createMemoryEnrollments() {
  const groups = new Map<string, GroupEnrollment>();
  const individuals = new Map<string, IndividualEnrollment>();
  /** What DPS shows of each entry. A test adds entries that were made elsewhere. */
  const entries = { groups: new Map<string, FoundEntry>(), individuals: new Map<string, FoundEntry>() };
  const registrations = new Map<string, RegistrationOf[]>();
  const calls = { ensureGroup: 0, enroll: 0 };
  let version = 0;
  const entry = (before: FoundEntry | undefined, thumbprints: readonly string[]): FoundEntry => {
    version += 1;
    const created = new Date(Date.UTC(2026, 10, 24) + version).toISOString();
    const createdAt = before?.createdAt ?? created;
    return { etag: `"${version}"`, createdAt, attestation: 'x509', thumbprints, caReferences: [] };
  };
  const blocking = (before: FoundEntry | undefined, mark: string): FoundEntry => {
    return { ...entry(before, []), attestation: 'symmetricKey', disabled: true, mark };
  };
  const remove = (found: Map<string, FoundEntry>, id: string, isOwn: (found: FoundEntry) => boolean): Deletion => {
    const existing = found.get(id);
    if (existing === undefined) return 'absent';
    if (!isOwn(existing)) return 'other';
    found.delete(id);
    return 'deleted';
  };
  async function enrollOne(device: IndividualEnrollment): Promise<EnrollmentError | undefined> {
    const { deviceId, own, adopt, definition } = device;
    const thumbprint = sha256Of(device.certificatePem);
    const exists = entries.individuals.get(deviceId);
    const held = exists?.thumbprints[0] ?? exists?.mark ?? '';
    const isDisabled = definition.provisioningStatus === 'disabled';
    if (held === thumbprint && (exists?.disabled ?? false) === isDisabled) return undefined;
    if (exists !== undefined && held !== thumbprint && !adopt && !own.includes(held))
      return { exists, errorCode: 409201, message: 'Enrollment already exists.' };
    if (exists !== undefined && !(await device.mayWrite()))
      throw new FleetError('concurrent-change', `Device "${deviceId}" changed while it was enrolled.`);
    if (entries.individuals.get(deviceId) !== exists)
      throw new FleetError('concurrent-change', 'An enrollment changed while it was written.');
    individuals.set(deviceId, device);
    entries.individuals.set(deviceId, { ...entry(exists, [thumbprint]), ...(isDisabled && { disabled: true }) });
    return undefined;
  }
  const enrollments: Enrollments = {
    async ensureGroup(group, mayWrite) {
      calls.ensureGroup += 1;
      const { id } = group.definition;
      for (;;) {
        const found = entries.groups.get(id);
        await mayWrite(found);
        if (found !== entries.groups.get(id)) continue;
        const isDisabled = group.definition.provisioningStatus === 'disabled';
        const isSame = isDeepStrictEqual(groups.get(id), group) && (found?.disabled ?? false) === isDisabled;
        if (found !== undefined && isSame) return found;
        groups.set(id, group);
        const secondary = group.secondaryCertificatePem === undefined ? [] : [sha256Of(group.secondaryCertificatePem)];
        const thumbprints = [sha256Of(group.primaryCertificatePem), ...secondary];
        const written: FoundEntry = { ...entry(found, thumbprints), ...(isDisabled && { disabled: true }) };
        entries.groups.set(id, written);
        return written;
      }
    },
    async closeCa({ id, certificatePem }) {
      const found = entries.groups.get(id);
      const own = sha256Of(certificatePem);
      if (found !== undefined && found.thumbprints.join() !== own) throw groupExists(id, found);
      if (found?.disabled) return found;
      const closed: FoundEntry = { ...entry(found, [own]), disabled: true };
      entries.groups.set(id, closed);
      return closed;
    },
    async deleteGroup(id, isOwn) {
      const result = remove(entries.groups, id, isOwn);
      if (result === 'deleted') groups.delete(id);
      return result;
    },
    async enroll(devices) {
      calls.enroll += 1;
      return Promise.all(devices.map(enrollOne));
    },
    async deleteEnrollment(deviceId, isOwn) {
      const result = remove(entries.individuals, deviceId, isOwn);
      if (result === 'deleted') individuals.delete(deviceId);
      return result;
    },
    async block(deviceId, mark) {
      const exists = entries.individuals.get(deviceId);
      if (exists !== undefined) return exists.mark === mark ? undefined : exists;
      entries.individuals.set(deviceId, blocking(undefined, mark));
      return undefined;
    },
    async enrollment(deviceId) {
      return entries.individuals.get(deviceId);
    },
    async close(deviceId, mark, { isOwn, mayWrite }) {
      const exists = entries.individuals.get(deviceId);
      const isClosed = exists?.mark === mark && exists.disabled === true;
      const isLeft = exists !== undefined && (isClosed || !isOwn(exists));
      if (isLeft || !(await mayWrite())) return exists;
      if (entries.individuals.get(deviceId) !== exists) return enrollments.close(deviceId, mark, { isOwn, mayWrite });
      const isCertificate = exists !== undefined && exists.mark === undefined;
      const closed: FoundEntry = isCertificate
        ? { ...entry(exists, exists.thumbprints), disabled: true }
        : blocking(exists, mark);
      entries.individuals.set(deviceId, closed);
      return closed;
    },
    closeAll: (doors) =>
      Promise.all(
        doors.map(({ deviceId, mark, change }) => orFleetError(() => enrollments.close(deviceId, mark, change))),
      ),
    async open(deviceId, status, { isOwn, mayWrite }) {
      const exists = entries.individuals.get(deviceId);
      if (exists === undefined || !isOwn(exists) || !(await mayWrite())) return exists;
      if (entries.individuals.get(deviceId) !== exists) return enrollments.open(deviceId, status, { isOwn, mayWrite });
      if (exists.mark === undefined) {
        const opened = entry(exists, exists.thumbprints);
        entries.individuals.set(deviceId, status === 'disabled' ? { ...opened, disabled: true } : opened);
      } else {
        entries.individuals.delete(deviceId);
      }
      return entries.individuals.get(deviceId);
    },
    async *groupRegistrations(enrollmentGroup) {
      const all = registrations.get(enrollmentGroup) ?? [];
      for (let from = 0; from < all.length; from += 100) yield all.slice(from, from + 100);
    },
    async registration(deviceId) {
      return [...registrations.values()].flat().find((each) => each.deviceId === deviceId)?.registration;
    },
    async registrationsOf(deviceId) {
      const registration = await enrollments.registration(deviceId);
      return registration === undefined ? [] : [registration];
    },
    async deleteRegistration(deviceId) {
      for (const [group, all] of registrations) {
        registrations.set(
          group,
          all.filter((each) => each.deviceId !== deviceId),
        );
      }
    },
  };
  return { ...enrollments, groups, individuals, entries, registrations, calls };
}
