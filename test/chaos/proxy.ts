import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How the proxy answers the client. */
export type Reaction =
  | { readonly answer: Answer }
  /** The headers and half of the body, then the connection breaks. */
  | { readonly half: Answer }
  /** The connection breaks. */
  | 'reset'
  /** No answer for this many milliseconds, then the connection breaks. */
  | { readonly silentFor: number };

/** Sends the request to the service, by default with the client's body. */
export type Forward = (body?: Buffer) => Promise<Answer>;

/** Decides what the service and the client get of each other. */
export type Interference = (request: ProxiedRequest, forward: Forward) => Promise<Reaction>;

export interface ProxyOptions {
  readonly upstreamPort: number;
  /** For services with TLS. The client sees the same certificate. */
  readonly tls?: { readonly keyPem: string; readonly certPem: string; readonly caPem: string };
  readonly interfere: Interference;
}

export interface RunningProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a reverse proxy on a free port of 127.0.0.1. It passes each complete request to `interfere`. */
export async function startProxy({ upstreamPort, tls, interfere }: ProxyOptions): Promise<RunningProxy> {
  const agent = tls === undefined ? new Agent({ keepAlive: true }) : new TlsAgent({ keepAlive: true, ca: tls.caPem });
  const closing = new AbortController();

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers, socket } = message;
    try {
      const body = await collect(message);
      const forward: Forward = (replacement = body) => ask({ method, path, headers }, replacement);
      const reaction = await interfere({ method, path, headers, body, at: Date.now() }, forward);
      if (reaction === 'reset') return void socket.destroy();
      if ('silentFor' in reaction) {
        await sleep(reaction.silentFor, undefined, { signal: closing.signal }).catch(() => undefined);
        return void socket.destroy();
      }
      if ('answer' in reaction) return send(response, reaction.answer);
      const answer = reaction.half;
      response.writeHead(answer.status, endToEnd(answer, answer.body.length));
      response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => socket.destroy());
    } catch {
      // The service or the client is gone.
      socket.destroy();
    }
  }

  /** @returns the service's answer. @throws Error if there is none */
  function ask(head: Pick<ProxiedRequest, 'method' | 'path' | 'headers'>, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { ...head.headers, 'content-length': String(body.length) };
      delete headers['transfer-encoding'];
      if (body.length === 0 && head.headers['content-length'] === undefined)
        delete (headers as IncomingHttpHeaders)['content-length'];
      const options = {
        host: tls === undefined ? '127.0.0.1' : 'localhost',
        port: upstreamPort,
        method: head.method,
        path: head.path,
        headers,
        agent,
      };
      const outgoing = (tls === undefined ? httpRequest : tlsRequest)(options, async (answer) => {
        try {
          resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: await collect(answer) });
        } catch (error) {
          reject(error);
        }
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  const listener = (message: IncomingMessage, response: ServerResponse) => void handle(message, response);
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ key: tls.keyPem, cert: tls.certPem }, listener);
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      closing.abort();
      server.closeAllConnections();
      agent.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, endToEnd(answer, answer.body.length));
  response.end(answer.body);
}

/** The headers that do not belong to the connection (RFC 9110, 7.6.1). */
function endToEnd({ headers, status }: Answer, length: number): IncomingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, 'transfer-encoding': _encoding, ...rest } = headers;
  // An answer to HEAD has the length of a body that is not sent.
  if (rest['content-length'] !== undefined && length === 0) return rest;
  return status === 204 || status === 304 ? rest : { ...rest, 'content-length': String(length) };
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** Nests interferences; the first is the outermost. */
export function chain(...all: readonly Interference[]): Interference {
  return all.reduceRight((inner, outer) => async (request, forward) => {
    // If the inner one breaks the connection, the outer one gets an error, and the client gets the inner reaction.
    let broken: Reaction | undefined;
    const through: Forward = async (body = request.body) => {
      const reaction = await inner({ ...request, body }, (replacement) => forward(replacement ?? body));
      if (typeof reaction === 'object' && 'answer' in reaction) return reaction.answer;
      broken = reaction;
      throw new Broken();
    };
    try {
      return await outer(request, through);
    } catch (error) {
      if (broken === undefined) throw error;
      return broken;
    }
  });
}

class Broken extends Error {}

/** Passes everything on unchanged. */
export const transparent: Interference = async (_request, forward) => ({ answer: await forward() });
