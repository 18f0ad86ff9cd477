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
  return hasByteOrderMark(head) || decoder.encoding === 'utf-8' ? body : transcoded(body, decoder);
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

async function* transcoded(body: AsyncIterable<Uint8Array>, decoder: TextDecoder): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const part of body) {
      const text = decoder.decode(part, { stream: true });
      bytes += part.byteLength;
      if (text !== '') yield Buffer.from(text);
    }
    const rest = decoder.decode();
    if (rest !== '') yield Buffer.from(rest);
  } catch (error) {
    if (error instanceof FleetError || !(error instanceof TypeError)) throw error;
    const message = `The body is not ${decoder.encoding}, as its Content-Type says: the error is after byte ${bytes}.`;
    throw new FleetError('manifest-encoding', message, { column: 'content-type', cause: error });
  }
}
