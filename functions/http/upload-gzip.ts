import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { excerpt, FleetError } from '../../lib/errors.ts';

/**
 * The body without its Content-Encoding (RFC 9110, 8.4). Unpacks gzip while it is read.
 * @param encoding the header; null when absent
 * @param maxBytes most bytes that the body may have when it is unpacked: some kilobytes of gzip can hold gigabytes
 * @throws FleetError `manifest-format` for another encoding. While the body is read: `manifest-too-large`, and `request-invalid`
 * when it is not gzip, ends early, or has more behind its end
 */
export function unpacked(
  body: AsyncIterable<Uint8Array>,
  encoding: string | null,
  maxBytes: number,
): AsyncIterable<Uint8Array> {
  const name = (encoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return body;
  if (name === 'gzip' || name === 'x-gzip') return gunzipped(body, maxBytes);
  const [expected, value] = ['gzip, or none', excerpt(name)];
  const message = `The Content-Encoding is "${value}". Expected ${expected}. Pack the body with gzip, or send it as it is.`;
  throw new FleetError('manifest-format', message, { column: 'content-encoding', expected, value });
}

async function* gunzipped(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let given = 0;
  const packed = async function* () {
    for await (const part of body) {
      given += part.byteLength;
      yield part;
    }
  };
  const source = Readable.from(packed(), { objectMode: false });
  const fed = pipeline(source, gunzip);
  // Its error is thrown by the loop below.
  fed.catch(() => undefined);
  let bytes = 0;
  try {
    for await (const part of gunzip as AsyncIterable<Uint8Array>) {
      bytes += part.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      yield part;
    }
    await fed;
  } catch (error) {
    throw error instanceof FleetError ? error : notGzip(error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  // zlib takes no notice of bytes behind the end that come in a later piece.
  if (gunzip.bytesWritten !== given) throw notGzip(undefined);
}

function tooLarge(maxBytes: number): FleetError {
  const message = `The unpacked body is too large. A manifest over HTTP has at most ${maxBytes} bytes.`;
  return new FleetError('manifest-too-large', message, { expected: `at most ${maxBytes} bytes, unpacked` });
}

function notGzip(cause: unknown): FleetError {
  const message =
    'The body is not one whole gzip file, as its Content-Encoding says. Send the whole file, or leave the header out.';
  return new FleetError('request-invalid', message, { column: 'content-encoding', cause });
}
