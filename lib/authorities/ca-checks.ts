import { type KeyObject, X509Certificate } from 'node:crypto';
import { KeyUsageFlags } from '@peculiar/asn1-x509';
import { excerpt, type Issue } from '../errors.ts';
import { type CertificateParts, readCertificate } from '../pki/certificate.ts';
import { caKeyTypeOf, describeKey } from '../pki/keys.ts';
import {
  distinguishedName,
  isIssuedBy,
  isSelfSigned,
  maxCommonNameLength,
  readSignatureAlgorithm,
} from '../pki/x509.ts';

/** A CA certificate that an operator gave, read. */
export interface CaCertificate {
  readonly pem: string;
  readonly x509: X509Certificate;
  readonly parts: CertificateParts;
  /** The subject on one line, for messages. */
  readonly name: string;
}

/** Characters. A chain of ten RSA-4096 certificates with long names has 30 KB. */
const maxTextLength = 64 * 1024;
const maxCertificates = 10;

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Reads every certificate in a text of PEM blocks.
 * @param path where the text stood, for the issues: `certificate` or `chain`
 */
export function readCaCertificates(text: string, path: string): { certificates: CaCertificate[]; faults: Issue[] } {
  const refused = (message: string) => ({ certificates: [], faults: [{ path, message }] });
  if (text.length > maxTextLength) return refused(`has ${text.length} characters; expected at most ${maxTextLength}`);
  if (/PRIVATE KEY-----/.test(text)) return refused('holds a private key; give the key in a file of its own');
  const blocks = text.match(pemBlock) ?? [];
  if (blocks.length === 0) return refused('holds no certificate in PEM');
  if (blocks.length > maxCertificates) return refused(`holds more than ${maxCertificates} certificates`);
  const certificates: CaCertificate[] = [];
  const faults: Issue[] = [];
  for (const [index, pem] of blocks.entries()) {
    try {
      const x509 = new X509Certificate(pem);
      const name = excerpt(distinguishedName(x509));
      certificates.push({ pem: x509.toString(), x509, parts: readCertificate(x509.raw), name });
    } catch {
      faults.push({ path, message: `certificate ${index + 1} in it cannot be read` });
    }
  }
  return { certificates, faults };
}

/**
 * The certificates from a CA up to a self-signed root, nearest first, without the CA itself.
 * @param candidates in any order; those that are not on the way are ignored
 */
export function pathAbove(
  ca: CaCertificate,
  candidates: readonly CaCertificate[],
): { path: CaCertificate[]; faults: Issue[] } {
  const path: CaCertificate[] = [];
  let top = ca;
  while (!isSelfSigned(top.x509)) {
    const { x509, name } = top;
    const issuer = candidates.find((each) => each !== ca && !path.includes(each) && isIssuedBy(x509, each.x509));
    if (issuer === undefined) {
      const message = `no certificate given issued "${name}"; the chain has to reach a self-signed root`;
      return { path, faults: [{ path: 'chain', message }] };
    }
    path.push(issuer);
    top = issuer;
  }
  return { path, faults: [] };
}

/** Requirements on a CA that was made by another PKI. */
export interface CaRequirements {
  /** How many CAs it has to allow below it. */
  readonly pathLength: number;
  /** The key that signs; undefined for a root whose key is kept elsewhere. */
  readonly publicKey?: KeyObject | undefined;
  readonly now: Date;
  /** Every certificate has to end before this, where a device cannot read later dates. */
  readonly endsBefore?: Date | undefined;
}

/** Everything that keeps a group from issuing by this CA. @param above its way up to the root, nearest first */
export function issuingCaIssues(ca: CaCertificate, above: readonly CaCertificate[], demands: CaRequirements): Issue[] {
  const faults = [...signingCaIssues(ca, demands), ...signatureIssues(ca, 'certificate')];
  const fault = (message: string) => faults.push({ path: 'certificate', message });
  if (isSelfSigned(ca.x509))
    fault('is self-signed; give an intermediate CA, since DPS tells groups apart by their issuing CAs');
  if (ca.parts.keyUsage === undefined) fault('has no keyUsage; expected keyCertSign (RFC 5280 4.2.1.3)');
  for (const [index, issuer] of above.entries()) {
    const below = { ...demands, publicKey: undefined, pathLength: demands.pathLength + index + 1 };
    faults.push(...caIssues(issuer, below, 'chain').map(named(issuer)));
    // No verifier relies on the signature of a root, so it may be of any kind.
    if (!isSelfSigned(issuer.x509)) faults.push(...signatureIssues(issuer, 'chain').map(named(issuer)));
  }
  return faults;
}

/** Everything that keeps a certificate from being the root of the fleet. */
export function rootCaIssues(ca: CaCertificate, demands: CaRequirements): Issue[] {
  const faults = signingCaIssues(ca, demands);
  if (!isSelfSigned(ca.x509))
    faults.push({ path: 'certificate', message: `is not self-signed: "${ca.name}" is not a root` });
  return faults;
}

/** Issues of the CA whose key signs, here or by an operator's hand. */
function signingCaIssues(ca: CaCertificate, demands: CaRequirements): Issue[] {
  const faults = caIssues(ca, demands, 'certificate');
  const fault = (message: string) => faults.push({ path: 'certificate', message });
  const { publicKey } = ca.x509;
  if (caKeyTypeOf(publicKey) === undefined)
    fault(`has a key of type ${describeKey(publicKey)}; expected EC P-256, EC P-384 or RSA 4096`);
  if (demands.publicKey !== undefined && !publicKey.equals(demands.publicKey))
    fault('is for another key than the one that will sign');
  const [, commonName = ''] = /^CN=(.*)$/m.exec(ca.x509.subject ?? '') ?? [];
  if (commonName === '' || commonName.length > maxCommonNameLength)
    fault(`has a common name of ${commonName.length} characters; expected 1 to ${maxCommonNameLength}`);
  return faults;
}

function caIssues({ parts }: CaCertificate, { pathLength, now, endsBefore }: CaRequirements, path: string): Issue[] {
  const faults: Issue[] = [];
  const fault = (message: string) => faults.push({ path, message });
  const { basicConstraints, keyUsage, notBefore, notAfter } = parts;
  if (basicConstraints?.ca !== true) fault('is not a CA (basicConstraints CA:TRUE is missing)');
  if (keyUsage !== undefined && (keyUsage & KeyUsageFlags.keyCertSign) === 0)
    fault('may not sign certificates (keyUsage lacks keyCertSign)');
  const allowed = basicConstraints?.pathLength;
  if (allowed !== undefined && allowed < pathLength)
    fault(`allows ${allowed} CAs below it (pathlen); expected at least ${pathLength}`);
  if (notBefore.date > now) fault(`is not valid before ${notBefore.date.toISOString()}`);
  if (notAfter.date <= now) fault(`expired at ${notAfter.date.toISOString()}`);
  if (endsBefore !== undefined && notAfter.date >= endsBefore)
    fault(
      `ends at ${notAfter.date.toISOString()}; expected before ${endsBefore.toISOString()}, since devices of this target cannot read later dates`,
    );
  return faults;
}

function signatureIssues({ parts }: CaCertificate, path: string): Issue[] {
  if (readSignatureAlgorithm(parts.signatureAlgorithm) !== undefined) return [];
  const message = 'is signed by an algorithm that is not accepted; expected ECDSA or RSA (PKCS#1 1.5) with SHA-2';
  return [{ path, message }];
}

const named =
  ({ name }: CaCertificate) =>
  ({ path, message }: Issue): Issue => ({ path, message: `"${name}" ${message}` });
