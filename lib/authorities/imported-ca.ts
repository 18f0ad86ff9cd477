import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { FleetError, type Issue } from '../errors.ts';
import type { CaKeyType } from '../pki/key-store.ts';
import {
  type CaCertificate,
  type CaRequirements,
  caKeyTypeOf,
  issuingCaIssues,
  pathAbove,
  readCaCertificates,
  rootCaIssues,
} from './ca-checks.ts';

/** A CA as an operator hands it over. */
export interface ImportedCa {
  /** PEM. Further certificates in it count as chain. */
  readonly certificate: string;
  /** PEM of the certificates above it, in any order; our own root need not be there. */
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
  readonly notAfter: string;
}

export interface IssuingCaRequirements extends CaRequirements {
  /** Roots and issuers that are known without being handed over. */
  readonly knownIssuers: readonly string[];
}

/** @throws FleetError `ca-invalid` with every fault */
export function acceptIssuingCa(ca: ImportedCa, demands: IssuingCaRequirements): AcceptedCa {
  const { own, others, key, faults } = read(ca, demands.publicKey);
  if (own === undefined) throw FleetError.of('ca-invalid', 'The issuing CA', faults);
  const known = demands.knownIssuers.flatMap((pem) => readCaCertificates(pem, 'chain').certificates);
  const { path, faults: missing } = pathAbove(own, [...others, ...known]);
  const publicKey = key === undefined ? demands.publicKey : createPublicKey(key);
  faults.push(...missing, ...issuingCaIssues(own, path, { ...demands, publicKey }));
  return accepted('The issuing CA', { own, path, key, faults });
}

/** @throws FleetError `ca-invalid` with every fault */
export function acceptRoot(ca: ImportedCa, demands: Omit<CaRequirements, 'publicKey'>): AcceptedCa {
  const { own, key, faults } = read(ca);
  if (own === undefined) throw FleetError.of('ca-invalid', 'The root', faults);
  faults.push(...rootCaIssues(own, { ...demands, publicKey: key === undefined ? undefined : createPublicKey(key) }));
  return accepted('The root', { own, path: [], key, faults });
}

interface Read {
  readonly own: CaCertificate | undefined;
  readonly others: readonly CaCertificate[];
  readonly key: KeyObject | undefined;
  readonly faults: Issue[];
}

function read({ certificate, chain, privateKey }: ImportedCa, publicKey?: KeyObject): Read {
  const own = readCaCertificates(certificate, 'certificate');
  const above = chain === undefined ? { certificates: [], faults: [] } : readCaCertificates(chain, 'chain');
  const key = privateKey === undefined ? undefined : readPrivateKey(privateKey);
  const wanted = key === undefined ? publicKey : createPublicKey(key);
  const faults = [...own.faults, ...above.faults];
  if (privateKey !== undefined && key === undefined) {
    const message = 'is no unencrypted private key in PEM; `openssl pkey -in FILE` decrypts one';
    faults.push({ path: 'key', message });
  }
  // A file that holds the whole chain need not begin with the CA itself.
  const first = own.certificates.find(({ x509 }) => wanted !== undefined && x509.publicKey.equals(wanted));
  const [certificateOfKey = first] = first === undefined ? own.certificates : [first];
  const others = [...own.certificates, ...above.certificates].filter((each) => each !== certificateOfKey);
  return { own: certificateOfKey, others, key, faults };
}

/** undefined when it is none; the error of a parser may quote what it could not parse, so it goes no further. */
function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

interface Checked {
  readonly own: CaCertificate;
  readonly path: readonly CaCertificate[];
  readonly key: KeyObject | undefined;
  readonly faults: readonly Issue[];
}

function accepted(what: string, { own, path, key, faults }: Checked): AcceptedCa {
  const keyType = caKeyTypeOf(own.x509.publicKey);
  if (faults.length > 0 || keyType === undefined) throw FleetError.of('ca-invalid', what, faults);
  return {
    certificatePem: own.pem,
    chainPem: path.map(({ pem }) => pem),
    keyType,
    ...(key === undefined ? {} : { privateKey: key }),
    notAfter: own.parts.notAfter.date.toISOString(),
  };
}
