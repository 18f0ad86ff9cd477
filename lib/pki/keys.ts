import { createECDH, generateKeyPair, hash, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { bitStringOctets, derTag, readConstructed } from './der.ts';
import type { CaKeyType } from './key-store.ts';
import { encodePrivateKeyPem } from './private-key-pem.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from './x509.ts';

/** Keys of devices: the two that IoT Edge is tested with (learn.microsoft.com/azure/iot-edge/iot-edge-certs). */
export type DeviceKeyType = 'ec-p256' | 'rsa-2048';

export type KeyType = DeviceKeyType | CaKeyType;

/** @returns undefined for a key of any other type */
export function keyTypeOf(key: KeyObject): KeyType | undefined {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1') return 'ec-p256';
    if (namedCurve === 'secp384r1') return 'ec-p384';
  }
  // Every generator in use takes 65537. Other exponents are legal, and a sign that something is odd.
  if (key.asymmetricKeyType === 'rsa' && publicExponent === 65537n) {
    if (modulusLength === 2048) return 'rsa-2048';
    if (modulusLength === 4096) return 'rsa-4096';
  }
  return undefined;
}

/** @returns undefined for a key that no CA signs with here */
export function caKeyTypeOf(key: KeyObject): CaKeyType | undefined {
  const type = keyTypeOf(key);
  return type === 'rsa-2048' ? undefined : type;
}

/** The type of a key for messages: `rsa 1024`, `ec secp256k1`, `ed25519`. */
export function describeKey(key: KeyObject): string {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  const exponent = publicExponent === undefined || publicExponent === 65537n ? '' : ` exponent ${publicExponent}`;
  return `${key.asymmetricKeyType ?? 'unknown'} ${namedCurve ?? modulusLength ?? ''}${exponent}`.trim();
}

/** The signatures that each kind of CA key makes. */
export const signatureAlgorithm: Readonly<Record<CaKeyType, SignatureAlgorithm>> = {
  'ec-p256': signatureAlgorithms.ecdsaWithSha256,
  'ec-p384': signatureAlgorithms.ecdsaWithSha384,
  'rsa-4096': signatureAlgorithms.rsaWithSha256,
};

/** The same in the terms of Web Crypto, which @peculiar/x509 takes. */
export const webCryptoAlgorithm = {
  'ec-p256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ec-p384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'rsa-4096': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const satisfies Record<CaKeyType, object>;

/** A public key as a certificate carries it. */
export interface SubjectKey {
  readonly type: KeyType;
  /** SubjectPublicKeyInfo, DER. */
  readonly info: Buffer;
  /** Content of its BIT STRING: the point, or the RSAPublicKey. */
  readonly publicKey: Buffer;
}

/** The public key of a device, as its certificate carries it. */
export type DeviceSubjectKey = SubjectKey & { readonly type: DeviceKeyType };

/** SubjectPublicKeyInfo up to the content of its BIT STRING (RFC 5480 2, RFC 3279 2.3.1). */
export const publicKeyInfoHeader: Readonly<Record<KeyType, Buffer>> = {
  'ec-p256': Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  'ec-p384': Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
  'rsa-2048': Buffer.from('30820122300d06092a864886f70d01010105000382010f00', 'hex'),
  'rsa-4096': Buffer.from('30820222300d06092a864886f70d01010105000382020f00', 'hex'),
};

export function isDeviceKey(key: SubjectKey): key is DeviceSubjectKey {
  return key.type === 'ec-p256' || key.type === 'rsa-2048';
}

/** @param publicKey content of the BIT STRING, as long as keys of that type have it */
export function subjectKeyFrom<T extends KeyType>(type: T, publicKey: Buffer): SubjectKey & { readonly type: T } {
  return { type, info: Buffer.concat([publicKeyInfoHeader[type], publicKey]), publicKey };
}

/** @returns undefined for a key of any other type than `KeyType` */
export function subjectKeyOf(publicKey: KeyObject): SubjectKey | undefined {
  const type = keyTypeOf(publicKey);
  if (type === undefined) return undefined;
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return { type, info, publicKey: publicKeyOf(info) };
}

/** @param info SubjectPublicKeyInfo, DER. @throws DerError */
function publicKeyOf(info: Buffer): Buffer {
  return bitStringOctets(readConstructed(info, derTag.sequence)[1]);
}

/** RSAPublicKey (RFC 8017 A.1.1) up to a modulus of full length. */
export const rsaPublicKeyStart = {
  'rsa-2048': Buffer.from('3082010a0282010100', 'hex'),
  'rsa-4096': Buffer.from('3082020a0282020100', 'hex'),
};
/** The rest of it: the exponent 65537. */
export const rsaPublicKeyEnd = Buffer.from('0203010001', 'hex');

/** Public keys of the right form that belong to no device. Templates of certificates are made with them. */
export const sampleKeys: Readonly<Record<DeviceKeyType, SubjectKey>> = {
  'ec-p256': subjectKeyFrom('ec-p256', Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)])),
  'rsa-2048': subjectKeyFrom(
    'rsa-2048',
    Buffer.concat([rsaPublicKeyStart['rsa-2048'], Buffer.alloc(256, 0xff), rsaPublicKeyEnd]),
  ),
};

/**
 * Key identifier by method 1 of RFC 5280 4.2.1.2: SHA-1 of the BIT STRING's content. It names a key; nothing relies on its
 * strength. The last result is kept, since each certificate asks twice: to be filled in, and to be checked.
 */
export function keyIdentifier(octets: Buffer): Buffer {
  if (!octets.equals(last.octets)) last = { octets: Buffer.from(octets), identifier: sha1(octets) };
  return last.identifier;
}

/** As text first: to get a hash as Buffer costs as much again as the hash. */
const sha1 = (octets: Buffer) => Buffer.from(hash('sha1', octets, 'binary'), 'latin1');

let last = { octets: Buffer.alloc(0), identifier: sha1(Buffer.alloc(0)) };

/** The key of a device. */
export interface DeviceKey {
  readonly type: DeviceKeyType;
  /** Content of the BIT STRING that a certificate carries. */
  readonly publicKey: Buffer;
  /** PKCS#8, to be zeroed once the bundle is made; absent where the device keeps its key. */
  readonly privateKeyPem?: Buffer;
}

/** The key of a device, made here. */
export interface NewDeviceKey extends DeviceKey {
  readonly privateKeyPem: Buffer;
}

export interface P256KeyGenerator {
  generate(): NewDeviceKey;
  /** Makes a key that belongs to no device: OpenSSL overwrites the last key with it, and no API of Node clears that one. */
  forget(): void;
}

/** PKCS#8 of a P-256 key (RFC 5208 around RFC 5915), with zeros in place of the scalar and the point. */
const pkcs8 = Buffer.concat([
  Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex'),
  Buffer.alloc(32),
  Buffer.from('a144034200', 'hex'),
  Buffer.alloc(65),
]);
const scalarEnd = pkcs8.length - 65 - 5;

/**
 * Makes P-256 keys with OpenSSL's generator. One ECDH object is used for all of them: that is three times as fast as making
 * a KeyObject and exporting it. Our buffers are zeroed once the PEM is written.
 */
export function createP256KeyGenerator(): P256KeyGenerator {
  const ecdh = createECDH('prime256v1');
  const encoding = Buffer.alloc(pkcs8.length);
  pkcs8.copy(encoding);
  const generate = () => {
    const publicKey = ecdh.generateKeys();
    const scalar = ecdh.getPrivateKey();
    // Node drops leading zero octets of the scalar, and RFC 5915 3 wants all 32. The buffer still has zeros there.
    scalar.copy(encoding, scalarEnd - scalar.length);
    publicKey.copy(encoding, pkcs8.length - 65);
    const privateKeyPem = encodePrivateKeyPem(encoding);
    encoding.fill(0, scalarEnd - 32, scalarEnd);
    scalar.fill(0);
    return { type: 'ec-p256', publicKey, privateKeyPem } as const;
  };
  return { generate, forget: () => void ecdh.generateKeys() };
}

const generateRsaKeyPair = promisify(generateKeyPair);

/** An RSA key takes 40 ms of a core (P-256: 20 us), so it is made in the thread pool. */
export async function generateRsaKey(): Promise<NewDeviceKey> {
  const { publicKey, privateKey } = await generateRsaKeyPair('rsa', {
    modulusLength: 2048,
    publicExponent: 65537,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const privateKeyPem = encodePrivateKeyPem(privateKey);
  privateKey.fill(0);
  return { type: 'rsa-2048', publicKey: publicKeyOf(publicKey), privateKeyPem };
}
