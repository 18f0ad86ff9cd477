import { isUtf8 } from 'node:buffer';
import { excerpt } from '../errors.ts';
import { decodeText, type Encoding, encodingOf } from '../manifest/encoding.ts';
import { jsonPlace, jsonProblem, repeatedMember } from '../manifest/json-text.ts';

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

/** The text in bytes that are UTF-8 or UTF-16, with a byte order mark or without. @returns undefined for other bytes */
export function textOf(bytes: Buffer): string | undefined {
  const encoding = encodingOf(bytes) === 'utf-8' ? encodingOfAscii(bytes) : encodingOf(bytes);
  if (encoding === 'utf-8') return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
  return bytes.length % 2 === 0 ? decodeText(bytes, encoding) : undefined;
}

function unwrapped(written: string): unknown {
  // JavaScript counts a byte order mark as white space.
  const text = written.trim();
  if (/^[{["]/.test(text)) return parsed(text, written);
  const decoded = base64Text.test(text) ? textOf(Buffer.from(text, 'base64')) : undefined;
  if (decoded !== undefined && looksEncoded(decoded.trim())) return decoded;
  const kind = text.startsWith('<') ? ' It looks like XML.' : '';
  throw new NotJson(`is neither JSON nor base64 of JSON.${kind}`);
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
