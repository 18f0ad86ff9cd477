import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';

/** Headers that belong to one connection (RFC 9110, 7.6.1), and those that are set here. */
const notForwarded = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'expect', 'host', 'x-forwarded-host', 'x-forwarded-proto', 'x-ms-invocation-id'],
]);

/** How long the rest of a request is still read after it was answered, as by Kestrel, the web server of the real host. */
const drainMilliseconds = 5_000;

/** Connections are kept: a server closes any other one with its answer, also while the request is still being sent. */
const agent = new Agent({ keepAlive: true });

/** A request of a client and its answer, as Node has them. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

export interface ForwardOptions {
  readonly invocationId: string;
  /** Of the request, with the path that was routed. */
  readonly url: URL;
  /** Of the request, those that the function may see. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Forwarding {
  /** Settles when the answer has begun. Rejects when the connection ends before. */
  readonly answered: Promise<void>;
  /** Closes the connection to the worker. The client of an answer that has begun sees its connection end, too. */
  abort(): void;
}

/**
 * Forwards a request to the HTTP server of the worker, which finds the invocation by its id. So does the real host, when the
 * app has enabled HTTP streams. Both bodies are streams, and each side reads as fast as the other one takes.
 * @param worker capability `HttpUri` of the worker
 */
export function forward(
  worker: URL,
  { incoming, outgoing }: Exchange,
  { invocationId, url, headers }: ForwardOptions,
): Forwarding {
  const forwarded = httpRequest({
    ...{
      hostname: worker.hostname,
      port: worker.port,
      path: url.pathname + url.search,
      method: incoming.method,
      agent,
    },
    headers: {
      ...forwardedOf(headers),
      'x-forwarded-host': url.host,
      'x-forwarded-proto': url.protocol.replace(':', ''),
      'x-ms-invocation-id': invocationId,
    },
  });
  const began = Promise.withResolvers<IncomingMessage>();
  forwarded.on('response', began.resolve);
  forwarded.on('error', began.reject);
  const sent = hasBody(incoming) ? send(incoming, forwarded, began.promise) : void forwarded.end();
  const answered = began.promise.then(async (answer) => {
    // An end before the end of the body closes the other connection, too. `stream.pipeline` costs several times as much.
    answer.once('error', () => outgoing.destroy());
    outgoing.once('close', () => void (answer.readableEnded || answer.destroy()));
    // Otherwise a client that is still sending gets a broken pipe instead of the answer.
    if (sent !== undefined) await inTime(sent);
    if (outgoing.destroyed) return void answer.destroy();
    outgoing.writeHead(answer.statusCode ?? 500, forwardedOf(answer.headers));
    answer.pipe(outgoing);
  });
  return { answered, abort: () => void forwarded.destroy() };
}

/** Whether a request has a body (RFC 9112, 6). */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Reads and drops the body of a request that is refused. Otherwise a client that is still sending gets a broken pipe. */
export async function dropBody(incoming: IncomingMessage): Promise<void> {
  if (!hasBody(incoming)) return;
  await inTime(new Promise<void>((ended) => incoming.resume().once('close', ended).once('end', ended)));
}

async function inTime(work: Promise<void>): Promise<void> {
  const timeout = new Promise<void>((end) => void setTimeout(end, drainMilliseconds).unref());
  await Promise.race([work, timeout]);
}

/**
 * Sends the body to the worker until the worker answers. The rest is read and dropped: Node's client does not send on after
 * an answer.
 */
async function send(body: IncomingMessage, forwarded: ClientRequest, answer: Promise<IncomingMessage>): Promise<void> {
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
    for await (const part of body) {
      if (isAnswered || forwarded.write(part)) continue;
      await Promise.race([answered, new Promise((drained) => forwarded.once('drain', drained))]);
    }
    if (!isAnswered) forwarded.end();
  } catch {
    // The client went away.
    forwarded.destroy();
  }
}

function forwardedOf<Value>(headers: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !notForwarded.has(name)));
}
