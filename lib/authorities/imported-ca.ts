import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { FleetError, type Issue } from '../errors.ts';
import type { CaKeyType } from '../pki/key-store.ts';
import { caKeyTypeOf } from '../pki/keys.ts';
import {
  type CaCertificate,
  type CaRequirements,
  issuingCaIssues,
  pathAbove,
  readCaCertificates,
  rootCaIssues,
} from './ca-checks.ts';

/** A CA as an operator gives it. */
export interface ImportedCa {
  /** PEM. Further certificates in it count as chain. */
  readonly certificate: string;
  /** PEM of the certificates above it, in any order. The fleet's own root may be left out. */
  readonly chain?: string | undefined;
  /** PEM, unencrypted; absent where the key is in the key store, or kept elsewhere. */
  readonly privateKey?: string | undefined;
}

/** The same, checked. */
export interface AcceptedCa {
  readonly certificatePem: string;
  /** Issuers above it, nearest first, up to and including the root. */
  readonly chainPem: readonly string[];
  readonly keyType: CaKeyType;
  readonly privateKey?: KeyObject;
  /** ISO 8601. */
  readonly notAfter: string;
}

export interface IssuingCaRequirements extends CaRequirements {
  /** PEM of roots and issuers that need not be in the chain given. */
  readonly knownIssuers: readonly string[];
}

/** @throws FleetError `ca-invalid` with all issues */
export function acceptIssuingCa(ca: ImportedCa, demands: IssuingCaRequirements): AcceptedCa {
  const { own, others, key, faults } = read(ca, demands.publicKey);
  if (own === undefined) throw FleetError.of('ca-invalid', 'The issuing CA', faults);
  const known = demands.knownIssuers.flatMap((pem) => readCaCertificates(pem, 'chain').certificates);
  const { path, faults: missing } = pathAbove(own, [...others, ...known]);
  const publicKey = key === undefined ? demands.publicKey : createPublicKey(key);
  faults.push(...missing, ...issuingCaIssues(own, path, { ...demands, publicKey }));
  return accepted('The issuing CA', { own, path, key, faults });
}

/** @throws FleetError `ca-invalid` with all issues */
export function acceptRoot(ca: ImportedCa, demands: Omit<CaRequirements, 'publicKey'>): AcceptedCa {
  const { own, key, faults } = read(ca);
  if (own === undefined) throw FleetError.of('ca-invalid', 'The root', faults);
  faults.push(...rootCaIssues(own, { ...demands, publicKey: key === undefined ? undefined : createPublicKey(key) }));
  return accepted('The root', { own, path: [], key, faults });
}

interface Read {
  /** The certificate of the CA itself; undefined when none can be read. */
  readonly own: CaCertificate | undefined;
  readonly others: readonly CaCertificate[];
  readonly key: KeyObject | undefined;
  readonly faults: Issue[];
}

/** @param publicKey that of the CA, where it brings no private key */
function read({ certificate, chain, privateKey }: ImportedCa, publicKey?: KeyObject): Read {
  const given = readCaCertificates(certificate, 'certificate');
  const above = chain === undefined ? { certificates: [], faults: [] } : readCaCertificates(chain, 'chain');
  const key = privateKey === undefined ? undefined : readPrivateKey(privateKey);
  const faults = [...given.faults, ...above.faults];
  if (privateKey !== undefined && key === undefined)
    faults.push({
      path: 'key',
      message: 'is not an unencrypted private key in PEM; decrypt it: openssl pkey -in FILE',
    });
  // A file with the whole chain may begin with the root, so the key says which certificate is the CA's.
  const expected = key === undefined ? publicKey : createPublicKey(key);
  const own =
    given.certificates.find(({ x509 }) => expected !== undefined && x509.publicKey.equals(expected)) ??
    given.certificates[0];
  const others = [...given.certificates, ...above.certificates].filter((each) => each !== own);
  return { own, others, key, faults };
}

/** @returns undefined when the text is not a private key */
function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The parser's error is dropped: it may quote the key.
    return undefined;
  }
}

interface Checked {
  readonly own: CaCertificate;
  readonly path: readonly CaCertificate[];
  readonly key: KeyObject | undefined;
  readonly faults: readonly Issue[];
}

function accepted(subject: string, { own, path, key, faults }: Checked): AcceptedCa {
  const keyType = caKeyTypeOf(own.x509.publicKey);
  if (faults.length > 0 || keyType === undefined) throw FleetError.of('ca-invalid', subject, faults);
  return {
    certificatePem: own.pem,
    chainPem: path.map(({ pem }) => pem),
    keyType,
    ...(key === undefined ? {} : { privateKey: key }),
    notAfter: own.parts.notAfter.date.toISOString(),
  };
}
