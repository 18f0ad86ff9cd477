import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { ServiceError } from './service-error.ts';

/** One request to an API. */
export interface Call {
  readonly method: string;
  /** Percent-decoded values of the `{name}` segments. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The first value of a header. @param name lower case */
  header(name: string): string | undefined;
  /** The parsed JSON body, or a Buffer for a route of bytes. Undefined if the request has none. */
  readonly body: unknown;
  readonly path: string;
  readonly socket: TLSSocket;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Literal segments match in any case, because the official clients differ. `{x}` matches one segment. */
  readonly path: string;
  /** The body of the request. Default: JSON. */
  readonly takes?: 'json' | 'bytes';
  handle(call: Call): Answer | Promise<Answer>;
}

/** The routes of one API, with its limit and error format. */
export interface Api {
  readonly routes: readonly Route[];
  readonly maxBodyBytes: number;
  renderError(error: unknown, call: Pick<Call, 'method' | 'path'>): Answer;
}

export type RouteMatch =
  | {
      readonly found: 'route';
      readonly api: Api;
      readonly route: Route;
      readonly parameters: Record<string, string>;
    }
  | { readonly found: 'other-method'; readonly api: Api }
  | { readonly found: 'nothing' };

/** Finds the first route whose path and method match. A trailing slash is ignored. */
function createRouter(apis: readonly Api[]): (method: string, path: string) => RouteMatch {
  const table = apis.flatMap((api) => api.routes.map((route) => ({ api, route, segments: segmentsOf(route.path) })));
  return (method, path) => {
    const actual = segmentsOf(path);
    let otherMethod: Api | undefined;
    for (const { api, route, segments } of table) {
      const parameters = matchSegments(segments, actual);
      if (!parameters) continue;
      if (route.method === method) return { found: 'route', api, route, parameters };
      otherMethod ??= api;
    }
    return otherMethod ? { found: 'other-method', api: otherMethod } : { found: 'nothing' };
  };
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function matchSegments(pattern: readonly string[], actual: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== actual.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = actual[index] ?? '';
    if (expected.startsWith('{')) {
      const decoded = decodeSegment(segment);
      if (decoded === undefined) return undefined;
      parameters[expected.slice(1, -1)] = decoded;
    } else if (expected.toLowerCase() !== segment.toLowerCase()) {
      return undefined;
    }
  }
  return parameters;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

export interface ServerOptions {
  readonly keyPem: string;
  readonly certPem: string;
  readonly apis: readonly Api[];
  /** For paths that belong to no API: error format and limit. */
  readonly fallback: Api;
  /** The longest waiting time that an answer asks for. A connection stays open for longer than that. */
  readonly maxRetryAfterSeconds: number;
}

/** A client that waits as long as it was told sends its next request a little later. */
const keepAliveMarginSeconds = 60;

/**
 * Creates the HTTPS server of all APIs. It requests a client certificate and accepts any, because the rules of DPS decide about
 * the chain. Session tickets are off: in a resumed session the server sees only the leaf, not the chain. DPS requires TLS 1.2
 * or later (https://learn.microsoft.com/azure/iot-dps/tls-support).
 */
export function createHttpsServer({ keyPem, certPem, apis, fallback, maxRetryAfterSeconds }: ServerOptions): Server {
  const match = createRouter(apis);
  return createServer(
    {
      key: keyPem,
      cert: certPem,
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: constants.SSL_OP_NO_TICKET,
      minVersion: 'TLSv1.2',
      // The default of Node is 5 s. A client that keeps its connection while it waits, as the C SDK does, would find it closed.
      keepAliveTimeout: (maxRetryAfterSeconds + keepAliveMarginSeconds) * 1000,
    },
    (request, response) => {
      answerRequest(request, match, fallback)
        .then((answer) => send(response, answer))
        // The client has disconnected, or keeps sending data beyond the limit.
        .catch(() => response.destroy());
    },
  );
}

async function answerRequest(
  request: IncomingMessage,
  match: ReturnType<typeof createRouter>,
  fallback: Api,
): Promise<Answer> {
  const method = methodOf(request);
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const found = match(method, path);
  const api = found.found === 'nothing' ? fallback : found.api;
  try {
    if (found.found === 'nothing') throw new ServiceError(404, 404000, 'There is nothing at this path.');
    if (found.found === 'other-method') throw new ServiceError(405, 405000, `${method} is not allowed here.`);
    const call: Call = {
      method,
      path,
      parameters: found.parameters,
      query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: await readBody(request, found.route.takes ?? 'json', api.maxBodyBytes),
      // An HTTPS server has TLS sockets only.
      socket: request.socket as TLSSocket,
    };
    return await found.route.handle(call);
  } catch (error) {
    return api.renderError(error, { method, path });
  }
}

/** The Java client sends a PATCH as a POST with this header, because its HTTP client has no PATCH. */
function methodOf({ method = 'GET', headers }: IncomingMessage): string {
  return method === 'POST' && headers['x-http-method-override'] === 'PATCH' ? 'PATCH' : method;
}

/** Bytes of a too large body that are read and dropped, so that the client gets the answer and not a broken connection. */
const maxDrainedBytes = 64 * 1024 * 1024;

async function readBody(request: IncomingMessage, kind: 'json' | 'bytes', maxBytes: number): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else if (size > maxDrainedBytes) break;
  }
  if (size > maxBytes) throw new ServiceError(413, 413000, `The message has more than ${maxBytes} bytes.`);
  if (size === 0) return undefined;
  if (kind === 'bytes') return Buffer.concat(parts);
  const type = request.headers['content-type'] ?? '';
  if (request.method !== 'GET' && !/\bjson\b/i.test(type)) {
    throw new ServiceError(415, 415000, 'The content type must be application/json.');
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new ServiceError(400, 400000, 'The body is not valid JSON.');
  }
}

function send(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  response.statusCode = status;
  response.setHeader('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === undefined) {
    response.end();
  } else {
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(body));
  }
}
