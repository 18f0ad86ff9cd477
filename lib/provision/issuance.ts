import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import type { Bundler } from '../bundle/bundler.ts';
import { createBundler } from '../bundle/bundler.ts';
import { edgeCaOf } from '../enrollment/edge-ca.ts';
import type { GroupRecord } from '../enrollment/group.ts';
import { FleetError } from '../errors.ts';
import { createDeviceIssuer, type DeviceIssuer } from '../pki/device-issuer.ts';
import type { Stored } from '../stored.ts';

/** What it takes to issue for one group: its CA ready to sign, and what its bundles share. */
export interface Issuance {
  readonly group: GroupRecord;
  readonly issuer: DeviceIssuer;
  readonly bundler: Bundler;
}

export interface IssuanceOptions {
  readonly authority: CertificateAuthority;
  readonly dps: { readonly idScope: string; readonly globalEndpoint: string };
  readonly now: () => Date;
}

/** An issuer fixes validity when it is made; a new one every 5 minutes keeps that as good as exact beside the backdating. */
const maxAgeMilliseconds = 5 * 60 * 1000;

/** Opens groups for issuing, and keeps them open for a while: templates are worth more than one chunk. */
export function createIssuances({
  authority,
  dps,
  now,
}: IssuanceOptions): (group: Stored<GroupRecord>) => Promise<Issuance> {
  const open = new Map<string, { etag: string; at: number; issuance: Promise<Issuance> }>();

  async function make(group: GroupRecord): Promise<Issuance> {
    const [ca] = group.issuingCas;
    if (ca === undefined) throw new FleetError('internal', `Enrollment group "${group.id}" has no issuing CA.`);
    const { definition } = group;
    const issuer = await authority.open(definition, ca);
    const { keyType, validityDays } = definition;
    const rootPem = ca.chainPem.at(-1) ?? ca.certificatePem;
    const chainPem = [ca.certificatePem, ...ca.chainPem.slice(0, -1)];
    return {
      group,
      issuer: await createDeviceIssuer({ issuer, keyType, validityDays, now: now(), edgeCa: edgeCaOf(definition) }),
      bundler: await createBundler({ group: definition, chainPem, rootPem, dps, now: now() }),
    };
  }

  return (group) => {
    const { id } = group.value;
    const at = now().getTime();
    const known = open.get(id);
    if (known !== undefined && known.etag === group.etag && at - known.at < maxAgeMilliseconds) return known.issuance;
    const issuance = make(group.value);
    open.set(id, { etag: group.etag, at, issuance });
    issuance.catch(() => open.delete(id));
    return issuance;
  };
}
