import { createECDH, generateKeyPair, hash, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { toPem } from './certificate.ts';
import { bitStringOctets, derTag, readConstructed } from './der.ts';
import type { CaKeyType } from './key-store.ts';

/** Keys that devices have: the two that IoT Edge is tested with (learn.microsoft.com/azure/iot-edge/iot-edge-certs). */
export type DeviceKeyType = 'ec-p256' | 'rsa-2048';

export type KeyType = DeviceKeyType | CaKeyType;

/** @returns undefined for a key that nothing here issues for or signs with */
export function keyTypeOf(key: KeyObject): KeyType | undefined {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1') return 'ec-p256';
    if (namedCurve === 'secp384r1') return 'ec-p384';
  }
  // 65537 is what every generator in use takes; other exponents are legal and a sign of something odd.
  if (key.asymmetricKeyType === 'rsa' && publicExponent === 65537n) {
    if (modulusLength === 2048) return 'rsa-2048';
    if (modulusLength === 4096) return 'rsa-4096';
  }
  return undefined;
}

/** What a key is, in words that a person can act upon: `rsa 1024`, `ec secp256k1`, `ed25519`. */
export function describeKey(key: KeyObject): string {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  const exponent = publicExponent === undefined || publicExponent === 65537n ? '' : ` exponent ${publicExponent}`;
  return `${key.asymmetricKeyType ?? 'unknown'} ${namedCurve ?? modulusLength ?? ''}${exponent}`.trim();
}

/** AlgorithmIdentifier, DER, of the signatures that each kind of CA key makes (RFC 5758 3.2, RFC 4055 5). */
export const signatureAlgorithm: Readonly<Record<CaKeyType, Buffer>> = {
  'ec-p256': Buffer.from('300a06082a8648ce3d040302', 'hex'), // ecdsa-with-SHA256
  'ec-p384': Buffer.from('300a06082a8648ce3d040303', 'hex'), // ecdsa-with-SHA384
  'rsa-4096': Buffer.from('300d06092a864886f70d01010b0500', 'hex'), // sha256WithRSAEncryption
};

/** The same as Web Crypto names it, and with it @peculiar/x509. */
export const webCryptoAlgorithm: Readonly<Record<CaKeyType, WebCryptoAlgorithm>> = {
  'ec-p256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ec-p384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'rsa-4096': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
};

export interface WebCryptoAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash: string;
}

/** Name of the hash, as node:crypto takes it. */
export const signatureHash: Readonly<Record<CaKeyType, string>> = {
  'ec-p256': 'sha256',
  'ec-p384': 'sha384',
  'rsa-4096': 'sha256',
};

/** A public key as a certificate carries it. */
export interface SubjectKey {
  readonly type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  readonly info: Buffer;
  /** Content of its BIT STRING: the point, or the RSAPublicKey. */
  readonly octets: Buffer;
}

/** What stands before the BIT STRING's content in SubjectPublicKeyInfo, by kind of key (RFC 5480 2, RFC 3279 2.3.1). */
export const publicKeyInfoHeader: Readonly<Record<KeyType, Buffer>> = {
  'ec-p256': Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  'ec-p384': Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
  'rsa-2048': Buffer.from('30820122300d06092a864886f70d01010105000382010f00', 'hex'),
  'rsa-4096': Buffer.from('30820222300d06092a864886f70d01010105000382020f00', 'hex'),
};

/** @param octets content of the BIT STRING, of the length that belongs to the type */
export function subjectKeyFrom(type: KeyType, octets: Buffer): SubjectKey {
  return { type, info: Buffer.concat([publicKeyInfoHeader[type], octets]), octets };
}

/** @returns undefined when the key is of no type that certificates here are made for */
export function subjectKeyOf(publicKey: KeyObject): SubjectKey | undefined {
  const type = keyTypeOf(publicKey);
  if (type === undefined) return undefined;
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return { type, info, octets: subjectKeyOctets(info) };
}

/** @param info SubjectPublicKeyInfo, DER. @throws DerError */
function subjectKeyOctets(info: Buffer): Buffer {
  return bitStringOctets(readConstructed(info, derTag.sequence)[1]);
}

/**
 * Key identifier by method 1 of RFC 5280 4.2.1.2: SHA-1 of the BIT STRING's content. It names a key and protects nothing.
 * The last one is kept, since each certificate asks twice: when it is filled in, and when its bytes are checked.
 */
export function keyIdentifier(octets: Buffer): Buffer {
  if (!octets.equals(last.octets)) last = { octets: Buffer.from(octets), identifier: sha1(octets) };
  return last.identifier;
}

/** By way of a text: the memory that a hash as Buffer comes in costs as much as the hash. */
const sha1 = (octets: Buffer) => Buffer.from(hash('sha1', octets, 'binary'), 'latin1');

let last = { octets: Buffer.alloc(0), identifier: sha1(Buffer.alloc(0)) };

/** A key pair made for a device. */
export interface DeviceKey {
  /** Content of the BIT STRING that a certificate carries. */
  readonly publicKey: Buffer;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

/** PKCS#8 of a P-256 key (RFC 5208 around RFC 5915) with zeros for the scalar and the point, which are all that varies. */
const pkcs8 = Buffer.concat([
  Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex'),
  Buffer.alloc(32),
  Buffer.from('a144034200', 'hex'),
  Buffer.alloc(65),
]);
const scalarEnd = pkcs8.length - 65 - 5;

/**
 * Makes P-256 keys with OpenSSL's own generator, kept in one ECDH object: that is three times as fast as a KeyObject and
 * its export. Each scalar is overwritten in every buffer of ours once its PEM is written.
 */
export function createP256KeyGenerator(): () => DeviceKey {
  const ecdh = createECDH('prime256v1');
  const encoding = Buffer.from(pkcs8);
  return () => {
    const publicKey = ecdh.generateKeys();
    const scalar = ecdh.getPrivateKey();
    // Node drops leading zero octets of the scalar; RFC 5915 3 wants all 32, and zeros are there from the time before.
    scalar.copy(encoding, scalarEnd - scalar.length);
    publicKey.copy(encoding, pkcs8.length - 65);
    const privateKeyPem = toPem('PRIVATE KEY', encoding);
    encoding.fill(0, scalarEnd - 32, scalarEnd);
    scalar.fill(0);
    return { publicKey, privateKeyPem };
  };
}

const generateRsaKeyPair = promisify(generateKeyPair);

/** RSA keys take 40 ms of a core each (P-256: 20 us), so they are made in the thread pool. */
export async function generateRsaKey(): Promise<DeviceKey> {
  const { publicKey, privateKey } = await generateRsaKeyPair('rsa', {
    ...{ modulusLength: 2048, publicExponent: 65537 },
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const privateKeyPem = toPem('PRIVATE KEY', privateKey);
  privateKey.fill(0);
  return { publicKey: subjectKeyOctets(publicKey), privateKeyPem };
}
