import { constants, verify } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { excerpt } from '../errors.ts';
import { toPem } from './certificate.ts';
import { derElement, derTag } from './der.ts';
import type { SubjectKey } from './keys.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './x509.ts';

/** How a request of a device is signed: as a certificate is, or by RSASSA-PSS. */
export interface RequestSignature extends Pick<SignatureAlgorithm, 'family' | 'hash'> {
  /** RSASSA-PSS: the octets of its salt. */
  readonly saltLength?: number;
}

/** What requests are signed by, for messages. */
export const acceptedSignatures = {
  ec: 'ECDSA with SHA-256, SHA-384 or SHA-512',
  rsa: 'RSA with SHA-256, SHA-384 or SHA-512: PKCS#1 1.5, or PSS with MGF1 of the same hash and a salt as long as the hash',
} as const;

/** @param der AlgorithmIdentifier @returns undefined for an algorithm that is not accepted */
export function readRequestSignature(der: Buffer): RequestSignature | undefined {
  return readSignatureAlgorithm(der) ?? pssByDer.get(der.toString('hex'));
}

/**
 * Passes the key as text, which saves 30 us, a third of the verification. For an object Node first tests whether it is a
 * KeyObject or a CryptoKey, by throwing and catching an error each (24.21, `isKeyObject` in lib/internal/crypto/keys.js).
 * @throws Error of node:crypto when the key is none
 */
export function isSigned(
  { hash, saltLength }: RequestSignature,
  signed: Buffer,
  { info }: SubjectKey,
  signature: Buffer,
): boolean {
  const key = toPem('PUBLIC KEY', info);
  if (saltLength === undefined) return verify(hash, signed, key, signature);
  return verify(hash, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
}

const objectId = (hex: string) => derElement(derTag.objectIdentifier, Buffer.from(hex, 'hex'));
const sequence = (...parts: Buffer[]) => derElement(derTag.sequence, ...parts);
const nothing = Buffer.from('0500', 'hex');

const pssId = objectId('2a864886f70d01010a');
const mgf1Id = objectId('2a864886f70d010108');
const hashes = [
  { hash: 'sha256', id: objectId('608648016503040201'), saltLength: 32 },
  { hash: 'sha384', id: objectId('608648016503040202'), saltLength: 48 },
  { hash: 'sha512', id: objectId('608648016503040203'), saltLength: 64 },
] as const;

/**
 * The encodings of RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash. RFC 4055 2.1: the parameters of a hash are
 * NULL or absent, and both have to be taken. The trailer field has one value, 1, which some write although it is the default.
 */
const pssByDer = new Map(
  hashes.flatMap(({ hash, id, saltLength }) =>
    [sequence(id, nothing), sequence(id)].flatMap((ofHash) =>
      [sequence(id, nothing), sequence(id)].flatMap((ofMask) =>
        [[], [derElement(0xa3, Buffer.from('020101', 'hex'))]].map((trailer) => {
          const parameters = sequence(
            derElement(0xa0, ofHash),
            derElement(0xa1, sequence(mgf1Id, ofMask)),
            derElement(0xa2, Buffer.of(derTag.integer, 1, saltLength)),
            ...trailer,
          );
          const signature: RequestSignature = { family: 'rsa', hash, saltLength };
          return [sequence(pssId, parameters).toString('hex'), signature] as const;
        }),
      ),
    ),
  ),
);

/** Names of algorithms that requests are signed by and that are not accepted, or not with every key. */
const algorithmNames: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.1': 'ECDSA with SHA-1',
  '1.2.840.10045.4.3.1': 'ECDSA with SHA-224',
  '1.2.840.10045.4.3.2': 'ECDSA with SHA-256',
  '1.2.840.10045.4.3.3': 'ECDSA with SHA-384',
  '1.2.840.10045.4.3.4': 'ECDSA with SHA-512',
  '1.2.840.113549.1.1.4': 'RSA with MD5',
  '1.2.840.113549.1.1.5': 'RSA with SHA-1',
  '1.2.840.113549.1.1.10': 'RSA-PSS',
  '1.2.840.113549.1.1.11': 'RSA with SHA-256',
  '1.2.840.113549.1.1.12': 'RSA with SHA-384',
  '1.2.840.113549.1.1.13': 'RSA with SHA-512',
  '1.2.840.113549.1.1.14': 'RSA with SHA-224',
  '1.3.101.112': 'Ed25519',
};

/** What an AlgorithmIdentifier says, for messages. */
export function algorithmName(der: Buffer): string {
  try {
    const { algorithm } = AsnConvert.parse(der, AlgorithmIdentifier);
    const isOtherPss = algorithm === '1.2.840.113549.1.1.10' && readRequestSignature(der) === undefined;
    return isOtherPss ? 'RSA-PSS with other parameters' : (algorithmNames[algorithm] ?? excerpt(algorithm));
  } catch {
    return 'an unreadable one';
  }
}
