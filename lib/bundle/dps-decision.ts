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
}

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
 * CA, and then the enrollment group of the nearest issuer decides. The roots of the groups count as verified CAs.
 * @param presented the chain that the device presents, leaf first
 */
export function predictDpsDecision(
  presented: readonly X509Certificate[],
  groups: readonly VerifierGroup[],
  at: Date,
): DpsDecision {
  const [leaf] = presented;
  if (leaf === undefined) return refused('the device presents no certificate');
  const roots = groups.flatMap(({ issuingCas }) =>
    issuingCas.map(({ certificatePem, chainPem }) => new X509Certificate(chainPem.at(-1) ?? certificatePem)),
  );
  const path: X509Certificate[] = [];
  let next: X509Certificate | undefined = leaf;
  while (next !== undefined && path.length < maxLength) {
    const fault = faultOf(next, path, at);
    if (fault !== undefined) return refused(fault);
    path.push(next);
    if (isAmong(next, roots)) break;
    next = issuerOf(next, [...presented, ...roots], path);
  }
  const top = path.at(-1) ?? leaf;
  if (!isAmong(top, roots))
    return refused(`no verified CA issued ${nameOf(top)}: its issuer was not presented, or is not in these groups`);

  for (const certificate of path.slice(1)) {
    for (const { id, enrollment, provisioningStatus, issuingCas } of groups) {
      const place = issuingCas
        .slice(0, 2)
        .findIndex(({ certificatePem }) => isAmong(certificate, [new X509Certificate(certificatePem)]));
      if (place < 0) continue;
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

const nameOf = (certificate: X509Certificate) => `"${distinguishedName(certificate)}"`;
