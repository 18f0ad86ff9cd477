import { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Act, unknownActor } from '../access/act.ts';
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
import { checkGroup } from '../bundle/check-group.ts';
import { FleetError } from '../errors.ts';
import { type AllocationHook, type AllocationKey, withNewKey, withWrittenKey } from '../groups/allocation-hook.ts';
import { type GroupDefinition, parseGroupDefinition, usesFleetEst } from '../groups/definition.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import {
  enrollmentRevision,
  type GroupRecord,
  type GroupStore,
  type GroupSuspension,
  type IssuingCa,
  inForce,
  keepAccepted,
  withReached,
} from '../groups/group.ts';
import type { PrivateUrls } from '../groups/url-rule.ts';
import { withSize } from '../groups/validity-jitter.ts';
import { currentLog } from '../log.ts';
import { checkPrecondition, type Precondition } from '../precondition.ts';
import { type RetryOptions, retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import { type AllocationKeys, keyGone, withAllocationKey, withoutWebhookQuery } from './allocation-keys.ts';
import type { Enrollments, FoundEntry, GroupEnrollment } from './enrollments.ts';
import { beingDeleted, createGroupDeletion, type GroupDeletion } from './group-deletion.ts';
import {
  changesTooFast,
  createGroupDirectory,
  type GroupsById,
  maxUpdateAttempts,
  readGroup,
  updateGroup,
} from './group-directory.ts';
import { wantedInDps, withEnrolled, withRegistration } from './group-in-dps.ts';
import { groupExists, intentOf, isOwnGroup, withIntent, withOwnGroup } from './group-ownership.ts';
import { createGroupRollover, type GroupRollover, type StoredGroup } from './group-rollover.ts';

/**
 * Enrollment groups: their definitions, their issuing CAs, and keeping DPS as declared. Every method throws FleetError
 * `throttled` or `unavailable` from the stores, and `concurrent-change` when a group changes faster than it can be written.
 */
export interface Groups extends GroupDeletion, GroupRollover {
  /**
   * Stores the definition, makes the group's issuing CA and updates DPS. Until DPS accepts it, what was in force stays so.
   * @param input the definition, as a caller sent it
   * @param by who declares it; recorded on the group
   * @throws FleetError `group-invalid`, `custody-not-allowed`, `ca-key-unusable`, `precondition-failed`; `group-refused` when
   * DPS refuses it, `group-exists` when DPS has a group of that name that this deployment did not create: the group is stored
   * with the reason, and devices are provisioned as before
   */
  declare(id: string, input: unknown, by?: string, options?: DeclareOptions): Promise<DeclaredGroup>;
  /** All groups, as they were at most `maxAgeSeconds` ago (default: 10). */
  directory(options?: { maxAgeSeconds?: number }): Promise<GroupsById>;
  /**
   * Makes the group's issuing CA if it has none, and brings DPS up to date. Does nothing when both are done. If a person has
   * to act before DPS takes the latest change, what was in force before stays so.
   * @returns the group that is in force afterwards
   * @throws FleetError `group-refused`, `group-exists`, `ca-missing`, `ca-unregistered`, `ca-key-unusable`
   */
  ensure(group: Versioned<GroupRecord>): Promise<Versioned<GroupRecord>>;
  /**
   * The group that `ensure` would return, as far as that shows without making a CA, asking DPS or writing anything. A group
   * that has no CA yet is returned without one.
   * @throws FleetError `group-refused` when DPS refused the group as it is declared, `ca-missing`, `ca-unregistered`
   */
  foresee(group: Versioned<GroupRecord>): Promise<Versioned<GroupRecord>>;
  /**
   * Makes a new issuing CA the current one. DPS keeps the previous one, so its devices can still register.
   * @param by who asks for it; recorded on the group
   * @throws FleetError `not-found`, `method-conflict` (see Rollover), `ca-missing` when the group's CAs are signed elsewhere
   */
  rollOver(id: string, options?: Rollover, by?: string): Promise<StoredGroup>;
  /**
   * The CA of the certificates with which gateways sign in to the EST server, where that is one of its own (`est.idCa`
   * "separate"). It is made at its first use, and again when the present one ends before the certificates that it signs.
   * @throws FleetError `not-found`, `ca-missing`, `ca-key-unusable`
   */
  ensureEstCa(id: string): Promise<IssuingCa>;
  /**
   * Makes DPS hold the group as it is in force, whatever is noted of what DPS has: someone may have changed or deleted it there.
   * Writes nothing when DPS has it so.
   * @throws FleetError `not-found`, `group-refused`; `group-exists` when DPS has a group of that name that is not ours
   */
  writeAgain(id: string): Promise<void>;
  /**
   * Disables the group in DPS until `resume`: no device registers by it. A suspended group stays as it is.
   * @throws FleetError `not-found`, `group-refused`, `group-exists`
   */
  suspend(id: string, suspension: GroupSuspension): Promise<StoredGroup>;
  /**
   * Gives the group in DPS the status that is declared. A group that is not suspended stays as it is.
   * @returns the suspension that ended, too
   * @throws FleetError `not-found`, `group-refused`, `group-exists`
   */
  resume(id: string): Promise<StoredGroup & { readonly ended?: GroupSuspension }>;
  /**
   * Gives the group another key for its webhook, and tells DPS. The key before is good until DPS has the new one, and for an
   * hour more. While DPS does not have the newest key yet, no other one is made: DPS gets that.
   * @throws FleetError `not-found`, `method-conflict` when DPS decides by itself; `group-refused`, `group-exists`
   */
  rotateAllocationKey(id: string): Promise<StoredGroup>;
  /** Notes that every individual enrollment of the group has this status. Another one may be declared by now. */
  noteReached(id: string, status: GroupDefinition['provisioningStatus']): Promise<void>;
  /** Notes how many devices the group has (`deviceScale`). It changes when the group has doubled or halved. */
  noteSize(id: string, devices: number): Promise<void>;
  /**
   * The request for the group's next issuing CA, to be signed elsewhere.
   * @returns the request (PKCS#10, PEM) and the generation of the CA
   * @throws FleetError `not-found`
   */
  requestIssuingCa(id: string): Promise<{ requestPem: string; generation: number }>;
  /**
   * Makes an issuing CA that was signed elsewhere the current one, as a rollover does. Importing it again changes nothing.
   * @throws FleetError `not-found`, `ca-invalid` with every fault, `method-conflict` (see Rollover)
   */
  importIssuingCa(id: string, ca: ImportedCa, options?: Rollover): Promise<StoredGroup>;
  /**
   * Records the name under which DPS holds a CA of the group, verified, and updates DPS.
   * @throws FleetError `not-found`
   */
  noteRegistration(id: string, ca: Pick<IssuingCa, 'certificatePem'>, name: string): Promise<StoredGroup>;
}

export type { StoredGroup } from './group-rollover.ts';

export interface DeclareOptions {
  /** Take over an enrollment group that DPS has and that this deployment did not create. Default: refuse. */
  readonly adopt?: boolean | undefined;
  /** Which version of the group the caller means. Default: any, or none. */
  readonly precondition?: Precondition | undefined;
}

export interface DeclaredGroup extends StoredGroup {
  readonly created: boolean;
}

export interface GroupsOptions {
  readonly store: GroupStore;
  readonly authority: CertificateAuthority;
  readonly enrollments: Enrollments;
  /** Whether the deployment allows private keys that travel unencrypted. */
  readonly allowPlainKeys: boolean;
  /** Which URLs of a definition may name a private address. Default: none. */
  readonly privateUrls?: PrivateUrls;
  /** Whether this deployment has an EST server, for `est.url` "fleet". Default: no. */
  readonly hasEstServer?: boolean;
  /** For groups with `allocation` "orchestrator". Absent: none can be declared. */
  readonly allocationKeys?: AllocationKeys;
  /** Names of the DPS instances of this deployment. Default: `default` alone. */
  readonly dpsInstances?: readonly string[];
  readonly retry: RetryOptions;
  readonly now: () => Date;
}

export function createGroups(options: GroupsOptions): Groups {
  const { store, authority, enrollments, allowPlainKeys, privateUrls, hasEstServer = false, retry, now } = options;
  const { allocationKeys, dpsInstances = [defaultDps] } = options;
  const directory = createGroupDirectory(store, now);
  const update = (id: string, change: (group: GroupRecord, etag: string) => GroupRecord) =>
    updateGroup(directory, id, now, (latest, etag) => {
      const changed = change(latest, etag);
      return changed === latest ? latest : keepAccepted(latest, withReached(latest, changed));
    });

  const createCa = (group: GroupRecord) => authority.createIssuingCa(group.definition, nextGeneration(group));

  /**
   * Applies a change and adds an issuing CA if the group then needs one, in one write. The CA is made before the write is
   * attempted. It is made again only if the definition changed or another CA was added in between.
   */
  async function updateIssuingCa(id: string, { precondition, change = unchanged, needsCa, makeCa }: CaChange) {
    const checked = ({ value, etag }: Versioned<GroupRecord>) => {
      checkPrecondition(precondition, etag, `Enrollment group "${id}"`);
      if (value.deleting !== undefined) throw beingDeleted(value);
      return change(value);
    };
    for (let attempt = 1; attempt <= maxUpdateAttempts; attempt++) {
      const planned = checked(await readGroup(directory, id));
      const ca = needsCa(planned) ? await makeCa(planned) : undefined;
      const updated = await update(id, (latest, etag) => {
        const changed = checked({ value: latest, etag });
        if (!needsCa(changed)) return changed;
        const fits =
          ca?.generation === nextGeneration(changed) && isDeepStrictEqual(changed.definition, planned.definition);
        return ca !== undefined && fits ? withCurrent(changed, ca, now()) : latest;
      });
      if (!needsCa(updated.value) || (ca !== undefined && updated.value.issuingCas.includes(ca))) return updated;
    }
    throw changesTooFast(id);
  }

  /** @param isRead the group was read from the store just now, and not from the directory, which is a cache */
  async function ensureAs(group: Versioned<GroupRecord>, isRead: boolean): Promise<Versioned<GroupRecord>> {
    try {
      return await complete(group);
    } catch (error) {
      if (!(error instanceof FleetError) || error.retry) throw error;
      const { id } = group.value;
      const current = await readGroup(directory, id);
      // An operator may have registered or imported the CA a moment ago, in another process.
      if (!isRead && isOutdated(group.value, current.value)) return ensureAs(current, true);
      if (current.value.accepted === undefined) throw error;
      const { code, message: reason } = error;
      currentLog().warn('group stays as DPS accepted it last', { group: id, code, reason });
      return { value: inForce(current.value), etag: current.etag };
    }
  }

  async function foresee(group: Versioned<GroupRecord>): Promise<Versioned<GroupRecord>> {
    try {
      const { definition, issuingCas, refusal } = group.value;
      if (issuingCas.length === 0) {
        await authority.foreseeIssuingCa(definition);
        // A CA that is to be made is not registered with DPS.
        if (definition.attestation === 'caReference' && definition.enrollment === 'group') caReferences(group.value);
      }
      const wanted = wantedInDps(group.value);
      // DPS is asked again before anything is issued, and what it said of the same revision is the best guess.
      if (wanted !== undefined && refusal?.revision === enrollmentRevision(group.value)) throw repeated(refusal);
      return group;
    } catch (error) {
      if (!(error instanceof FleetError) || error.retry || group.value.accepted === undefined) throw error;
      return { value: inForce(group.value), etag: group.etag };
    }
  }

  /**
   * Makes the issuing CA if there is none, and brings DPS up to date with the group as declared.
   * @param ask asks DPS even if it had the group so: someone may have deleted or changed it there
   */
  async function complete(group: Versioned<GroupRecord>, ask = false): Promise<Versioned<GroupRecord>> {
    if (group.value.issuingCas.length > 0) return sync(group, ask);
    const needsCa = ({ issuingCas }: GroupRecord) => issuingCas.length === 0;
    return sync(await updateIssuingCa(group.value.id, { needsCa, makeCa: createCa }));
  }

  /** Brings DPS up to date with a stored group, and records that. */
  async function sync(group: Versioned<GroupRecord>, ask = false): Promise<Versioned<GroupRecord>> {
    const { accepted, refusal } = group.value;
    const wanted = wantedInDps(group.value, ask);
    if (wanted === undefined) return group;
    // DPS is not asked again per chunk while there is something to fall back to. Declaring the group again asks it.
    if (refusal?.revision === enrollmentRevision(group.value) && accepted !== undefined) throw repeated(refusal);
    return write(group.value, wanted);
  }

  /** Makes DPS hold the group, whatever is noted of what it has, and records that. */
  async function write(group: GroupRecord, wanted: GroupEnrollment): Promise<Versioned<GroupRecord>> {
    const { id, enrolled, allocationHook } = group;
    const revision = enrollmentRevision(group);
    const [key] = wanted.definition.allocation === 'orchestrator' ? (allocationHook?.keys ?? []) : [];
    const { written, adoptedBy } = await sendWithKey(id, wanted, revision, key);
    // Records what was sent to DPS. A definition that changed meanwhile has another revision and is sent next time.
    const sent = { revision, at: now().toISOString() };
    let unused: readonly AllocationKey[] = [];
    const noted = await update(id, (latest) => {
      const { hook, dropped } = hookAfterWrite(latest, key, sent.at);
      unused = dropped;
      const { allocationHook: _hook, ...rest } = latest;
      const withHook = hook === undefined ? rest : { ...rest, allocationHook: hook };
      return withEnrolled(withOwnGroup(withHook, written, adoptedBy), { before: enrolled, sent });
    });
    await allocationKeys?.drop(unused);
    return noted;
  }

  /** Writes the group to DPS, with the key of its webhook if it has one. */
  async function sendWithKey(
    id: string,
    wanted: GroupEnrollment,
    revision: string,
    key: AllocationKey | undefined,
  ): Promise<Sent> {
    if (key === undefined) return send(id, wanted, revision);
    const value = await keyStore().read(key);
    if (value === undefined) throw keyGone(id);
    return send(id, withAllocationKey(wanted, value), revision);
  }

  function keyStore(): AllocationKeys {
    if (allocationKeys === undefined) throw new FleetError('internal', 'There is no store for allocation keys.');
    return allocationKeys;
  }

  /** The webhook of a group that is declared now: with the keys that it has, or with its first one. */
  async function preparedHook({ id, allocation }: GroupDefinition): Promise<AllocationHook | undefined> {
    const url = allocationKeys?.url(id);
    if (allocation !== 'orchestrator' || url === undefined) return undefined;
    const known = (await directory.read(id))?.value.allocationHook;
    return known === undefined ? { url, keys: [await keyStore().make(id, 1)] } : { ...known, url };
  }

  /** Writes the group to DPS, unless DPS has one that this deployment did not write. */
  async function send(id: string, wanted: GroupEnrollment, revision: string): Promise<Sent> {
    let adoptedBy: Act | undefined;
    async function mayWrite(found: FoundEntry | undefined): Promise<void> {
      const { value } = await readGroup(directory, id);
      if (value.deleting !== undefined) throw beingDeleted(value);
      adoptedBy = found === undefined || isOwnGroup(value, found) ? undefined : value.adopt;
      if (found === undefined) await update(id, (latest) => withIntent(latest, intentOf(wanted)));
      else if (adoptedBy === undefined && !isOwnGroup(value, found)) throw groupExists(id, found);
    }
    try {
      return { written: await retrying(() => enrollments.ensureGroup(wanted, mayWrite), retry), adoptedBy };
    } catch (thrown) {
      const error = withoutWebhookQuery(thrown, wanted);
      const isRefusal =
        error instanceof FleetError && (error.code === 'group-refused' || error.code === 'group-exists');
      if (isRefusal) await noteRefusal(id, revision, error);
      throw error;
    }
  }

  async function noteRefusal(id: string, revision: string, { reason }: FleetError): Promise<void> {
    const at = now().toISOString();
    await update(id, (latest) => {
      const isKnown = latest.refusal?.revision === revision && latest.refusal.reason.message === reason.message;
      if (isKnown || enrollmentRevision(latest) !== revision) return latest;
      return { ...latest, refusal: { revision, reason, at } };
    });
  }

  /** Brings DPS up to date if that is possible now. If not, the stored change stays. */
  async function syncOrPending(stored: Versioned<GroupRecord>, ask = false): Promise<StoredGroup> {
    try {
      const { value, etag } = await complete(stored, ask);
      return { group: value, etag };
    } catch (error) {
      if (!(error instanceof FleetError) || !isPending(error)) throw error;
      // The issuing CA may have been added before the failure.
      const { value, etag } = (await directory.read(stored.value.id)) ?? stored;
      return { group: value, etag, pending: error };
    }
  }

  /**
   * Stores a group if there is none of its id, or it was deleted.
   * @returns false when there is one
   * @throws FleetError `precondition-failed`
   */
  async function createGroup(group: GroupRecord, precondition: Precondition | undefined): Promise<boolean> {
    const what = `Enrollment group "${group.id}"`;
    for (let attempt = 1; attempt <= maxUpdateAttempts; attempt++) {
      const current = await directory.readAny(group.id);
      if (current !== undefined && current.value.deletedBy === undefined) return false;
      checkPrecondition(precondition, undefined, what);
      const value = current === undefined ? group : { ...group, ...leftBy(current.value) };
      const etag =
        current === undefined ? await directory.create(value) : await directory.replace({ value, etag: current.etag });
      if (etag !== undefined) return true;
    }
    throw changesTooFast(group.id);
  }

  const deletion = createGroupDeletion({ directory, enrollments, retry, now });

  return {
    ...deletion,
    ...createGroupRollover({ directory, update, syncOrPending, now }),
    directory: directory.all,

    async finishDeletion(id) {
      const keys = (await directory.read(id))?.value.allocationHook?.keys ?? [];
      const deleted = await deletion.finishDeletion(id);
      await allocationKeys?.drop(keys);
      return deleted;
    },

    ensure: (group) => ensureAs(group, false),
    foresee,

    async declare(id, input, by = unknownActor, { adopt = false, precondition } = {}) {
      const definition = parseGroupDefinition(id, input, { privateUrls });
      // An imported CA brings its own root, which is checked at its import.
      const issuedByFleet = definition.issuingCa.origin === 'fleet';
      const root = definition.target === 'iotedge-1.1' && issuedByFleet ? await authority.rootCa() : undefined;
      const rootPem = root?.value.certificatePem;
      const canAllocate = allocationKeys?.url(id) !== undefined;
      checkDeclaration(definition, { allowPlainKeys, hasEstServer, canAllocate, dpsInstances, rootPem, now: now() });
      const before = await directory.read(id);
      if (before !== undefined) refuseOtherDps(before.value, definition);
      const hook = await preparedHook(definition);
      const createdAt = now().toISOString();
      const declaredBy = { by, at: createdAt };
      const permission = adopt ? { adopt: declaredBy } : {};
      const group: GroupRecord = {
        ...{ id, definition, issuingCas: [], declaredBy, ...permission, createdAt, updatedAt: createdAt },
        ...(hook !== undefined && { allocationHook: hook }),
      };
      const created = await createGroup(group, precondition);
      if (!created) {
        await updateIssuingCa(id, {
          precondition,
          change: ({ refusal: _refusal, adopt: _adopt, ...current }) => {
            refuseOtherDps(current, definition);
            const changed = { ...current, definition, declaredBy, ...permission };
            if (hook === undefined) return changed;
            return { ...changed, allocationHook: { ...(current.allocationHook ?? hook), url: hook.url } };
          },
          needsCa: ({ issuingCas: [current] }) => current !== undefined && !issuingCaFits(definition, current),
          makeCa: createCa,
        });
      }
      const declared = await directory.read(id);
      if (declared === undefined) throw new FleetError('concurrent-change', `Enrollment group "${id}" was deleted.`);
      // Another declaration at the same time had made its first key.
      await allocationKeys?.drop(missingFrom(declared.value.allocationHook, hook));
      return { ...(await syncOrPending(declared, true)), created };
    },

    async rollOver(id, rollover = {}, by = unknownActor) {
      const rolledOverBy = { by, at: now().toISOString() };
      const stored = await updateIssuingCa(id, {
        change: (group) => ({ ...group, rolledOverBy }),
        needsCa: () => true,
        async makeCa(group) {
          refuseRollover(group, rollover, now());
          return createCa(group);
        },
      });
      return syncOrPending(stored);
    },

    async ensureEstCa(id) {
      const { value } = await readGroup(directory, id);
      const { definition, estCa: known } = value;
      const neededUntil = now().getTime() + definition.validityDays * dayMs;
      // A CA that ends with its root is not followed by a longer one.
      if (known !== undefined && (Date.parse(known.notAfter) > neededUntil || endsWithRoot(known))) return known;
      const made = await authority.createEstCa(definition, known);
      const stored = await update(id, (latest) => {
        if (latest.estCa?.certificatePem !== known?.certificatePem) return latest;
        const retired = known === undefined ? [] : [{ ...known, retiredAt: now().toISOString() }];
        return { ...latest, estCa: made, retiredCas: [...retired, ...(latest.retiredCas ?? [])] };
      });
      return stored.value.estCa ?? made;
    },

    async writeAgain(id) {
      const { value } = await readGroup(directory, id);
      if (value.deleting !== undefined) throw beingDeleted(value);
      const group = inForce(value);
      const wanted = wantedInDps(group, true);
      if (wanted !== undefined) await write(group, wanted);
    },

    async suspend(id, suspension) {
      const suspended = await update(id, (latest) => {
        if (latest.deleting !== undefined) throw beingDeleted(latest);
        return latest.suspension === undefined ? { ...latest, suspension } : latest;
      });
      return syncOrPending(suspended, true);
    },

    async resume(id) {
      let ended: GroupSuspension | undefined;
      const resumed = await update(id, ({ suspension, ...latest }) => {
        ended = suspension;
        return latest;
      });
      return { ...(await syncOrPending(resumed, true)), ...(ended !== undefined && { ended }) };
    },

    async rotateAllocationKey(id) {
      const { value } = await readGroup(directory, id);
      if (value.deleting !== undefined) throw beingDeleted(value);
      const hook = hookOf(value);
      const [newest] = hook.keys;
      const isUnfinished = newest.writtenAt === undefined && (await keyStore().read(newest)) !== undefined;
      if (isUnfinished) return syncOrPending(await readGroup(directory, id), true);
      const key = await keyStore().make(id, newest.generation + 1);
      let unused: readonly AllocationKey[] = [];
      const stored = await update(id, (latest) => {
        const current = hookOf(latest);
        // Another rotation came first.
        unused = [key];
        if (current.keys[0].generation !== newest.generation) return latest;
        const rotated = withNewKey(current, key, now());
        unused = rotated.dropped;
        return { ...latest, allocationHook: rotated.hook };
      });
      await keyStore().drop(unused);
      return syncOrPending(stored);
    },

    async noteReached(id, reached) {
      await update(id, (latest) => (latest.reached === reached ? latest : { ...latest, reached }));
    },

    async noteSize(id, devices) {
      const known = (await directory.all()).get(id);
      if (known === undefined || withSize(known.value, devices) === known.value) return;
      await update(id, (latest) => withSize(latest, devices));
    },

    async requestIssuingCa(id) {
      const { value: group } = await readGroup(directory, id);
      const generation = nextGeneration(group);
      return { requestPem: await authority.requestIssuingCa(group.definition, generation), generation };
    },

    async importIssuingCa(id, ca, rollover = {}) {
      const groups = await directory.all({ maxAgeSeconds: 0 });
      const stored = await updateIssuingCa(id, {
        needsCa: ({ issuingCas }) => !issuingCas.some((held) => isSame(held, ca)),
        async makeCa(group) {
          const adopted = await authority.adoptIssuingCa(group.definition, nextGeneration(group), ca);
          refuseShared(adopted, groups);
          refuseRollover(group, rollover, now());
          return adopted;
        },
      });
      return syncOrPending(stored);
    },

    async noteRegistration(id, { certificatePem }, name) {
      const registration = { name, at: now().toISOString() };
      return syncOrPending(await update(id, (group) => withRegistration(group, certificatePem, registration)));
    },
  };
}

function endsWithRoot({ notAfter, chainPem }: IssuingCa): boolean {
  const root = chainPem.at(-1);
  return root !== undefined && new X509Certificate(root).validToDate.toISOString() === notAfter;
}

const dayMs = 24 * 60 * 60 * 1000;

/** A change after which a group may need a new issuing CA. */
interface CaChange {
  readonly precondition?: Precondition | undefined;
  /** Pure. Default: no change but the CA. */
  readonly change?: (group: GroupRecord) => GroupRecord;
  /** Pure. Whether the changed group needs a new issuing CA. */
  needsCa(group: GroupRecord): boolean;
  /** Makes the CA, of the group's next generation, or throws when there must be none. */
  makeCa(group: GroupRecord): Promise<IssuingCa>;
}

const unchanged = (group: GroupRecord): GroupRecord => group;

/** @throws FleetError `method-conflict` when the group has none */
function hookOf({ id, definition, allocationHook }: GroupRecord): AllocationHook {
  if (definition.allocation === 'orchestrator' && allocationHook !== undefined) return allocationHook;
  const message = `Enrollment group "${id}" has no allocation key: its setting allocation is "${definition.allocation}".`;
  throw new FleetError('method-conflict', message);
}

/**
 * The webhook of a group that was written to DPS, and the keys that nothing uses any more.
 * @param key that DPS has now; undefined when DPS decides by itself
 */
function hookAfterWrite(
  { allocationHook: hook, definition }: GroupRecord,
  key: AllocationKey | undefined,
  at: string,
): { readonly hook: AllocationHook | undefined; readonly dropped: readonly AllocationKey[] } {
  if (hook === undefined) return { hook, dropped: [] };
  if (key !== undefined) return { hook: withWrittenKey(hook, key, at), dropped: [] };
  return definition.allocation === 'orchestrator' ? { hook, dropped: [] } : { hook: undefined, dropped: hook.keys };
}

/** The keys of a webhook that the stored one does not have. */
function missingFrom(stored: AllocationHook | undefined, prepared: AllocationHook | undefined): AllocationKey[] {
  const kept = new Set(stored?.keys.map(({ secret }) => secret));
  return (prepared?.keys ?? []).filter(({ secret, writtenAt }) => writtenAt === undefined && !kept.has(secret));
}

/** Whether a refusal of the group can be due to its being read some time ago: what DPS gets is another by now, or a refusal is gone. */
function isOutdated(group: GroupRecord, current: GroupRecord): boolean {
  const { refusal } = group;
  const isRefusalGone = refusal !== undefined && refusal.at !== current.refusal?.at;
  return isRefusalGone || enrollmentRevision(group) !== enrollmentRevision(current);
}

/** The error with which DPS refused the group before. */
function repeated({ reason }: NonNullable<GroupRecord['refusal']>): FleetError {
  return new FleetError(reason.code, reason.message);
}

/** What `send` did. */
interface Sent {
  /** The group as DPS has it. */
  readonly written: FoundEntry;
  /** Who allowed it, when DPS had a group that this deployment did not create. */
  readonly adoptedBy: Act | undefined;
}

interface DeclarationContext {
  readonly allowPlainKeys: boolean;
  readonly hasEstServer: boolean;
  /** Whether DPS can reach this app. */
  readonly canAllocate: boolean;
  readonly dpsInstances: readonly string[];
  readonly rootPem: string | undefined;
  readonly now: Date;
}

/**
 * Checks what depends on this deployment or on today's date.
 * @throws FleetError `custody-not-allowed`, `group-invalid` with every fault
 */
function checkDeclaration(
  definition: GroupDefinition,
  { allowPlainKeys, hasEstServer, canAllocate, dpsInstances, rootPem, now }: DeclarationContext,
): void {
  const { id, keyCustody } = definition;
  if (keyCustody === 'plain' && !allowPlainKeys) {
    const message = `Group "${id}" asks for plain keys, which this deployment does not allow.`;
    throw new FleetError('custody-not-allowed', message);
  }
  const issues = checkGroup(definition, now, { rootPem });
  if (!dpsInstances.includes(dpsOf(definition)))
    issues.push({
      path: 'dps',
      message: `names a DPS instance that this deployment does not have; expected ${dpsInstances.join(', ')}`,
    });
  if (usesFleetEst(definition) && !hasEstServer)
    issues.push({ path: 'est.url', message: 'is "fleet", and this deployment has no EST server; set EST_URL' });
  if (definition.allocation === 'orchestrator' && !canAllocate)
    issues.push({
      path: 'allocation',
      message: 'is "orchestrator", and DPS has no address to call this app at; set PUBLIC_URL to its https address',
    });
  if (issues.length > 0) throw FleetError.of('group-invalid', `The definition of group "${id}"`, issues);
}

/**
 * The bundles of a group have the ID scope of its instance, and its registrations stay in that one. So a group does not move:
 * its devices do, by being issued again in another group.
 * @throws FleetError `method-conflict`
 */
function refuseOtherDps({ id, definition }: Pick<GroupRecord, 'id' | 'definition'>, wanted: GroupDefinition): void {
  const [from, to] = [dpsOf(definition), dpsOf(wanted)];
  if (from === to) return;
  const message = `Enrollment group "${id}" is in DPS instance "${from}" and cannot move to "${to}": the bundles of its devices have the ID scope of "${from}".`;
  const next = `Declare another group with dps "${to}" and issue its devices again there (onConflict "reissue"). A group without devices can be deleted and declared again.`;
  throw new FleetError('method-conflict', `${message} ${next}`, { column: 'dps', value: to });
}

/** What a group that was deleted leaves to the next one of its id. */
function leftBy({ definition, formerCas, formerDps = [] }: GroupRecord): Pick<GroupRecord, 'formerCas' | 'formerDps'> {
  return {
    ...(formerCas !== undefined && { formerCas }),
    formerDps: [...new Set([dpsOf(definition), ...formerDps])],
  };
}

/**
 * Whether a valid group only waits for DPS: it passes by itself, or once an operator has given or registered the CA. Other
 * errors on which an operator acts (`group-refused`, `ca-key-unusable`) mean that the declaration itself failed.
 */
function isPending(error: FleetError): boolean {
  return error.retry || error.code === 'ca-missing' || error.code === 'ca-unregistered';
}
