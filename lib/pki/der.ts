/**
 * Reading of DER (ITU-T X.690) as far as certificates and requests need it: where an element lies, byte for byte. The
 * meaning of elements is the library's business (@peculiar/asn1-x509).
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
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;

/** What was read is no DER. The message says where. */
export class DerError extends Error {}

/** Lengths of 3 octets and more belong to things that are larger than a certificate may be. */
const longestLengthOctets = 2;

/** @throws DerError when no whole element begins at `at` */
export function readElement(bytes: Buffer, at = 0): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError(`ends at octet ${bytes.length}, inside a header`);
  if ((tag & 0x1f) === 0x1f) throw new DerError(`has a long-form tag at octet ${at}`);
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > longestLengthOctets) throw new DerError(`has an unusable length at octet ${at}`);
    if (start + octets > bytes.length) throw new DerError(`ends at octet ${bytes.length}, inside a header`);
    length = bytes.readUIntBE(start, octets);
    if (length < 0x80 || (octets === 2 && length < 0x100)) throw new DerError(`has a padded length at octet ${at}`);
    start += octets;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError(`ends at octet ${bytes.length}, where octet ${end} was announced`);
  return { tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) };
}

/** Reads the elements that `bytes` consists of, to its last octet. @throws DerError */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** Reads the one element that `bytes` is, and the elements in it. @throws DerError when it is not of that tag */
export function readConstructed(bytes: Buffer, tag: number): DerElement[] {
  const element = readElement(bytes);
  if (element.tag !== tag) throw new DerError(`has tag ${hex(element.tag)} where ${hex(tag)} belongs`);
  if (element.whole.length !== bytes.length) throw new DerError('is followed by other octets');
  return readElements(element.content);
}

/** The content of a BIT STRING whose bits are whole octets, as keys and signatures are. @throws DerError */
export function bitStringOctets(element: DerElement | undefined): Buffer {
  if (element?.tag !== derTag.bitString) throw new DerError('lacks a BIT STRING');
  if (element.content[0] !== 0) throw new DerError('has a BIT STRING of a broken number of octets');
  return element.content.subarray(1);
}

/** Tag and length of an element of `length` octets. */
export function derHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  if (length < 0x100) return Buffer.of(tag, 0x81, length);
  return Buffer.of(tag, 0x82, length >> 8, length & 0xff);
}

const hex = (octet: number) => `0x${octet.toString(16).padStart(2, '0')}`;
