import type { Hash } from 'node:crypto';

/** Bytes in memory, as a stream. */
export async function* asStream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Passes a stream on, and digests it. */
export async function* digested(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const part of source) {
    hash.update(part);
    yield part;
  }
}

/** The beginning of a stream, and a stream that can still be read from its beginning. */
export interface Begun {
  /** At least the bytes that were asked for, unless the stream has fewer. */
  readonly head: Buffer;
  /** True when `head` is all of it. */
  readonly isWhole: boolean;
  /** Can be read once, or again and again when it is whole. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Reads the beginning of a stream, until it has more than `limit` bytes. No more than that and one part are in memory.
 * @throws what the stream throws
 */
export async function begin(source: AsyncIterable<Uint8Array>, limit: number): Promise<Begun> {
  const rest = source[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= limit) {
    const part = await rest.next();
    if (part.done === true) {
      const whole = Buffer.concat(parts);
      return { head: whole, isWhole: true, body: { [Symbol.asyncIterator]: () => asStream(whole) } };
    }
    parts.push(part.value);
    bytes += part.value.byteLength;
  }
  const head = Buffer.concat(parts);
  return { head, isWhole: false, body: continued(head, rest) };
}

/** A stream that is left early ends its source too. */
async function* continued(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let part = await rest.next(); part.done !== true; part = await rest.next()) yield part.value;
  } finally {
    await rest.return?.();
  }
}
