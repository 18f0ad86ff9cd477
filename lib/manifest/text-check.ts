import { isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../errors.ts';

/** The first byte of a block that is not UTF-8 text. */
export interface TextError {
  /** Position in the block, from 0. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** The bytes found there, hexadecimal. */
  readonly value: string;
}

/** First bytes of files that people send as lists. An .xlsx file is a ZIP archive, an .xls file an OLE compound file. */
const foreign: readonly (readonly [signature: string, code: ErrorCode, kind: string])[] = [
  ['504b0304', 'manifest-not-text', 'a ZIP archive or an Excel workbook. Name a workbook .xlsx, and unpack an archive'],
  ['d0cf11e0', 'manifest-not-text', 'an old Excel workbook (.xls). Save it as .xlsx or as CSV UTF-8'],
  ['1f8b', 'manifest-not-text', 'a gzip archive'],
  ['25504446', 'manifest-not-text', 'a PDF document'],
  ['7b5c727466', 'manifest-not-text', 'an RTF document'],
];

/**
 * Recognizes a file of another kind by its first bytes.
 * @param head the beginning of the file, at least 8 bytes of it if it has so many
 */
export function detectForeignFormat(head: Buffer): TextError | undefined {
  const value = head.subarray(0, 4).toString('hex');
  const start = head.subarray(0, 8).toString('hex');
  const known = foreign.find(([signature]) => start.startsWith(signature));
  // The first part of a workbook names its parts.
  if (known !== undefined && start.startsWith('504b') && /\[Content_Types\]\.xml|xl\//.test(head.toString('latin1'))) {
    return { index: 0, code: known[1], message: 'The file is an Excel workbook. Name it .xlsx.', value };
  }
  if (known !== undefined) return { index: 0, code: known[1], message: `The file is ${known[2]}.`, value };
  // ASCII in UTF-16 without a byte order mark: every second byte is zero.
  const [a, b, c, d] = head;
  const utf16 = (a === 0 && c === 0 && b !== 0 && d !== 0) || (a !== 0 && c !== 0 && b === 0 && d === 0);
  if (!utf16) return undefined;
  return { index: 0, code: 'manifest-encoding', message: 'The file is UTF-16 without a byte order mark.', value };
}

/**
 * Finds the first zero byte or byte that is not UTF-8. Costs two native searches when there is none.
 * @param block bytes that begin and end between characters
 */
export function textError(block: Buffer): TextError | undefined {
  const nul = block.indexOf(0);
  if (nul === -1 && isUtf8(block)) return undefined;
  const invalid = invalidUtf8(block);
  if (invalid === -1 || (nul !== -1 && nul < invalid)) {
    return {
      index: nul,
      code: 'manifest-not-text',
      message: 'The file contains a zero byte, so it is not text.',
      value: '00',
    };
  }
  const value = block.subarray(invalid, invalid + 4).toString('hex');
  return { index: invalid, code: 'manifest-encoding', message: 'The file is not UTF-8.', value };
}

/** Number of bytes at the end of the block that begin a character and do not complete it: 0 to 3 (RFC 3629). */
export function incompleteTail(block: Buffer): number {
  for (let back = 1; back <= 3 && back <= block.length; back += 1) {
    const byte = block[block.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? back : 0;
  }
  return 0;
}

/** @returns index of the first byte that is not UTF-8, or -1 */
export function invalidUtf8(block: Buffer): number {
  // The decoder writes U+FFFD for wrong bytes. A U+FFFD of the text itself is encoded as EF BF BD.
  const text = block.toString('utf8');
  let index = 0;
  let from = 0;
  for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) {
    index += Buffer.byteLength(text.slice(from, at));
    from = at;
    if (block[index] !== 0xef || block[index + 1] !== 0xbf || block[index + 2] !== 0xbd) return index;
  }
  return -1;
}
