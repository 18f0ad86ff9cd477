import { hash, type KeyObject } from 'node:crypto';
import { bitStringOctets, derTag, readConstructed } from './der.ts';
import type { KeyType } from './key-type.ts';
import { keyTypeOf } from './key-type.ts';

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
export function subjectKeyOctets(info: Buffer): Buffer {
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
