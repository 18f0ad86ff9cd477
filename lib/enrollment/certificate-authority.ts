import { X509Certificate } from 'node:crypto';
import { type Authority, issueIntermediateCa, issueRootCa } from '../pki/authority.ts';
import { readCertificate } from '../pki/certificate-parts.ts';
import { issuingCaPathLength } from '../pki/edge-ca.ts';
import { newSerialNumber } from '../pki/serial.ts';
import type { KeyStore } from '../pki/signer.ts';
import { edgeCaOf } from './edge-ca.ts';
import type { IssuingCa } from './group.ts';
import type { GroupDefinition } from './group-definition.ts';
import type { GroupStore } from './group-store.ts';

/** Makes the root and one issuing CA a group, and opens them for signing. */
export interface CertificateAuthority {
  /** The root certificate (PEM); made at the first call, the same ever after. */
  root(): Promise<string>;
  /** A new issuing CA for the group, signed by the root. */
  createIssuingCa(group: GroupDefinition, generation: number): Promise<IssuingCa>;
  /** The issuing CA with its key, ready to sign. */
  open(group: GroupDefinition, ca: IssuingCa): Promise<Authority>;
}

/** Whether the issuing CA may sign all that the group's devices need: an Edge CA under it takes a longer path. */
export function issuingCaFits(group: GroupDefinition, ca: IssuingCa): boolean {
  const { pathLength = Number.POSITIVE_INFINITY } =
    readCertificate(new X509Certificate(ca.certificatePem).raw).basicConstraints ?? {};
  return pathLength >= issuingCaPathLength(edgeCaOf(group));
}

export interface CertificateAuthorityOptions {
  readonly keys: KeyStore;
  readonly groups: GroupStore;
  /** Common name of the root, and the name of its key. */
  readonly rootName: string;
  readonly now: () => Date;
  readonly random?: (bytes: number) => Buffer;
}

/** The root outlives every issuing CA (at most 7,300 days by the group's schema), so that no clamping shortens them. */
const rootValidityDays = 30 * 365;

export function createCertificateAuthority(options: CertificateAuthorityOptions): CertificateAuthority {
  const { keys, groups, rootName, now, random } = options;

  const rootSigner = () => keys.signer('root', 'ec-p384');

  async function root(): Promise<string> {
    const known = await groups.readRoot();
    if (known !== undefined) return known;
    const signer = await rootSigner();
    const certificatePem = await issueRootCa({
      ...{ commonName: rootName, signer, validityDays: rootValidityDays, now: now() },
      serialNumber: newSerialNumber(random),
    });
    // Two processes may both come here: both used the same key, and the first certificate stored is the root.
    return groups.keepRoot(certificatePem);
  }

  return {
    root,

    async createIssuingCa(group, generation) {
      const rootPem = await root();
      const keyName = `issuing-${group.id}-${generation}`;
      const key = await keys.signer(keyName, group.issuingCa.keyType);
      const certificatePem = await issueIntermediateCa({
        issuer: { certificatePem: rootPem, signer: await rootSigner(), chainPem: [] },
        // 64 characters is the bound of a common name (RFC 5280, ub-common-name); a group id may have all of them.
        commonName: `${group.id.slice(0, 48)} issuing CA ${generation}`,
        publicKey: key.publicKey,
        pathLength: issuingCaPathLength(edgeCaOf(group)),
        validityDays: group.issuingCa.validityDays,
        serialNumber: newSerialNumber(random),
        now: now(),
      });
      const notAfter = new X509Certificate(certificatePem).validToDate.toISOString();
      return { certificatePem, chainPem: [rootPem], generation, keyName, notAfter };
    },

    async open(group, ca) {
      const signer = await keys.signer(ca.keyName, group.issuingCa.keyType);
      return { certificatePem: ca.certificatePem, signer, chainPem: ca.chainPem };
    },
  };
}
