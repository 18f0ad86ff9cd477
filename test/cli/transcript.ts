import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../../cli/main.ts';
import type { Terminal } from '../../cli/terminal.ts';

/*
 * Runs `fleet` in this process and keeps what it writes.
 */

export interface Transcript {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Setting {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  /** Whether a person is there. */
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
  /** Default: no time passes. */
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
}

/** The time that the command line sees, unless a test sets another. */
export const someNow = new Date('2026-11-27T12:00:00Z');

/** Runs one command line. @param line words with blanks between, or the words */
export async function fleet(line: string | readonly string[], setting: Setting = {}): Promise<Transcript> {
  const { env = {}, stdin = '', isTerminal = false, signal = new AbortController().signal } = setting;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const written = Promise.all([text(stdout), text(stderr)]);
  const terminal: Terminal = {
    env: { HOME: '/nowhere', LOCAL_DIR: '/nowhere', ...env },
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    stdout,
    stderr,
    isTerminal: { stdin: isTerminal, stdout: isTerminal, stderr: isTerminal },
    timeZone: 'UTC',
    signal,
    now: setting.now ?? (() => someNow),
    sleep: async (milliseconds) => {
      signal.throwIfAborted();
      await setting.sleep?.(milliseconds);
    },
    newId: () => '00000000-0000-4000-8000-000000000001',
  };
  const words = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  const code = await main(words, terminal);
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, out, err };
}

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer, or the answers to one request after the other; the last one stays. */
type Route = Answer | readonly Answer[] | ((seen: Seen) => Answer);

export interface FakeDeployment {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly seen: Seen[];
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A deployment that answers as it is told, for cases that the local stack cannot show.
 * @param routes by method and path, such as `GET /api/jobs`
 */
export async function fakeDeployment(routes: Readonly<Record<string, Route>>): Promise<FakeDeployment> {
  const seen: Seen[] = [];
  const counts = new Map<string, number>();
  const server: Server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const one: Seen = { method, path, headers, body: await text(request) };
    seen.push(one);
    const key = `${method} ${path.split('?')[0]}`;
    const { status = 200, json, body, headers: more } = answerOf(routes[key], one, counts, key);
    const type = status >= 400 && json !== undefined ? 'application/problem+json' : 'application/json';
    response.writeHead(status, { ...(json === undefined ? {} : { 'content-type': type }), ...more });
    response.end(json === undefined ? body : JSON.stringify(json));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    env: { FLEET_URL: url, FLEET_KEY: 'secret-key-of-test' },
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerOf(route: Route | undefined, seen: Seen, counts: Map<string, number>, key: string): Answer {
  if (route === undefined) return { status: 404 };
  if (typeof route === 'function') return route(seen);
  if (!Array.isArray(route)) return route as Answer;
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return route[Math.min(count, route.length - 1)];
}

/** A problem document, as the API answers it. */
export function problem(status: number, title: string, detail: string, more: object = {}): Answer {
  const type = `urn:fleet-orchestrator:error:${title}`;
  return {
    status,
    json: { type, title, status, detail, hint: 'Do this next.', instance: '/api', traceId: 'trace-1', ...more },
  };
}
