import { type CertificateAuthority, issuingCaFits } from '../authorities/certificate-authority.ts';
import type { ImportedCa } from '../authorities/imported-ca.ts';
import {
  caReferences,
  isSame,
  nextGeneration,
  type Rollover,
  refuseRollover,
  refuseShared,
  withCurrent,
} from '../authorities/issuing-cas.ts';
import { declarationIssues } from '../bundle/check-group.ts';
import { FleetError } from '../errors.ts';
import { type GroupDefinition, parseGroupDefinition } from '../groups/definition.ts';
import type { GroupStore } from '../groups/group.ts';
import { enrollmentRevision, type GroupRecord, type IssuingCa } from '../groups/group.ts';
import { type RetryOptions, retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import type { Enrollments } from './enrollments.ts';

/** Declares enrollment groups and keeps DPS as they were declared. */
export interface Groups {
  /**
   * Stores the definition, makes the group's issuing CA and tells DPS.
   * `pending` is why DPS could not be told yet; the reconciler and the next chunk try again.
   * @throws FleetError `group-invalid`, `custody-not-allowed`, `group-refused`
   */
  declare(id: string, input: unknown): Promise<{ group: GroupRecord; created: boolean; pending?: FleetError }>;
  /** All groups, at most `maxAgeSeconds` old. */
  directory(options?: { maxAgeSeconds?: number }): Promise<ReadonlyMap<string, Versioned<GroupRecord>>>;
  /** Sees to it that the group has an issuing CA and that DPS holds the group as declared. @returns the group as it is then */
  ensure(group: Versioned<GroupRecord>): Promise<Versioned<GroupRecord>>;
  /**
   * Makes a new issuing CA the current one; the one before stays known to DPS, so its devices still register.
   * @throws FleetError `not-found`, `method-conflict` (see Rollover), `ca-missing` when the group's CAs are signed elsewhere
   */
  rollOver(id: string, options?: Rollover): Promise<{ group: GroupRecord; pending?: FleetError }>;
  /** The request (PKCS#10, PEM) for the group's next issuing CA, to be signed elsewhere. @throws FleetError `not-found` */
  requestIssuingCa(id: string): Promise<{ requestPem: string; generation: number }>;
  /**
   * Makes an issuing CA that was signed elsewhere the current one, as a rollover does. The same one again changes nothing.
   * @throws FleetError `not-found`, `ca-invalid` with every fault, `method-conflict`
   */
  importIssuingCa(
    id: string,
    ca: ImportedCa,
    options?: Rollover,
  ): Promise<{ group: GroupRecord; pending?: FleetError }>;
  /** Notes under which name DPS holds a CA of the group, verified, and tells DPS of the group. */
  noteRegistration(
    id: string,
    ca: Pick<IssuingCa, 'certificatePem'>,
    name: string,
  ): Promise<{ group: GroupRecord; pending?: FleetError }>;
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
  let cached: { at: number; groups: Promise<ReadonlyMap<string, Versioned<GroupRecord>>> } | undefined;

  async function load(): Promise<ReadonlyMap<string, Versioned<GroupRecord>>> {
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
  ): Promise<Versioned<GroupRecord>> {
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

  async function renewed(group: GroupRecord): Promise<GroupRecord> {
    return withCurrent(group, await authority.createIssuingCa(group.definition, nextGeneration(group)));
  }

  /** Tells DPS, if that can be done now; a passing or an operator's reason why not is no reason to undo what was stored. */
  async function told(stored: Versioned<GroupRecord>): Promise<{ group: GroupRecord; pending?: FleetError }> {
    try {
      return { group: (await ensure(stored)).value };
    } catch (error) {
      if (!(error instanceof FleetError) || !isPending(error)) throw error;
      // It may have got as far as an issuing CA.
      return { group: (await store.read(stored.value.id))?.value ?? stored.value, pending: error };
    }
  }

  const withIssuingCa = (id: string) => amend(id, (group) => (group.issuingCas.length > 0 ? group : renewed(group)));

  async function ensure(group: Versioned<GroupRecord>): Promise<Versioned<GroupRecord>> {
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
          ...(definition.attestation === 'caReference' ? { caReferences: caReferences(current.value) } : {}),
        }),
      retry,
    );
    // Only what DPS was told is noted: a definition that changed meanwhile has another revision and is told next time.
    return amend(id, (latest) => {
      const { enrolled: noted, ...rest } = latest;
      const untouched = noted?.at === enrolled?.at && noted?.revision === enrolled?.revision;
      if (untouched || noted?.revision === revision)
        return { ...rest, enrolled: { revision, at: now().toISOString() } };
      // Somebody told DPS something else at the same time, and nobody knows who came last: it is told again.
      return rest;
    });
  }

  return {
    directory,
    ensure,

    async declare(id, input) {
      const definition = parseGroupDefinition(id, input);
      // A CA from outside has a root of its own, which is checked when it is imported.
      const byOurRoot = definition.issuingCa.origin === 'fleet';
      const rootPem =
        definition.target === 'iotedge-1.1' && byOurRoot ? (await authority.rootCa()).value.certificatePem : undefined;
      refuseCustody(definition, allowPlainKeys, now(), rootPem);
      const at = now().toISOString();
      const etag = await store.create({ id, definition, issuingCas: [], createdAt: at, updatedAt: at });
      cached = undefined;
      if (etag === undefined) {
        await amend(id, (group) => {
          const declared = { ...group, definition };
          const [current] = group.issuingCas;
          return current === undefined || issuingCaFits(definition, current) ? declared : renewed(declared);
        });
      }
      const created = etag !== undefined;
      const declared = await store.read(id);
      if (declared === undefined) throw new FleetError('concurrent-change', `Enrollment group "${id}" is gone.`);
      return { ...(await told(declared)), created };
    },

    async rollOver(id, rollover = {}) {
      return told(
        await amend(id, (group) => {
          refuseRollover(group, rollover, now());
          return renewed(group);
        }),
      );
    },

    async requestIssuingCa(id) {
      const group = await store.read(id);
      if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
      const generation = nextGeneration(group.value);
      return { requestPem: await authority.requestIssuingCa(group.value.definition, generation), generation };
    },

    async importIssuingCa(id, ca, rollover = {}) {
      const holders = await directory({ maxAgeSeconds: 0 });
      return told(
        await amend(id, async (group) => {
          if (group.issuingCas.some((held) => isSame(held, ca))) return group;
          const adopted = await authority.adoptIssuingCa(group.definition, nextGeneration(group), ca);
          refuseShared(adopted, holders);
          refuseRollover(group, rollover, now());
          return withCurrent(group, adopted);
        }),
      );
    },

    async noteRegistration(id, ca, name) {
      const registration = { name, at: now().toISOString() };
      return told(
        await amend(id, (group) => {
          const isIt = (held: IssuingCa) => held.certificatePem === ca.certificatePem;
          if (group.issuingCas.some((held) => isIt(held) && held.registration?.name === name)) return group;
          return {
            ...group,
            issuingCas: group.issuingCas.map((held) => (isIt(held) ? { ...held, registration } : held)),
          };
        }),
      );
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
  const faults = declarationIssues(definition, at, rootPem);
  if (faults.length > 0) throw FleetError.of('group-invalid', `The definition of group "${id}"`, faults);
}

/** Why DPS does not hold a group that was declared all right: it will by itself, or once an operator has given it a CA. */
function isPending(error: FleetError): boolean {
  return error.retry || error.code === 'ca-missing' || error.code === 'ca-unregistered';
}
