import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Headers that belong to one connection (RFC 9110, 7.6.1), and those that are set here. */
const notForwarded = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'expect', 'host', 'x-forwarded-host', 'x-forwarded-proto', 'x-ms-invocation-id'],
]);

/** How long the rest of a request is still read after it was answered, as by Kestrel, the web server of the real host. */
const drainMilliseconds = 5_000;

/** Connections are kept: a server closes any other one with its answer, also while the request is still being sent. */
const agent = new Agent({ keepAlive: true });

/** Unread bytes of an answer that are held for a slow client. */
const answerBuffer = 64 * 1024;

export interface Forwarding {
  /** The worker's answer, with its body as a stream. Rejects when the connection ends before an answer. */
  readonly answer: Promise<Response>;
  /** Closes the connection to the worker. The client of an answer that has begun sees its connection end, too. */
  abort(): void;
}

/**
 * Forwards a request to the HTTP server of the worker, which finds the invocation by its id. So does the real host, when the
 * app has enabled HTTP streams. Both bodies are streams, and each side reads as fast as the other one takes.
 * @param workerUrl capability `HttpUri` of the worker
 * @param options.headers of the request, those that the function may see
 */
export function forward(
  workerUrl: string,
  incoming: Request,
  { invocationId, headers }: { readonly invocationId: string; readonly headers: readonly [string, string][] },
): Forwarding {
  const { hostname, port } = new URL(workerUrl);
  const { pathname, search, host, protocol } = new URL(incoming.url);
  const forwarded = httpRequest({
    ...{ hostname, port, path: pathname + search, method: incoming.method, agent },
    headers: {
      ...Object.fromEntries(headers.filter(isForwarded)),
      'x-forwarded-host': host,
      'x-forwarded-proto': protocol.replace(':', ''),
      'x-ms-invocation-id': invocationId,
    },
  });
  const began = Promise.withResolvers<IncomingMessage>();
  forwarded.on('response', began.resolve);
  forwarded.on('error', began.reject);
  const sent = send(incoming.body, forwarded, began.promise);
  const answer = began.promise.then(async (found) => {
    // Otherwise a client that is still sending gets a broken pipe instead of the answer.
    const timeout = new Promise((end) => setTimeout(end, drainMilliseconds).unref());
    await Promise.race([sent, timeout]);
    const status = found.statusCode ?? 500;
    const answerHeaders = Object.entries(found.headers).filter(isForwarded) as [string, string][];
    const strategy = { highWaterMark: answerBuffer, size: ({ byteLength }: Uint8Array) => byteLength };
    const isBodiless = status === 204 || status === 304;
    return new Response(isBodiless ? null : (Readable.toWeb(found, { strategy }) as never), {
      status,
      headers: answerHeaders,
    });
  });
  return { answer, abort: () => void forwarded.destroy() };
}

/**
 * Sends the body to the worker until the worker answers. The rest is read and dropped: Node's client does not send on after
 * an answer.
 */
async function send(
  body: ReadableStream<Uint8Array> | null,
  forwarded: ClientRequest,
  answer: Promise<IncomingMessage>,
): Promise<void> {
  let isAnswered = false;
  const answered = answer.then(
    (found) => {
      isAnswered = true;
      // The connection cannot be used again when the request was not sent whole.
      found.once('end', () => forwarded.writableFinished || forwarded.destroy());
    },
    () => {
      isAnswered = true;
    },
  );
  try {
    for await (const part of body ?? []) {
      if (isAnswered || forwarded.write(part)) continue;
      await Promise.race([answered, new Promise((drained) => forwarded.once('drain', drained))]);
    }
    if (!isAnswered) forwarded.end();
  } catch {
    // The client went away.
    forwarded.destroy();
  }
}

function isForwarded([name]: readonly [string, unknown]): boolean {
  return !notForwarded.has(name);
}
