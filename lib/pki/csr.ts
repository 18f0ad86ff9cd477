import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Name } from '@peculiar/asn1-x509';
import { excerpt, FleetError } from '../errors.ts';
import { decodeRequest, privateKeySent } from './csr-text.ts';
import { bitStringOctets, type DerElement, DerError, derTag, readConstructed, readElements } from './der.ts';
import {
  type DeviceSubjectKey,
  describeKey,
  isDeviceKey,
  publicKeyInfoHeader,
  type SubjectKey,
  subjectKeyFrom,
  subjectKeyOf,
} from './keys.ts';
import type { Profile } from './profiles.ts';
import { acceptedSignatures, algorithmName, isSigned, readRequestSignature } from './request-signature.ts';
import { commonNameId, commonNameIdDer } from './x509.ts';

/**
 * Reads a device's PKCS#10 request (RFC 2986). Its common name must be the device id, or absent; everything else that it asks
 * for is ignored, since the profile decides. Its signature must verify, which proves that the sender has the private key.
 * @param text PEM or base64 of DER, in any writing that `decodeRequest` reads
 * @returns the public key of the request
 * @throws FleetError `csr-invalid`
 */
export function readCertificationRequest(text: string, deviceId: string, profile: Profile): DeviceSubjectKey {
  return readRequestParts(text, (parts) => acceptRequest(parts, [deviceId], profile));
}

/** Where the parts of a request lie in its bytes. */
export interface RequestParts {
  /** The whole request, DER. */
  readonly der: Buffer;
  /** CertificationRequestInfo, which is signed. */
  readonly info: DerElement;
  readonly algorithm: DerElement;
  readonly signature: DerElement | undefined;
  readonly subject: DerElement;
  readonly publicKeyInfo: DerElement;
  /** Absent in the requests of some senders. */
  readonly attributes: DerElement | undefined;
}

/**
 * Finds the parts of a request, checks nothing that they say, and has `use` work on them.
 * @returns the result of `use`
 * @throws FleetError `csr-invalid`, also for a `DerError` of `use`
 */
export function readRequestParts<T>(text: string, use: (parts: RequestParts) => T): T {
  const decoded = decodeRequest(text);
  if ('problem' in decoded) throw invalidRequest(decoded.problem, decoded.expected);
  try {
    return use(partsOf(decoded.der));
  } catch (error) {
    if (error instanceof DerError) throw invalidRequest(`The request ${error.message}`, undefined, { cause: error });
    throw error;
  }
}

/**
 * Checks subject, key and signature of a request.
 * @param commonNames the request has one of them, or no common name; messages name the first
 * @throws FleetError `csr-invalid`; DerError
 */
export function acceptRequest(
  parts: RequestParts,
  commonNames: readonly [string, ...string[]],
  profile: Profile,
): DeviceSubjectKey {
  const { info, algorithm, signature, subject, publicKeyInfo } = parts;
  checkSubject(subject, commonNames);
  const key = acceptKey(publicKeyInfo.whole, profile);
  checkSignature(info.whole, algorithm.whole, bitStringOctets(signature), key);
  return key;
}

function partsOf(der: Buffer): RequestParts {
  const [info, algorithm, signature, ...more] = readConstructed(der, derTag.sequence);
  if (info?.tag !== derTag.sequence || algorithm?.tag !== derTag.sequence || more.length > 0)
    throw invalidRequest(otherKind(der) ?? 'The request is not laid out like PKCS#10');
  const [version, subject, publicKeyInfo, attributes, ...further] = readElements(info.content);
  // Version 1 is encoded as 0. Some senders leave the attributes out, which RFC 2986 4.1 requires even if empty.
  const wellFormed =
    version?.whole.equals(version1) &&
    subject?.tag === derTag.sequence &&
    publicKeyInfo?.tag === derTag.sequence &&
    (attributes === undefined || attributes.tag === derTag.context0) &&
    further.length === 0;
  if (!wellFormed) throw invalidRequest(otherKind(der) ?? 'The request is not laid out like PKCS#10 version 1');
  return { der, info, algorithm, signature, subject, publicKeyInfo, attributes };
}

const version1 = Buffer.from('020100', 'hex');

/** Tells other DER that people send without PEM labels. */
function otherKind(der: Buffer): string | undefined {
  const readers: readonly (readonly [message: string, read: () => unknown])[] = [
    [privateKeySent, () => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })],
    [privateKeySent, () => createPrivateKey({ key: der, format: 'der', type: 'sec1' })],
    [privateKeySent, () => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' })],
    ['The request is a certificate. Send the PKCS#10 request that the device made', () => new X509Certificate(der)],
  ];
  return readers.find(([, read]) => isReadable(read))?.[0];
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function checkSubject(subject: DerElement, accepted: readonly [string, ...string[]]): void {
  const [expected] = accepted;
  if (subject.content.length === 0 || isCommonName(subject.content, expected)) return;
  let names: string[];
  try {
    names = [...AsnConvert.parse(subject.whole, Name)]
      .flatMap((part) => [...part])
      .filter(({ type }) => type === commonNameId)
      .map(({ value }) => value.toString());
  } catch (error) {
    throw invalidRequest('The subject of the request cannot be read', undefined, { cause: error });
  }
  const other = names.find((name) => !accepted.includes(name));
  if (other !== undefined)
    throw invalidRequest(
      `The request is for "${excerpt(printable(other))}". Make one for "${expected}", or one without a common name`,
      `CN=${expected}, or no common name`,
    );
}

/**
 * The usual subject, read without the library for speed: SEQUENCE { SET { SEQUENCE { commonName, value } } } with a short
 * ASCII value, as `openssl req -subj /CN=…` writes it.
 */
function isCommonName(rdnSequence: Buffer, expected: string): boolean {
  const { length } = expected;
  const value = 11;
  return (
    rdnSequence.length === value + length &&
    rdnSequence[0] === derTag.set &&
    rdnSequence[1] === length + 9 &&
    rdnSequence[2] === derTag.sequence &&
    rdnSequence[3] === length + 7 &&
    commonNameIdDer.compare(rdnSequence, 4, 9) === 0 &&
    (rdnSequence[9] === derTag.utf8String || rdnSequence[9] === derTag.printableString) &&
    rdnSequence[10] === length &&
    rdnSequence.toString('latin1', value) === expected
  );
}

function importKey(info: Buffer): KeyObject {
  try {
    return createPublicKey({ key: info, format: 'der', type: 'spki' });
  } catch (error) {
    throw unreadable(error);
  }
}

const unreadable = (cause: unknown) =>
  invalidRequest('The public key of the request cannot be read', undefined, { cause });

const p256 = publicKeyInfoHeader['ec-p256'];

function acceptKey(info: Buffer, profile: Profile): DeviceSubjectKey {
  // The usual form of a P-256 key is not imported here: OpenSSL checks the point when it verifies the signature.
  const usual = info.length === p256.length + 65 && p256.compare(info, 0, p256.length) === 0 && info[p256.length] === 4;
  if (usual && profile.keyTypes.includes('ec-p256')) return subjectKeyFrom('ec-p256', info.subarray(p256.length));
  const publicKey = importKey(info);
  const key = subjectKeyOf(publicKey);
  if (key === undefined || !isDeviceKey(key) || !profile.keyTypes.includes(key.type))
    throw invalidRequest(
      `The key of the request is ${describeKey(publicKey)}. Make a key of type ${profile.keyTypes.join(' or ')}`,
      profile.keyTypes.join(' or '),
    );
  // Explicit curve parameters and compressed points, as some HSMs write them. Only the key itself is taken.
  if (key.type === 'ec-p256') return subjectKeyFrom('ec-p256', uncompressedPoint(publicKey));
  if (!key.info.equals(info))
    throw invalidRequest(
      `The ${key.type} key of the request is encoded in an unusual form`,
      'an uncompressed point, or plain RSA',
    );
  return key;
}

/** The point of a P-256 key as SEC 1 2.3.3 writes it: 04, then x and y of 32 bytes each. */
function uncompressedPoint(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

function checkSignature(signed: Buffer, algorithm: Buffer, signature: Buffer, key: SubjectKey): void {
  const method = readRequestSignature(algorithm);
  if (method === undefined || !key.type.startsWith(method.family)) {
    const accepted = acceptedSignatures[key.type.startsWith('ec') ? 'ec' : 'rsa'];
    throw invalidRequest(
      `The request is signed by an algorithm that is not accepted: ${algorithmName(algorithm)}. Sign it by ${accepted}`,
      accepted,
    );
  }
  if (!verifies(method, signed, key, signature))
    throw invalidRequest(
      'The signature of the request does not verify: the request was altered, or signed with another key. Make a new one',
    );
}

function verifies(...given: Parameters<typeof isSigned>): boolean {
  try {
    return isSigned(...given);
  } catch (error) {
    throw unreadable(error);
  }
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?');

/** The error of a request that its sender has to make again. The message lacks its full stop. */
export function invalidRequest(message: string, expected?: string, options?: ErrorOptions): FleetError {
  return new FleetError('csr-invalid', `${message}.`, { column: 'csr', expected, ...options });
}
