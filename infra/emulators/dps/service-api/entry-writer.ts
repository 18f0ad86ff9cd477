import { type Entry, type EntryKind, kindNames } from '../entries/entry.ts';
import { bindingKeys, type EntryStore } from '../entries/entry-store.ts';
import type { EntryParser } from '../entries/parse-entry.ts';
import { dpsError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import { checkWrite, etagMatches, newEtag, preconditionFailed, timestamp } from '../record-metadata.ts';
import type { RegistrationStore } from '../registrations/registration.ts';
import type { Store } from '../store.ts';

/** Creates, replaces and deletes enrollments. Single and bulk requests share these rules. */
export interface EntryWriter {
  /**
   * @param ifMatch etag of the existing enrollment; `*` matches any; undefined if it must not exist
   * @throws ServiceError 400, 403 (quota), 409 or 412
   */
  put(kind: EntryKind, id: string, body: unknown, ifMatch: string | undefined): Entry;
  delete(kind: EntryKind, id: string, ifMatch: string | undefined): void;
}

export interface EntryWriterParts {
  readonly store: Store;
  readonly entries: EntryStore;
  readonly registrations: RegistrationStore;
  readonly caNames: { has(name: string): boolean };
  readonly parser: EntryParser;
  readonly settings: Settings;
}

export function createEntryWriter({
  store,
  entries,
  registrations,
  caNames,
  parser,
  settings: { quotas, now, random },
}: EntryWriterParts): EntryWriter {
  function checkQuota(entry: Pick<Entry, 'kind' | 'attestation'>, before: Entry | undefined): void {
    const { kind, attestation } = entry;
    if (kind === 'individual') {
      if (!before && entries.count(kind) >= quotas.individualEnrollments) throw quotaExceeded('individual enrollments');
      return;
    }
    if (before?.attestation.type === attestation.type) return;
    const limit = attestation.type === 'x509' ? quotas.x509EnrollmentGroups : quotas.symmetricKeyEnrollmentGroups;
    if (entries.count(kind, attestation.type) >= limit) throw quotaExceeded(`${attestation.type} enrollment groups`);
  }

  /** "A certificate can be specified in only one enrollment entry" (https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation). */
  function checkCertificates(entry: Pick<Entry, 'kind' | 'id' | 'attestation'>): void {
    for (const key of bindingKeys(entry)) {
      const holder = entries.boundTo(key);
      if (holder && (holder.kind !== entry.kind || holder.id.toLowerCase() !== entry.id.toLowerCase())) {
        throw dpsError(409, `The certificate is already in ${kindNames[holder.kind].noun} "${holder.id}".`);
      }
    }
    const { attestation } = entry;
    if (attestation.type !== 'x509' || attestation.use !== 'caReferences') return;
    for (const name of [attestation.primary, attestation.secondary]) {
      if (name !== undefined && !caNames.has(name)) throw dpsError(400, `There is no CA certificate "${name}".`);
    }
  }

  return {
    put: (kind, id, body, ifMatch) =>
      store.transaction(() => {
        const before = entries.get(kind, id);
        const { noun, existsCode } = kindNames[kind];
        checkWrite({ ifMatch, current: before, conflict: () => dpsError(409, `${noun} already exists.`, existsCode) });
        const parsed = parser.parse(kind, before?.id ?? id, body, before);
        checkCertificates({ kind, ...parsed });
        checkQuota({ kind, ...parsed }, before);
        const time = timestamp(now());
        const entry: Entry = {
          kind,
          ...parsed,
          etag: newEtag(random),
          createdDateTimeUtc: before?.createdDateTimeUtc ?? time,
          lastUpdatedDateTimeUtc: time,
        };
        entries.put(entry);
        return entry;
      }),
    delete: (kind, id, ifMatch) =>
      store.transaction(() => {
        const entry = entries.get(kind, id);
        if (!entry) throw notFound(kind, id);
        if (ifMatch !== undefined && !etagMatches(ifMatch, entry.etag)) throw preconditionFailed();
        entries.delete(entry);
        // "Deleting an enrollment group doesn't delete the registration records for devices in the group":
        // https://learn.microsoft.com/azure/iot-dps/how-to-unprovision-devices#enrollment-groups
        if (kind === 'individual') registrations.deleteOf(entry);
      }),
  };
}

export function notFound(kind: EntryKind, id: string) {
  return dpsError(404, `${kindNames[kind].noun} "${id}" not found.`, kindNames[kind].missingCode);
}

/** The official clients report 403 as "too many". */
function quotaExceeded(what: string) {
  return dpsError(403, `The quota of ${what} is exhausted.`);
}
