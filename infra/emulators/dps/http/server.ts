import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { ServiceError } from './service-error.ts';

/** One request as the surfaces see it. */
export interface Call {
  readonly method: string;
  /** Percent-decoded values of the `{name}` segments. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The first value of a header, or undefined. */
  header(name: string): string | undefined;
  /** The JSON body; undefined when there is none. */
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
  /** Literal segments match without case, as the official clients spell some of them differently. `{x}` matches one segment. */
  readonly path: string;
  handle(call: Call): Answer | Promise<Answer>;
}

/** One service's routes with that service's limits and error format. */
export interface Surface {
  readonly routes: readonly Route[];
  readonly maxBodyBytes: number;
  renderError(error: unknown, call: Pick<Call, 'method' | 'path'>): Answer;
}

export type RouteMatch =
  | {
      readonly found: 'route';
      readonly surface: Surface;
      readonly route: Route;
      readonly parameters: Record<string, string>;
    }
  | { readonly found: 'other-method'; readonly surface: Surface }
  | { readonly found: 'nothing' };

/** The first route, in the order given, whose path and method fit. A trailing slash is ignored. */
function createRouter(surfaces: readonly Surface[]): (method: string, path: string) => RouteMatch {
  const table = surfaces.flatMap((surface) =>
    surface.routes.map((route) => ({ surface, route, segments: segmentsOf(route.path) })),
  );
  return (method, path) => {
    const actual = segmentsOf(path);
    let otherMethod: Surface | undefined;
    for (const { surface, route, segments } of table) {
      const parameters = matchSegments(segments, actual);
      if (!parameters) continue;
      if (route.method === method) return { found: 'route', surface, route, parameters };
      otherMethod ??= surface;
    }
    return otherMethod ? { found: 'other-method', surface: otherMethod } : { found: 'nothing' };
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
  readonly surfaces: readonly Surface[];
  /** Renders errors of paths that belong to no surface, and bounds their bodies. */
  readonly fallback: Surface;
}

/**
 * The HTTPS server of all surfaces. It asks every client for a certificate but lets TLS accept any: whether a chain
 * counts is for DPS's own rules to say. Session tickets are off because a resumed session shows the server only the
 * leaf and no longer the chain that the device presented. TLS 1.2 is what DPS asks for at least
 * (https://learn.microsoft.com/azure/iot-dps/tls-support).
 */
export function createHttpsServer({ keyPem, certPem, surfaces, fallback }: ServerOptions): Server {
  const match = createRouter(surfaces);
  return createServer(
    {
      key: keyPem,
      cert: certPem,
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: constants.SSL_OP_NO_TICKET,
      minVersion: 'TLSv1.2',
    },
    (request, response) => {
      answerRequest(request, match, fallback)
        .then((answer) => send(response, answer))
        // The client is gone, or keeps sending what nobody wants to read.
        .catch(() => response.destroy());
    },
  );
}

async function answerRequest(
  request: IncomingMessage,
  match: ReturnType<typeof createRouter>,
  fallback: Surface,
): Promise<Answer> {
  const method = request.method ?? 'GET';
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const found = match(method, path);
  const surface = found.found === 'nothing' ? fallback : found.surface;
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
      body: await readJson(request, surface.maxBodyBytes),
      // The server is created by node:https, so the socket of a request is always a TLS socket.
      socket: request.socket as TLSSocket,
    };
    return await found.route.handle(call);
  } catch (error) {
    return surface.renderError(error, { method, path });
  }
}

/** What of a message that is too large is read and dropped, so that its sender gets the answer and no broken connection. */
const drainedBytes = 64 * 1024 * 1024;

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else if (size > drainedBytes) break;
  }
  if (size > maxBytes) throw new ServiceError(413, 413000, `The message has more than ${maxBytes} bytes.`);
  if (size === 0) return undefined;
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
