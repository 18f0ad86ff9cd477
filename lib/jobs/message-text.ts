import { isUtf8 } from 'node:buffer';
import { excerpt } from '../errors.ts';
import { type Encoding, encodingOf } from '../manifest/encoding.ts';
import { jsonPlace, jsonProblem, repeatedMember } from '../manifest/json-text.ts';
import { invalidUtf8 } from '../manifest/text-check.ts';

/**
 * Times that a text is unwrapped. Senders were seen to write base64 twice, or JSON as a text of JSON; a fourth layer leaves
 * room for both. Every layer is shorter than the one around it.
 */
const maxLayers = 4;

/** Characters of base64 and base64url (RFC 4648), broken into lines or not. */
const base64Text = /^[\w+/\s-]+={0,2}\s*$/;

/** A text that carries no JSON. The message says why, without a subject: "is not JSON at line 2, column 5." */
export class NotJson extends Error {
  override readonly name = 'NotJson';
}

/** Bytes that are not text. The message says why, without a subject: "is not UTF-8: the byte at offset 12 is 0xe7." */
export class NotText extends Error {
  override readonly name = 'NotText';
}

/**
 * The JSON value that a text carries: JSON, with a byte order mark or without, base64 of it, base64 of UTF-16, base64 twice, or
 * a JSON text that is itself one of these. Senders use client libraries that encode by themselves, and encode before that.
 * @throws NotJson
 * @example
 * decodedJson('eyJhIjoxfQ=='); // { a: 1 }
 * decodedJson('"{\\"a\\":1}"'); // { a: 1 }
 */
export function decodedJson(text: string): unknown {
  let value: unknown = text;
  for (let layer = 0; layer < maxLayers; layer += 1) {
    if (typeof value !== 'string') return value;
    value = unwrapped(value);
  }
  if (typeof value !== 'string') return value;
  throw new NotJson(`is encoded more than ${maxLayers} times.`);
}

/**
 * The text in bytes that are UTF-8 or UTF-16. A byte order mark is removed. Every way in decodes JSON by this function, which never
 * puts U+FFFD in the place of wrong bytes: nobody would notice the damage before it is in a certificate or a twin.
 * @throws NotText with the offset of the first wrong byte, from 0
 */
export function textOf(bytes: Buffer): string {
  const encoding = encodingOf(bytes) === 'utf-8' ? encodingOfAscii(bytes) : encodingOf(bytes);
  const text = encoding === 'utf-8' ? utf8Text(bytes) : utf16Text(bytes, encoding);
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function utf8Text(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw wrongByte('UTF-8', bytes, invalidUtf8(bytes));
}

function utf16Text(bytes: Buffer, encoding: Exclude<Encoding, 'utf-8'>): string {
  if (bytes.length % 2 !== 0) throw wrongByte('UTF-16', bytes, bytes.length - 1);
  const text = (encoding === 'utf-16le' ? bytes : Buffer.from(bytes).swap16()).toString('utf16le');
  const halfPair = text.search(/\p{Surrogate}/u);
  if (halfPair >= 0) throw wrongByte('UTF-16', bytes, 2 * halfPair);
  return text;
}

function wrongByte(encoding: string, bytes: Buffer, offset: number): NotText {
  const value = bytes.toString('hex', offset, offset + 1);
  return new NotText(`is not ${encoding}: the byte at offset ${offset} is 0x${value}.`);
}

function unwrapped(written: string): unknown {
  // JavaScript counts a byte order mark as white space.
  const text = written.trim();
  if (/^[{["]/.test(text)) return parsed(text, written);
  const decoded = base64Text.test(text) ? textInBase64(text) : '';
  if (looksEncoded(decoded.trim())) return decoded;
  const kind = text.startsWith('<') ? ' It looks like XML.' : '';
  throw new NotJson(`is neither JSON nor base64 of JSON.${kind}`);
}

/**
 * @returns the text in base64; empty for bytes that are not text, as most words are when they are taken for base64
 * @throws NotJson for bytes that begin like JSON
 */
function textInBase64(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  try {
    return textOf(bytes);
  } catch (error) {
    if (!(error instanceof NotText)) throw error;
    const beginning = bytes.toString('latin1', 0, 16).replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, '');
    if (!/^[\s\0]*[{["]/.test(beginning)) return '';
    throw new NotJson(`is base64 of text that ${error.message} Send it as UTF-8.`);
  }
}

/** True for what can be JSON or base64 again. Most words are base64 of some bytes, which are not. */
function looksEncoded(text: string): boolean {
  return /^[{["]/.test(text) || (text.length > 0 && base64Text.test(text));
}

/** @param written the text with its first lines, if they are blank */
function parsed(text: string, written: string): unknown {
  const value = parsedJson(text, written);
  const repeated = repeatedMember(text);
  if (repeated === undefined) return value;
  throw new NotJson(`has the member ${JSON.stringify(excerpt(repeated))} twice. Remove one of the two.`);
}

function parsedJson(text: string, written: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { line, column } = jsonPlace(text);
    const blankLines = written.slice(0, written.indexOf(text)).split('\n').length - 1;
    throw new NotJson(
      `is not JSON at line ${blankLines + line}, column ${column}. ${jsonProblem(text, error)}`.trimEnd(),
    );
  }
}

/** JSON begins with an ASCII character, so every second byte of its first pairs is zero in UTF-16. */
function encodingOfAscii([first, second]: Buffer): Encoding {
  if (first === 0 && second !== 0) return 'utf-16be';
  return first !== 0 && second === 0 ? 'utf-16le' : 'utf-8';
}
