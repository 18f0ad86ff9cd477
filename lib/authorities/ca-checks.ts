import { type KeyObject, X509Certificate } from 'node:crypto';
import { excerpt, type Issue } from '../errors.ts';
import { type CertificateParts, readCertificate } from '../pki/certificate.ts';
import type { CaKeyType } from '../pki/key-store.ts';
import { describeKey, keyTypeOf } from '../pki/keys.ts';

/** A CA certificate that somebody gave us, read. */
export interface CaCertificate {
  readonly pem: string;
  readonly x509: X509Certificate;
  readonly parts: CertificateParts;
  /** The subject on one line, for messages. */
  readonly name: string;
}

/** A chain of ten RSA-4096 certificates with long names has 30 KB. */
const longestText = 64 * 1024;
const mostCertificates = 10;

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Reads every certificate in a text of PEM blocks.
 * @param path what faults name, such as `certificate` or `chain`
 */
export function readCaCertificates(text: string, path: string): { certificates: CaCertificate[]; faults: Issue[] } {
  const fault = (message: string) => ({ certificates: [], faults: [{ path, message }] });
  if (text.length > longestText) return fault(`has ${text.length} characters, and ${longestText} are read`);
  if (/PRIVATE KEY-----/.test(text)) return fault('holds a private key, which belongs into a file of its own');
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) return fault('holds no certificate in PEM');
  if (blocks.length > mostCertificates) return fault(`holds more than ${mostCertificates} certificates`);
  const certificates: CaCertificate[] = [];
  const faults: Issue[] = [];
  for (const [index, pem] of blocks.entries()) {
    try {
      const x509 = new X509Certificate(pem);
      certificates.push({ pem: x509.toString(), x509, parts: readCertificate(x509.raw), name: nameOf(x509) });
    } catch {
      faults.push({ path, message: `certificate ${index + 1} in it cannot be read` });
    }
  }
  return { certificates, faults };
}

const isSelfSigned = (ca: CaCertificate): boolean => isIssuedBy(ca, ca);

function isIssuedBy({ x509 }: CaCertificate, issuer: CaCertificate): boolean {
  try {
    return x509.checkIssued(issuer.x509) && x509.verify(issuer.x509.publicKey);
  } catch {
    // A key that this signature cannot have been made with.
    return false;
  }
}

/** Node writes one part of a name a line. */
function nameOf({ subject }: X509Certificate): string {
  return excerpt((subject ?? '').split('\n').join(', '));
}

/** What a CA that was made elsewhere has to be. */
export interface CaRequirements {
  /** How many CAs it has to allow below it. */
  readonly pathLength: number;
  /** The key that signs; undefined for a root whose key is kept elsewhere. */
  readonly publicKey?: KeyObject | undefined;
  readonly now: Date;
  /** The end of validity that every certificate has to come before, where a device cannot read later ones. */
  readonly endsBefore?: Date | undefined;
}

const keyCertSign = 1 << 5;

/** ECDSA (RFC 5758 3.2) and RSA PKCS#1 1.5 (RFC 4055 5) with SHA-2, AlgorithmIdentifier in DER. */
const signatures = new Set([
  '300a06082a8648ce3d040302',
  '300a06082a8648ce3d040303',
  '300a06082a8648ce3d040304',
  '300d06092a864886f70d01010b0500',
  '300d06092a864886f70d01010c0500',
  '300d06092a864886f70d01010d0500',
]);

/** RFC 5280, appendix A.1: ub-common-name. */
const longestCommonName = 64;

/**
 * The certificates from a CA up to a self-signed root, in order and without the CA itself.
 * @param candidates in any order; those that are no part of the way are left out
 */
export function pathAbove(
  ca: CaCertificate,
  candidates: readonly CaCertificate[],
): { path: CaCertificate[]; faults: Issue[] } {
  const path: CaCertificate[] = [];
  let top = ca;
  while (!isSelfSigned(top)) {
    const below = top;
    const issuer = candidates.find((each) => each !== ca && !path.includes(each) && isIssuedBy(below, each));
    if (issuer === undefined) {
      const message = `no certificate given issued "${below.name}"; the chain has to reach a self-signed root`;
      return { path, faults: [{ path: 'chain', message }] };
    }
    path.push(issuer);
    top = issuer;
  }
  return { path, faults: [] };
}

/** Everything that keeps a group from issuing by this CA; `above` is its way up to the root. */
export function issuingCaIssues(ca: CaCertificate, above: readonly CaCertificate[], demands: CaRequirements): Issue[] {
  const faults = [...ownFaults(ca, demands), ...signatureFaults(ca, 'certificate')];
  const fault = (message: string) => faults.push({ path: 'certificate', message });
  if (isSelfSigned(ca)) fault('is self-signed: a root issues no devices, or every group would be the same to DPS');
  if (ca.parts.keyUsage === undefined) fault('has no keyUsage, where keyCertSign is needed (RFC 5280 4.2.1.3)');
  for (const [index, issuer] of above.entries()) {
    const below = { ...demands, publicKey: undefined, pathLength: demands.pathLength + index + 1 };
    faults.push(...caFaults(issuer, below, 'chain').map(named(issuer)));
    // Nobody relies on the signature of a root on itself.
    if (!isSelfSigned(issuer)) faults.push(...signatureFaults(issuer, 'chain').map(named(issuer)));
  }
  return faults;
}

/** Everything that keeps a certificate from being the root of the fleet. */
export function rootCaIssues(ca: CaCertificate, demands: CaRequirements): Issue[] {
  const faults = ownFaults(ca, demands);
  if (!isSelfSigned(ca)) faults.push({ path: 'certificate', message: `is not self-signed: "${ca.name}" is no root` });
  return faults;
}

/** Faults of the CA that we sign with, or whose key an operator signs with for us. */
function ownFaults(ca: CaCertificate, demands: CaRequirements): Issue[] {
  const faults = caFaults(ca, demands, 'certificate');
  const fault = (path: string, message: string) => faults.push({ path, message });
  const { publicKey } = ca.x509;
  if (caKeyTypeOf(publicKey) === undefined) {
    fault('certificate', `has a key of type ${describeKey(publicKey)}; expected EC P-256, EC P-384 or RSA 4096`);
  }
  if (demands.publicKey !== undefined && !publicKey.equals(demands.publicKey)) {
    fault('certificate', 'is for another key than the one that will sign');
  }
  const [, commonName = ''] = /^CN=(.*)$/m.exec(ca.x509.subject ?? '') ?? [];
  if (commonName === '' || commonName.length > longestCommonName) {
    fault('certificate', `has a common name of ${commonName.length} characters; expected 1 to ${longestCommonName}`);
  }
  return faults;
}

function caFaults({ parts }: CaCertificate, { pathLength, now, endsBefore }: CaRequirements, path: string): Issue[] {
  const faults: Issue[] = [];
  const fault = (message: string) => faults.push({ path, message });
  const { basicConstraints, keyUsage, notBefore, notAfter } = parts;
  if (basicConstraints?.ca !== true) fault('is no CA (basicConstraints CA:TRUE is missing)');
  if (keyUsage !== undefined && (keyUsage & keyCertSign) === 0)
    fault('may not sign certificates (keyUsage lacks keyCertSign)');
  const allowed = basicConstraints?.pathLength;
  if (allowed !== undefined && allowed < pathLength)
    fault(`allows ${allowed} CAs below it (pathlen); expected at least ${pathLength}`);
  if (notBefore.date > now) fault(`is not valid before ${notBefore.date.toISOString()}`);
  if (notAfter.date <= now) fault(`expired at ${notAfter.date.toISOString()}`);
  if (endsBefore !== undefined && notAfter.date >= endsBefore) {
    fault(
      `ends at ${notAfter.date.toISOString()}, and the target of the group reads no date from ${endsBefore.toISOString()} on`,
    );
  }
  return faults;
}

function signatureFaults({ parts }: CaCertificate, path: string): Issue[] {
  if (signatures.has(parts.signatureAlgorithm.toString('hex'))) return [];
  return [
    { path, message: 'is signed by an algorithm that is not accepted; expected ECDSA or RSA (PKCS#1 1.5) with SHA-2' },
  ];
}

const named =
  ({ name }: CaCertificate) =>
  ({ path, message }: Issue): Issue => ({ path, message: `"${name}" ${message}` });

/** undefined for keys that no CA of ours signs with. */
export function caKeyTypeOf(key: KeyObject): CaKeyType | undefined {
  const type = keyTypeOf(key);
  return type === 'rsa-2048' ? undefined : type;
}
