import { TextDecoder } from 'node:util';
import { excerpt, FleetError } from '../../lib/errors.ts';

/** UTF-8, or a part of it. The reader of the manifest checks it. */
const asItIs: readonly string[] = ['utf-8', 'utf8', 'us-ascii', 'ascii'];

/**
 * The text as UTF-8. A byte order mark wins over `charset` (https://encoding.spec.whatwg.org/#bom-sniff): many clients write a
 * default there. Without one, `charset` is obeyed.
 * @param charset parameter of the media type, any label of https://encoding.spec.whatwg.org/#names-and-labels
 * @param head the first bytes of the body
 * @throws FleetError `manifest-format` for an unknown charset; `manifest-encoding` when bytes do not fit, while the body is read
 */
export function asUtf8(
  body: AsyncIterable<Uint8Array>,
  charset: string | undefined,
  head: Buffer,
): AsyncIterable<Uint8Array> {
  const label = charset?.trim().toLowerCase() ?? '';
  if (label === '' || asItIs.includes(label)) return body;
  const decoder = decoderOf(label, head);
  return hasByteOrderMark(head) || decoder.encoding === 'utf-8' ? body : transcoded(body, decoder.encoding);
}

/** @throws FleetError `manifest-format` */
function decoderOf(label: string, [first]: Buffer): TextDecoder {
  // A column name begins with ASCII, so a zero byte first is big-endian. The label alone means little-endian to browsers.
  const meant = label === 'utf-16' && first === 0 ? 'utf-16be' : label;
  try {
    return new TextDecoder(meant, { fatal: true });
  } catch (cause) {
    const value = excerpt(label);
    const expected = 'utf-8, utf-16, windows-1252 or another label of https://encoding.spec.whatwg.org';
    const message = `The charset "${value}" of the Content-Type is not known. Expected ${expected}. Save the list as UTF-8.`;
    throw new FleetError('manifest-format', message, { column: 'content-type', expected, value, cause });
  }
}

function hasByteOrderMark(head: Buffer): boolean {
  const start = head.subarray(0, 3).toString('hex');
  return start.startsWith('efbbbf') || start.startsWith('fffe') || start.startsWith('feff');
}

async function* transcoded(body: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  // It is one part behind: a decoder that has met an error does not say at which byte.
  const behind = new TextDecoder(encoding, { fatal: true });
  let bytes = 0;
  for await (const part of body) {
    const text = decoded(decoder, part);
    if (text === undefined) throw wrongByte(encoding, bytes + indexOfError(behind, part));
    behind.decode(part, { stream: true });
    bytes += part.byteLength;
    if (text !== '') yield Buffer.from(text);
  }
  const rest = decoded(decoder);
  if (rest === undefined) throw wrongByte(encoding, bytes, 'it ends inside a character');
  if (rest !== '') yield Buffer.from(rest);
}

/** @param part absent at the end of the body @returns undefined for bytes that do not fit */
function decoded(decoder: TextDecoder, part?: Uint8Array): string | undefined {
  try {
    return part === undefined ? decoder.decode() : decoder.decode(part, { stream: true });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** @returns index of the byte with which the text stops being of the encoding */
function indexOfError(decoder: TextDecoder, part: Uint8Array): number {
  for (const [index, byte] of part.entries()) {
    if (decoded(decoder, Uint8Array.of(byte)) === undefined) return index;
  }
  return 0;
}

function wrongByte(encoding: string, offset: number, what = 'the byte there does not fit'): FleetError {
  const message = `The body is not ${encoding}, as its Content-Type says: at offset ${offset}, ${what}. Save the list as UTF-8.`;
  return new FleetError('manifest-encoding', message, { column: 'content-type' });
}
