import type { ServerResponse } from 'node:http';
import { FleetError } from '../../lib/errors.ts';
import { forwardedCall } from './forwarded-calls.ts';

/*
 * With HTTP streams (https://learn.microsoft.com/azure/azure-functions/functions-reference-node#http-streams), @azure/functions
 * leaves two things undone, both in `sendProxyResponse` of its src/http/httpProxy.ts (4.16): it writes as fast as the body
 * gives, so the whole answer to a slow client is in memory; and when the body fails, it leaves the connection open, so that
 * the client waits for the timeout of the host. This module does both.
 */

/** How long a client may take for what was sent to it, before its connection is closed: it holds a place (`maxStreams`). */
const stallMilliseconds = 60_000;

/**
 * Answers that are streamed at once on one instance. Each has one chunk's report in memory, some 30 MB when all of its rows
 * are long; an instance has 2 GB.
 */
export const maxStreams = 4;
let streams = 0;

/**
 * Turns text into the body of an answer, at the speed of the client. The first two pieces are read at once: an error in them
 * is thrown here and becomes a problem document. After a later error, the connection is closed without the end of the body,
 * so that a part of a file does not look like a whole one.
 * @param invocationId of the request
 * @param pieces a header that is always there, and the rest
 * @throws FleetError `throttled` when this instance sends `maxStreams` answers already; and what the first pieces throw
 */
export async function streamed(
  invocationId: string,
  pieces: AsyncIterable<string>,
): Promise<ReadableStream<Uint8Array>> {
  if (streams >= maxStreams) {
    const message = `This instance is sending ${streams} reports and does not start another one. Try again in 10 seconds.`;
    throw new FleetError('throttled', message, { retryAfter: 10 });
  }
  streams += 1;
  let isHeld = true;
  const release = () => {
    if (isHeld) streams -= 1;
    isHeld = false;
  };

  const response = forwardedCall(invocationId)?.response;
  // Also when nothing ever reads the body.
  response?.once('close', release);
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    const first = [await iterator.next(), await iterator.next()];
    return ReadableStream.from(body(first, iterator, response, release));
  } catch (error) {
    release();
    throw error;
  }
}

async function* body(
  first: readonly IteratorResult<string>[],
  rest: AsyncIterator<string>,
  response: ServerResponse | undefined,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (const { done, value } of first) if (!done) yield Buffer.from(value as string);
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      if (response !== undefined && !(await isReady(response))) return;
      yield Buffer.from(next.value);
    }
  } catch (error) {
    response?.destroy();
    throw error;
  } finally {
    release();
    await rest.return?.();
  }
}

/**
 * Waits until the client has taken what was written.
 * @returns false when the client is gone, or took nothing for too long; its connection is closed then
 */
async function isReady(response: ServerResponse): Promise<boolean> {
  if (response.destroyed) return false;
  if (!response.writableNeedDrain) return true;
  return new Promise((resolve) => {
    const end = (isDrained: boolean) => {
      clearTimeout(timer);
      response.off('drain', drained).off('close', closed);
      if (!isDrained) response.destroy();
      resolve(isDrained);
    };
    const drained = () => end(true);
    const closed = () => end(false);
    const timer = setTimeout(closed, stallMilliseconds);
    response.once('drain', drained).once('close', closed);
  });
}
