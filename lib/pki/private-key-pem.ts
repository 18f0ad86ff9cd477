import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createKeyMemory } from '../key-memory.ts';

/*
 * Private keys of devices as PEM (RFC 7468), in Buffers. A string cannot be overwritten, so a private key is encoded and
 * decoded here without one. The owner of a result fills it with zeros when the key is no longer needed.
 */

const begin = Buffer.from('-----BEGIN PRIVATE KEY-----\n');
const end = Buffer.from('-----END PRIVATE KEY-----\n');
/** Characters of a line, and the octets that they stand for. */
const lineLength = 64;
const lineOctets = 48;
const newline = 0x0a;
const padding = 0x3d;

/** Base64 (RFC 4648 4): the character of each value, and the value of each character. */
const characters = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const noValue = 0xff;
const valueFor = Buffer.alloc(256, noValue);
for (const [value, character] of characters.entries()) valueFor[character] = value;

/**
 * Encodes PKCS#8 as PEM, with lines of 64 characters.
 * @param der the caller zeroes it
 */
export function encodePrivateKeyPem(der: Buffer): Buffer {
  const length = Math.ceil(der.length / 3) * 4;
  // Every byte is written below.
  const pem = allocate(begin.length + length + Math.ceil(length / lineLength) + end.length);
  pem.set(begin);
  const whole = der.length - (der.length % 3);
  let to = begin.length;
  for (let from = 0; from < whole; from += 3) {
    to = writeGroup(pem, to, at(der, from), at(der, from + 1), at(der, from + 2));
    if (from % lineOctets === lineOctets - 3) pem[to++] = newline;
  }
  const rest = der.length - whole;
  if (rest > 0) {
    to = writeGroup(pem, to, at(der, whole), rest === 2 ? at(der, whole + 1) : 0, 0);
    pem.fill(padding, to - 3 + rest, to);
  }
  if (der.length % lineOctets !== 0) pem[to++] = newline;
  pem.set(end, to);
  return pem;
}

/** Writes three octets as four characters. @returns the index after them */
function writeGroup(pem: Buffer, to: number, first: number, second: number, third: number): number {
  pem[to] = at(characters, first >> 2);
  pem[to + 1] = at(characters, ((first & 3) << 4) | (second >> 4));
  pem[to + 2] = at(characters, ((second & 15) << 2) | (third >> 6));
  pem[to + 3] = at(characters, third & 63);
  return to + 4;
}

/**
 * Decodes the PEM that `encodePrivateKeyPem` makes.
 * @returns PKCS#8, which the caller zeroes; undefined for anything else, also for the same key in another form of PEM
 */
export function decodePrivateKeyPem(pem: Buffer): Buffer | undefined {
  const bodyEnd = pem.length - end.length;
  if (bodyEnd < begin.length || begin.compare(pem, 0, begin.length) !== 0 || end.compare(pem, bodyEnd) !== 0)
    return undefined;
  const bodyLength = bodyEnd - begin.length;
  const der = Buffer.allocUnsafeSlow(Math.floor((bodyLength * 3) / 4));
  let to = 0;
  let bits = 0;
  let bitCount = 0;
  for (let from = begin.length; from < bodyEnd; from++) {
    const value = at(valueFor, at(pem, from));
    // Newlines and padding. A character that is wrong is found below.
    if (value === noValue) continue;
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    der[to++] = bits >> bitCount;
  }
  const octets = Buffer.allocUnsafeSlow(to);
  der.copy(octets, 0, 0, to);
  der.fill(0);
  const canonical = encodePrivateKeyPem(octets);
  const equal = canonical.equals(pem);
  canonical.fill(0);
  if (equal && to > 0) return octets;
  octets.fill(0);
  return undefined;
}

/**
 * Reads a private key in any form of PEM. PKCS#8 as written here is decoded here: OpenSSL frees its copies of the text without
 * zeroing them.
 * @param pem the caller zeroes it
 * @throws the error of OpenSSL, which may quote the key, when it is not a private key
 */
export function readPrivateKey(pem: Buffer): KeyObject {
  const der = decodePrivateKeyPem(pem);
  if (der === undefined) return createPrivateKey(pem);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** PEM of a P-256 key as lib/pki/keys.ts makes it (RFC 5915), in bytes: its length, and where the public part begins. */
const p256Length = 241;
/** Octet 72 of the DER: a zero, then the point to the end. It begins 32 characters into the second line. */
const p256PublicAt = begin.length + lineLength + 1 + 32;

/** @returns the public point of a P-256 key; undefined for PEM of another length. It decodes the public part only */
export function p256PointOf(pem: Buffer): Buffer | undefined {
  if (pem.length !== p256Length) return undefined;
  return Buffer.from(pem.toString('latin1', p256PublicAt, p256Length - end.length), 'base64').subarray(1);
}

const allocate = createKeyMemory(32 * 1024);

/** @param index within the bytes: V8 reads beyond the end slowly, and from then on every read of this function */
function at(bytes: Buffer, index: number): number {
  return bytes[index] as number;
}
