import { X509Certificate } from 'node:crypto';
import { readCertificate } from '../pki/certificate.ts';
import { distinguishedName, isIssuedBy } from '../pki/x509.ts';

/** What of an enrollment group decides whether DPS takes a device, as GET /api/enrollment-groups shows it. */
export interface VerifierGroup {
  readonly id: string;
  readonly enrollment: 'group' | 'individual';
  readonly provisioningStatus: 'enabled' | 'disabled';
  /** The current one first: DPS holds it as primary, and the one before as secondary certificate. */
  readonly issuingCas: readonly { readonly certificatePem: string; readonly chainPem: readonly string[] }[];
}

/** What DPS will say to a device. */
export interface DpsDecision {
  readonly accepted: boolean;
  /** Such as `matches group "line7" by its primary issuing CA`, or `401002, because ...`. */
  readonly text: string;
  /** The group whose entry decides. */
  readonly group?: string;
}

/** Longer chains do not occur, and a loop must end. */
const maxLength = 10;

/**
 * What DPS will say to a device that presents this chain, leaf first, by the rules of
 * https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation: the chain must lead, by what is presented, to a
 * verified CA; then the enrollment group of the nearest issuer decides, enabled or not. The roots of the groups stand for
 * the verified CAs.
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
    return refused(`no verified CA issued ${nameOf(top)}: it was not presented, or is not ours`);

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

/** RFC 5280 6.1 as far as it needs no signature, which `issuerOf` checks. */
function faultOf(certificate: X509Certificate, below: readonly X509Certificate[], at: Date): string | undefined {
  if (at < certificate.validFromDate)
    return `${nameOf(certificate)} is not valid before ${certificate.validFromDate.toISOString()}`;
  if (at > certificate.validToDate) return `${nameOf(certificate)} expired at ${certificate.validToDate.toISOString()}`;
  if (below.length === 0) return undefined;
  if (!certificate.ca) return `${nameOf(certificate)} issued a certificate and is no CA`;
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
