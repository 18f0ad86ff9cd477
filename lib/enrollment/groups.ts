import { declarationFaults } from '../bundle/declaration-faults.ts';
import { FleetError } from '../errors.ts';
import { type RetryOptions, retrying } from '../retry.ts';
import type { Stored } from '../stored.ts';
import { type CertificateAuthority, issuingCaFits } from './certificate-authority.ts';
import type { Enrollments } from './enrollments.ts';
import { enrollmentRevision, type GroupRecord } from './group.ts';
import { type GroupDefinition, parseGroupDefinition } from './group-definition.ts';
import type { GroupStore } from './group-store.ts';

/** Declares enrollment groups and keeps DPS as they were declared. */
export interface Groups {
  /**
   * Stores the definition, makes the group's issuing CA and tells DPS.
   * `pending` is why DPS could not be told yet; the reconciler and the next chunk try again.
   * @throws FleetError `group-invalid`, `custody-not-allowed`, `group-refused`
   */
  declare(id: string, input: unknown): Promise<{ group: GroupRecord; created: boolean; pending?: FleetError }>;
  /** All groups, at most `maxAgeSeconds` old. */
  directory(options?: { maxAgeSeconds?: number }): Promise<ReadonlyMap<string, Stored<GroupRecord>>>;
  /** Sees to it that the group has an issuing CA and that DPS holds the group as declared. @returns the group as it is then */
  ensure(group: Stored<GroupRecord>): Promise<Stored<GroupRecord>>;
  /** Makes a new issuing CA the current one; the one before stays known to DPS. @throws FleetError `not-found` */
  rollOver(id: string): Promise<GroupRecord>;
}

export interface GroupsOptions {
  readonly store: GroupStore;
  readonly authority: CertificateAuthority;
  readonly enrollments: Enrollments;
  /** Whether the deployment lets private keys travel unencrypted. */
  readonly allowPlainKeys: boolean;
  readonly retry: RetryOptions;
  readonly now: () => Date;
}

/** A changed definition takes effect on chunks within this time; fresher costs a query a chunk. */
const directoryMaxAgeSeconds = 10;

export function createGroups(options: GroupsOptions): Groups {
  const { store, authority, enrollments, allowPlainKeys, retry, now } = options;
  let cached: { at: number; groups: Promise<ReadonlyMap<string, Stored<GroupRecord>>> } | undefined;

  async function load(): Promise<ReadonlyMap<string, Stored<GroupRecord>>> {
    const groups = await store.all();
    return new Map(groups.map((group) => [group.value.id, group]));
  }

  function directory({ maxAgeSeconds = directoryMaxAgeSeconds } = {}) {
    const at = now().getTime();
    if (cached === undefined || at - cached.at > maxAgeSeconds * 1000) {
      const groups = load();
      cached = { at, groups };
      groups.catch(() => {
        cached = undefined;
      });
    }
    return cached.groups;
  }

  /** Applies `change` to the group as it now is, however often others change it meanwhile. */
  async function amend(
    id: string,
    change: (group: GroupRecord) => Promise<GroupRecord> | GroupRecord,
  ): Promise<Stored<GroupRecord>> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const current = await store.read(id);
      if (current === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
      const changed = await change(current.value);
      if (changed === current.value) return current;
      const value = { ...changed, updatedAt: now().toISOString() };
      const etag = await store.replace({ value, etag: current.etag });
      cached = undefined;
      if (etag !== undefined) return { value, etag };
    }
    throw new FleetError('concurrent-change', `Enrollment group "${id}" changes faster than it can be written.`);
  }

  /** The group with a new issuing CA in front. DPS holds two certificates a group, a primary and a secondary. */
  async function renewed(group: GroupRecord): Promise<GroupRecord> {
    const generation = (group.issuingCas[0]?.generation ?? 0) + 1;
    const issuingCa = await authority.createIssuingCa(group.definition, generation);
    return { ...group, issuingCas: [issuingCa, ...group.issuingCas].slice(0, 2) };
  }

  const withIssuingCa = (id: string) => amend(id, (group) => (group.issuingCas.length > 0 ? group : renewed(group)));

  async function ensure(group: Stored<GroupRecord>): Promise<Stored<GroupRecord>> {
    const current = group.value.issuingCas.length > 0 ? group : await withIssuingCa(group.value.id);
    const { id, definition, issuingCas, enrolled } = current.value;
    const revision = enrollmentRevision(current.value);
    const [primary, secondary] = issuingCas;
    if (definition.enrollment === 'individual' || enrolled?.revision === revision || primary === undefined)
      return current;
    await retrying(
      () =>
        enrollments.ensureGroup({
          definition,
          primaryCertificatePem: primary.certificatePem,
          secondaryCertificatePem: secondary?.certificatePem,
        }),
      retry,
    );
    // Only what DPS was told is noted: a definition that changed meanwhile has another revision and is told next time.
    return amend(id, (latest) => ({ ...latest, enrolled: { revision, at: now().toISOString() } }));
  }

  return {
    directory,
    ensure,

    async declare(id, input) {
      const definition = parseGroupDefinition(id, input);
      const rootPem = definition.target === 'iotedge-1.1' ? await authority.root() : undefined;
      refuseCustody(definition, allowPlainKeys, now(), rootPem);
      const at = now().toISOString();
      const etag = await store.create({ id, definition, issuingCas: [], createdAt: at, updatedAt: at });
      cached = undefined;
      if (etag === undefined) {
        await amend(id, (group) => {
          refuseOtherIssuingCa(group, definition);
          const declared = { ...group, definition };
          const [current] = group.issuingCas;
          return current === undefined || issuingCaFits(definition, current) ? declared : renewed(declared);
        });
      }
      const created = etag !== undefined;
      const stored = await withIssuingCa(id);
      try {
        return { group: (await ensure(stored)).value, created };
      } catch (error) {
        if (error instanceof FleetError && error.retry) return { group: stored.value, created, pending: error };
        throw error;
      }
    },

    async rollOver(id) {
      const rolled = await amend(id, renewed);
      return (await ensure(rolled)).value;
    },
  };
}

/** Faults that only this deployment, or today's date, can tell. */
function refuseCustody(definition: GroupDefinition, allowPlainKeys: boolean, at: Date, rootPem?: string): void {
  const { id, keyCustody } = definition;
  if (keyCustody === 'plain' && !allowPlainKeys) {
    throw new FleetError(
      'custody-not-allowed',
      `Group "${id}" asks for plain keys, which this deployment does not allow.`,
    );
  }
  const faults = declarationFaults(definition, at, rootPem);
  if (faults.length === 0) return;
  const list = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
  throw new FleetError('group-invalid', `No bundle could be made for group "${id}": ${list}`, { faults });
}

/** The CA's key exists already; another type comes with a rollover, not by the way. */
function refuseOtherIssuingCa(group: GroupRecord, definition: GroupDefinition): void {
  if (group.issuingCas.length === 0 || group.definition.issuingCa.keyType === definition.issuingCa.keyType) return;
  const message = `the issuing CA of the group has a key of type ${group.definition.issuingCa.keyType} already`;
  throw new FleetError('group-invalid', `The definition of group "${group.id}" cannot change so: ${message}.`, {
    faults: [{ path: 'issuingCa.keyType', message }],
  });
}
