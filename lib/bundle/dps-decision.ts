import { X509Certificate } from 'node:crypto';
import { readCertificate } from '../pki/certificate.ts';
import { distinguishedName, isIssuedBy } from '../pki/x509.ts';

/** The parts of an enrollment group that decide whether DPS accepts a device, as in GET /api/enrollment-groups. */
export interface VerifierGroup {
  readonly id: string;
  readonly enrollment: 'group' | 'individual';
  readonly provisioningStatus: 'enabled' | 'disabled';
  /** The current one first. DPS has it as primary certificate, and the one before it as secondary. PEM. */
  readonly issuingCas: readonly { readonly certificatePem: string; readonly chainPem: readonly string[] }[];
  /** CAs below its issuing CAs that DPS refuses, by a disabled group on each. PEM. */
  readonly blockedCas?: readonly string[];
  /** Why DPS does not have the group. Absent: it has it. */
  readonly missing?: string;
  /** Why DPS is not known to trust its CAs. Absent: it trusts them, as far as it is known. */
  readonly untrusted?: string;
}

/** SHA-1 thumbprints of CAs, upper-case hex: the management API of DPS identifies certificates by them. */
export type VerifiedCas = ReadonlySet<string>;

/** The answer of DPS to a device. */
export interface DpsDecision {
  readonly accepted: boolean;
  /** Such as `matches group "line7" by its primary issuing CA`, or `401002, because ...`. */
  readonly text: string;
  /** Id of the group whose entry decides. */
  readonly group?: string;
}

/** Certificates in a path. Longer paths do not occur; the limit ends a loop. */
const maxLength = 10;

/**
 * Predicts the answer of DPS to a device, by the rules of
 * https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation: the presented certificates must lead to a verified
 * CA, and then the enrollment group of the nearest issuer decides.
 * @param presented the chain that the device presents, leaf first
 * @param verifiedCas the verified CAs of DPS. When absent, the roots of the groups that are not `untrusted` count as verified
 * @param registrationId the id under which the device registers; absent when its daemon takes that of the certificate
 */
export function predictDpsDecision(
  presented: readonly X509Certificate[],
  groups: readonly VerifierGroup[],
  at: Date,
  verifiedCas?: VerifiedCas,
  registrationId?: string,
): DpsDecision {
  const [leaf] = presented;
  if (leaf === undefined) return refused('the device presents no certificate');
  const commonName = readCertificate(leaf.raw).commonName?.toString();
  // DPS compares ids without case.
  if (registrationId !== undefined && commonName?.toLowerCase() !== registrationId.toLowerCase()) {
    const named = commonName === undefined ? 'no single common name' : `the common name "${commonName}"`;
    return refused(`the registration id is "${registrationId}", and the certificate has ${named}`);
  }
  const verified = verifiedCertificates(groups, verifiedCas);
  const isVerified = (certificate: X509Certificate) =>
    verifiedCas === undefined ? isAmong(certificate, verified) : verifiedCas.has(sha1Thumbprint(certificate));

  const { path, fault } = pathToVerified(presented, { verified, isVerified, at });
  if (fault !== undefined) return refused(withReason(fault, presented, verifiedCas === undefined ? groups : []));

  for (const certificate of path.slice(1)) {
    const blocking = groups.find(({ blockedCas = [] }) => blockedCas.some((pem) => isPem(certificate, pem)));
    if (blocking !== undefined)
      return { ...refused(`the CA ${nameOf(certificate)}, which issued it, is blocked`), group: blocking.id };
    for (const { id, enrollment, provisioningStatus, issuingCas, missing } of groups) {
      const place = issuingCas.slice(0, 2).findIndex(({ certificatePem }) => isPem(certificate, certificatePem));
      if (place < 0) continue;
      if (missing !== undefined) return { ...refused(`DPS does not have its group "${id}": ${missing}`), group: id };
      if (enrollment === 'individual') {
        const text = `matches the individual enrollment of the device, once group "${id}" has it enrolled`;
        return { accepted: true, text, group: id };
      }
      if (provisioningStatus === 'disabled')
        return { accepted: false, text: `401002, because its group "${id}" is disabled`, group: id };
      const kind = place === 0 ? 'primary' : 'secondary';
      return { accepted: true, text: `matches group "${id}" by its ${kind} issuing CA`, group: id };
    }
  }
  return refused(`no enrollment group holds ${path.length > 1 ? 'an issuer' : 'the issuer'} of ${nameOf(leaf)}`);
}

/** The certificates that DPS has itself: a device need not present them. */
function verifiedCertificates(
  groups: readonly VerifierGroup[],
  verifiedCas: VerifiedCas | undefined,
): X509Certificate[] {
  const chains = groups.flatMap(({ issuingCas }) => issuingCas.map((ca) => [ca.certificatePem, ...ca.chainPem]));
  if (verifiedCas === undefined) {
    const trusted = groups.filter(({ untrusted }) => untrusted === undefined);
    const roots = trusted.flatMap(({ issuingCas }) => issuingCas.map((ca) => ca.chainPem.at(-1) ?? ca.certificatePem));
    return roots.map((pem) => new X509Certificate(pem));
  }
  return chains
    .flat()
    .map((pem) => new X509Certificate(pem))
    .filter((certificate) => verifiedCas.has(sha1Thumbprint(certificate)));
}

/** The fault of a chain without a verified CA, and why the CA of its group is not verified. */
function withReason(fault: string, presented: readonly X509Certificate[], groups: readonly VerifierGroup[]): string {
  const holder = groups.find(({ untrusted, issuingCas }) => {
    return (
      untrusted !== undefined && issuingCas.some((ca) => isAmong(new X509Certificate(ca.certificatePem), presented))
    );
  });
  return holder === undefined ? fault : `${fault}. ${holder.untrusted}`;
}

interface PathSearch {
  readonly verified: readonly X509Certificate[];
  readonly at: Date;
  isVerified(certificate: X509Certificate): boolean;
}

/** @returns the path from the leaf to the highest verified CA, or why there is none */
function pathToVerified(
  presented: readonly X509Certificate[],
  { verified, isVerified, at }: PathSearch,
): { path: X509Certificate[]; fault?: string } {
  const path: X509Certificate[] = [];
  let trusted = 0;
  let [next] = presented;
  while (next !== undefined && path.length < maxLength) {
    const fault = faultOf(next, path, at);
    // Above a verified CA an invalid certificate only ends the path. Below one it makes the chain invalid.
    if (fault !== undefined && trusted === 0) return { path, fault };
    if (fault !== undefined) break;
    path.push(next);
    if (isVerified(next)) trusted = path.length;
    next = issuerOf(next, [...presented, ...verified], path);
  }
  if (trusted > 0) return { path: path.slice(0, trusted) };
  const top = path.at(-1);
  const name = top === undefined ? 'the device' : nameOf(top);
  return { path, fault: `no verified CA issued ${name}: its issuer was not presented, or is not verified in DPS` };
}

const refused = (why: string): DpsDecision => ({ accepted: false, text: `401002, because ${why}` });

/** The rules of RFC 5280 6.1 other than the signature, which `issuerOf` checks. @returns the rule that is broken */
function faultOf(certificate: X509Certificate, below: readonly X509Certificate[], at: Date): string | undefined {
  if (at < certificate.validFromDate)
    return `${nameOf(certificate)} is not valid before ${certificate.validFromDate.toISOString()}`;
  if (at > certificate.validToDate) return `${nameOf(certificate)} expired at ${certificate.validToDate.toISOString()}`;
  if (below.length === 0) return undefined;
  if (!certificate.ca) return `${nameOf(certificate)} issued a certificate and is not a CA`;
  const allowed = readCertificate(certificate.raw).basicConstraints?.pathLength;
  const casBelow = below.length - 1;
  if (allowed !== undefined && casBelow > allowed)
    return `${nameOf(certificate)} allows ${allowed} CAs below it and has ${casBelow}`;
  return undefined;
}

function issuerOf(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
  path: readonly X509Certificate[],
): X509Certificate | undefined {
  return candidates.find((candidate) => !isAmong(candidate, path) && isIssuedBy(certificate, candidate));
}

function isAmong({ fingerprint256 }: X509Certificate, certificates: readonly X509Certificate[]): boolean {
  return certificates.some((each) => each.fingerprint256 === fingerprint256);
}

const isPem = (certificate: X509Certificate, pem: string) => isAmong(certificate, [new X509Certificate(pem)]);

const sha1Thumbprint = ({ fingerprint }: X509Certificate) => fingerprint.replaceAll(':', '');

const nameOf = (certificate: X509Certificate) => `"${distinguishedName(certificate)}"`;
