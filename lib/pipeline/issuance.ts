import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import type { DelegatedCas } from '../authorities/delegated-cas.ts';
import type { OpenDelegatedCa } from '../authorities/held-delegated-ca.ts';
import { type Bundler, createBundler } from '../bundle/bundler.ts';
import type { DpsAddress, EstServer } from '../bundle/targets.ts';
import { unknownInstance } from '../enrollment/enrollments-by-instance.ts';
import { FleetError } from '../errors.ts';
import { alternativeNamesOf } from '../groups/alternative-names.ts';
import { edgeCaOf, type GroupDefinition, pathLengthOf } from '../groups/definition.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord, IssuingCa } from '../groups/group.ts';
import { issuanceOf } from '../groups/issuance.ts';
import { createDeviceIssuer, type DeviceIssuer } from '../pki/device-issuer.ts';
import type { Versioned } from '../storage.ts';

/** One enrollment group, ready to issue: the CA that signs for it open, and the parts that its bundles share. */
export interface Issuance {
  readonly group: GroupRecord;
  readonly issuer: DeviceIssuer;
  readonly bundler: Bundler;
  /** The delegated CA that signs. Absent where the issuing CA signs. */
  readonly delegatedCa?: Pick<OpenDelegatedCa, 'id' | 'use'> | undefined;
}

export interface IssuanceOptions {
  readonly authority: Pick<CertificateAuthority, 'open'>;
  readonly delegatedCas: Pick<DelegatedCas, 'open'>;
  /** Whether CA keys are in a Key Vault: the default of `issuance`. */
  readonly usesKeyVault: boolean;
  /** Where devices register, by the name of the DPS instance of their group. */
  readonly dps: ReadonlyMap<string, DpsAddress>;
  /** The EST server of this deployment. Absent: it has none. */
  readonly estServer?: EstServer | undefined;
  readonly now: () => Date;
}

/**
 * Milliseconds that a group stays open. An issuer fixes the validity of its certificates when it is made, so this is how
 * late they may be: little beside the hours that certificates are backdated by (lib/pki/profiles.ts).
 */
export const issuanceMaxAgeMs = 5 * 60 * 1000;

/** Opens a group for issuing. @throws FleetError `setting-invalid`, `ca-missing`, `ca-key-unusable`, `group-invalid`, `throttled`, `unavailable` */
export type OpenIssuance = (group: Versioned<GroupRecord>) => Promise<Issuance>;

/** A group that was opened, as the cache has it. */
interface Opened {
  readonly etag: string;
  readonly openedAt: number;
  readonly issuance: Promise<Issuance>;
  /** Absent while it is opened. */
  ready?: Issuance;
}

/**
 * @returns a function that opens a group for issuing. A group stays open for some minutes, since preparing its templates
 * costs more than issuing one chunk with them; a group that changed, or whose delegated CA is about to end, is opened again.
 */
export function createIssuanceCache(options: IssuanceOptions): OpenIssuance {
  const { authority, delegatedCas, usesKeyVault, dps, estServer, now } = options;
  const cache = new Map<string, Opened>();

  function addressOf(definition: GroupDefinition): DpsAddress {
    const address = dps.get(dpsOf(definition));
    if (address === undefined) throw unknownInstance(dpsOf(definition), dps.keys());
    return address;
  }

  async function open(group: GroupRecord): Promise<Issuance> {
    const { definition } = group;
    const [ca] = group.issuingCas;
    if (ca === undefined) throw new FleetError('internal', `Enrollment group "${group.id}" has no issuing CA.`);
    const delegated = await openDelegated(definition, ca);
    const { keyType, validityDays } = definition;
    const rootPem = ca.chainPem.at(-1) ?? ca.certificatePem;
    const chainPem = [ca.certificatePem, ...ca.chainPem.slice(0, -1)];
    const issuer = delegated?.authority ?? (await authority.open(ca));
    return {
      group,
      issuer: createDeviceIssuer({
        ...{ issuer, keyType, validityDays, now: now() },
        edgeCa: edgeCaOf(definition),
        alternativeNames: alternativeNamesOf(definition),
      }),
      bundler: await createBundler({
        ...{ group: definition, chainPem, rootPem, dps: addressOf(definition), estServer, now: now() },
        delegatedCaPem: delegated?.certificatePem,
        caGeneration: ca.generation,
      }),
      delegatedCa: delegated,
    };
  }

  /** @returns undefined when the issuing CA signs itself */
  async function openDelegated(definition: GroupDefinition, issuingCa: IssuingCa) {
    if (issuanceOf(definition, { usesKeyVault, issuingCa }).by === 'direct') return undefined;
    const { id: enrollmentGroup, validityDays } = definition;
    return delegatedCas.open({ enrollmentGroup, issuingCa, pathLength: pathLengthOf(definition), validityDays });
  }

  return (group) => {
    const { id } = group.value;
    const openedAt = now().getTime();
    const known = cache.get(id);
    const isFresh = known?.etag === group.etag && openedAt - known.openedAt < issuanceMaxAgeMs;
    if (known !== undefined && isFresh && (known.ready?.delegatedCa?.use() ?? true)) return known.issuance;
    const opened: Opened = { etag: group.etag, openedAt, issuance: open(group.value) };
    cache.set(id, opened);
    opened.issuance.then(
      (issuance) => {
        opened.ready = issuance;
      },
      () => cache.get(id) === opened && cache.delete(id),
    );
    return opened.issuance;
  };
}
