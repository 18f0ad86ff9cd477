import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import { type Bundler, createBundler } from '../bundle/bundler.ts';
import type { DpsAddress, EstServer } from '../bundle/targets.ts';
import { unknownInstance } from '../enrollment/enrollments-by-instance.ts';
import { FleetError } from '../errors.ts';
import { edgeCaOf, type GroupDefinition } from '../groups/definition.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord } from '../groups/group.ts';
import { createDeviceIssuer, type DeviceIssuer } from '../pki/device-issuer.ts';
import type { Versioned } from '../storage.ts';

/** One enrollment group, ready to issue: its CA ready to sign, and the parts that its bundles share. */
export interface Issuance {
  readonly group: GroupRecord;
  readonly issuer: DeviceIssuer;
  readonly bundler: Bundler;
}

export interface IssuanceOptions {
  readonly authority: CertificateAuthority;
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

/**
 * @returns a function that opens a group for issuing. A group stays open for some minutes, since preparing its templates
 * costs more than issuing one chunk with them; a group that changed is opened again.
 */
export function createIssuanceCache({ authority, dps, estServer, now }: IssuanceOptions): OpenIssuance {
  const cache = new Map<string, { etag: string; openedAt: number; issuance: Promise<Issuance> }>();

  function addressOf(definition: GroupDefinition): DpsAddress {
    const address = dps.get(dpsOf(definition));
    if (address === undefined) throw unknownInstance(dpsOf(definition), dps.keys());
    return address;
  }

  async function open(group: GroupRecord): Promise<Issuance> {
    const { definition } = group;
    const [ca] = group.issuingCas;
    if (ca === undefined) throw new FleetError('internal', `Enrollment group "${group.id}" has no issuing CA.`);
    const issuer = await authority.open(ca);
    const { keyType, validityDays } = definition;
    const rootPem = ca.chainPem.at(-1) ?? ca.certificatePem;
    const chainPem = [ca.certificatePem, ...ca.chainPem.slice(0, -1)];
    return {
      group,
      issuer: createDeviceIssuer({ issuer, keyType, validityDays, now: now(), edgeCa: edgeCaOf(definition) }),
      bundler: await createBundler({
        ...{ group: definition, chainPem, rootPem, dps: addressOf(definition), estServer, now: now() },
        caGeneration: ca.generation,
      }),
    };
  }

  return (group) => {
    const { id } = group.value;
    const openedAt = now().getTime();
    const known = cache.get(id);
    if (known !== undefined && known.etag === group.etag && openedAt - known.openedAt < issuanceMaxAgeMs)
      return known.issuance;
    const issuance = open(group.value);
    cache.set(id, { etag: group.etag, openedAt, issuance });
    issuance.catch(() => cache.delete(id));
    return issuance;
  };
}
