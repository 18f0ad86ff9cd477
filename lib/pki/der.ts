/**
 * Reads DER (ITU-T X.690) as far as certificates and requests need it: where each element lies. @peculiar/asn1-x509 reads the
 * meaning of elements. It is not used here, since it copies values (templates need offsets) and takes BER, in which one
 * certificate has many encodings.
 */

export interface DerElement {
  readonly tag: number;
  /** Header and content. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** Universal and context tags that certificates use. */
export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;

/** The bytes are not DER. The message is the rest of a sentence, such as "ends at octet 4, inside a header". */
export class DerError extends Error {}

/** Octets of a long-form length. Two are enough for 64 KiB, which no certificate reaches. */
const maxLengthOctets = 2;

/** @param at octet, from 0 @throws DerError when no complete element begins there */
export function readElement(bytes: Buffer, at = 0): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError(`ends at octet ${bytes.length}, inside a header`);
  if ((tag & 0x1f) === 0x1f) throw new DerError(`has a long-form tag at octet ${at}`);
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > maxLengthOctets) throw new DerError(`has an unusable length at octet ${at}`);
    if (start + octets > bytes.length) throw new DerError(`ends at octet ${bytes.length}, inside a header`);
    length = bytes.readUIntBE(start, octets);
    if (length < 0x80 || (octets === 2 && length < 0x100)) throw new DerError(`has a padded length at octet ${at}`);
    start += octets;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError(`ends at octet ${bytes.length}; expected ${end}`);
  return { tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) };
}

/** Reads all elements of `bytes`, to the last octet. @throws DerError */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** Reads `bytes` as one element. @returns the elements in it @throws DerError when it has another tag, or octets follow it */
export function readConstructed(bytes: Buffer, tag: number): DerElement[] {
  const element = readElement(bytes);
  if (element.tag !== tag) throw new DerError(`has tag ${hex(element.tag)}; expected ${hex(tag)}`);
  if (element.whole.length !== bytes.length) throw new DerError('is followed by other octets');
  return readElements(element.content);
}

/** The content of a BIT STRING of whole octets, as keys and signatures are. @throws DerError */
export function bitStringOctets(element: DerElement | undefined): Buffer {
  if (element?.tag !== derTag.bitString) throw new DerError('lacks a BIT STRING');
  if (element.content[0] !== 0) throw new DerError('has a BIT STRING that does not end at an octet');
  return element.content.subarray(1);
}

/** Tag and length of an element of `length` octets, less than 16 MiB. */
export function derHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  if (length < 0x100) return Buffer.of(tag, 0x81, length);
  if (length < 0x10000) return Buffer.of(tag, 0x82, length >> 8, length & 0xff);
  return Buffer.of(tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff);
}

/** An element, encoded. @param contents one after the other */
export function derElement(tag: number, ...contents: readonly Buffer[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([derHeader(tag, length), ...contents]);
}

const hex = (octet: number) => `0x${octet.toString(16).padStart(2, '0')}`;
