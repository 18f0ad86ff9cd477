import { createHash } from 'node:crypto';
import type { Service } from './chaos-stack.ts';
import type { Answer, Interference, ProxiedRequest } from './proxy.ts';
import type { Random } from './random.ts';

/** How often a request meets each fault, 0 to 1. */
export interface FaultRates {
  /** 429 with Retry-After. */
  readonly throttled: number;
  /** 500 or 503. */
  readonly error: number;
  /** The connection breaks before the service has the request. */
  readonly reset: number;
  /** The service does the work, and its answer is lost. */
  readonly lost: number;
  /** The same, and half of the answer arrives. */
  readonly half: number;
  /** No answer, and no end of the connection. */
  readonly silent: number;
  /** Cosmos DB: 449, or 412 where a version was named; nothing is done. In bulk requests, by operation. */
  readonly conflict: number;
}

export interface Faults {
  readonly interfere: (service: Service) => Interference;
  /** How often each happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** Writes that came again before the time that Retry-After had named. */
  readonly impatient: readonly string[];
  /** From now on, every request gets through. */
  stop(): void;
}

/** Longer than any client of the app should wait for an answer. */
const silence = 150_000;

/**
 * Refuses requests as the services and the networks before them are documented to do.
 * @param memory who is held to a Retry-After: whoever works on the same thing, or, where hosts die and deliveries come in
 *   copies that know nothing of each other, the one request that was answered so and comes again
 */
export function createFaults(random: Random, rates: FaultRates, memory: 'of all' | 'of each' = 'of all'): Faults {
  const counts: Record<string, number> = {};
  const impatient: string[] = [];
  const notBefore = new Map<string, number>();
  let stopped = false;

  function count(service: Service, fault: string): void {
    const name = `${service}.${fault}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }

  function draw(): keyof FaultRates | undefined {
    let left = random.next();
    for (const [fault, rate] of Object.entries(rates) as [keyof FaultRates, number][]) {
      left -= rate;
      if (left < 0) return fault;
    }
    return undefined;
  }

  function nameOf(service: Service, request: ProxiedRequest): string | undefined {
    const operation = operationOf(service, request);
    // The storage SDK's tries of one request have one id; bodies of Cosmos DB and DPS have times and serial numbers in them.
    const id = memory === 'of each' ? (request.headers['x-ms-client-request-id'] ?? '') : '';
    return operation && `${operation} ${id}`;
  }

  function throttle(service: Service, request: ProxiedRequest): Answer {
    // Longer, too, than the host waits before it delivers a message again.
    const seconds = random.between(1, 4);
    const operation = nameOf(service, request);
    // A client that waits by the clock of its own process may be a moment ahead of ours.
    if (operation !== undefined) notBefore.set(operation, Date.now() + seconds * 1000 - 20);
    return throttled(service, seconds);
  }

  function checkPatience(service: Service, request: ProxiedRequest): void {
    const operation = nameOf(service, request);
    const time = operation === undefined ? undefined : notBefore.get(operation);
    if (operation === undefined || time === undefined) return;
    if (request.at < time)
      impatient.push(`${service}: ${request.method} ${request.path} came ${time - request.at} ms early`);
    notBefore.delete(operation);
  }

  return {
    counts,
    impatient,
    stop() {
      stopped = true;
    },
    interfere: (service) => async (request, forward) => {
      checkPatience(service, request);
      const fault = stopped ? undefined : draw();
      if (fault === undefined || (fault === 'conflict' && service !== 'cosmos')) return { answer: await forward() };
      count(service, fault);
      switch (fault) {
        case 'throttled':
          return { answer: throttle(service, request) };
        case 'error':
          return { answer: serverError(service, random.pick([500, 503])) };
        case 'reset':
          return 'reset';
        case 'silent':
          return { silentFor: silence };
        case 'lost':
          await forward();
          return 'reset';
        case 'half':
          return { half: await forward() };
        case 'conflict':
          return { answer: (await conflict(request, forward, random)) ?? (await forward()) };
      }
    },
  };
}

/** A write that nobody else makes at the same time, by what it is about: reads and shared documents tell nothing. */
function operationOf(service: Service, { method, path, headers, body }: ProxiedRequest): string | undefined {
  // A query is a POST too.
  if (headers['x-ms-documentdb-isquery'] !== undefined || headers['x-ms-cosmos-is-query-plan-request'] !== undefined)
    return undefined;
  if (service === 'blobs' && method === 'PUT' && /\/(bundles|reports)\//.test(path)) return `${service} ${path}`;
  const isWrite =
    (service === 'cosmos' || service === 'dps') && method === 'POST' && /\/docs$|\/enrollments/.test(path);
  return isWrite ? `${service} ${path} ${createHash('sha256').update(body).digest('hex')}` : undefined;
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify(body)),
});

const xml = (status: number, code: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/xml', 'x-ms-error-code': code, ...headers },
  body: Buffer.from(`<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>No.</Message></Error>`),
});

function throttled(service: Service, seconds: number): Answer {
  if (service === 'cosmos') {
    const headers = {
      'x-ms-retry-after-ms': String(seconds * 1000),
      'x-ms-substatus': '3200',
      'x-ms-request-charge': '0',
    };
    return json(429, { code: '429', message: 'Request rate is large.' }, headers);
  }
  const headers = { 'retry-after': String(seconds) };
  if (service === 'dps')
    return json(429, { errorCode: 429001, trackingId: 'chaos', message: 'Too many requests.' }, headers);
  return xml(429, 'TooManyRequests', headers);
}

function serverError(service: Service, status: 500 | 503): Answer {
  if (service === 'cosmos') return json(status, { code: String(status), message: 'No.' });
  if (service === 'keyVault') return json(status, { error: { code: 'InternalServerError', message: 'No.' } });
  if (service === 'dps') return json(status, { errorCode: status * 1000, trackingId: 'chaos', message: 'No.' });
  return xml(status, status === 503 ? 'ServerBusy' : 'InternalError');
}

interface BulkOperation {
  readonly ifMatch?: string;
}

/** 449 or 412 in place of the work; undefined where neither would be true to the protocol. */
async function conflict(
  { method, path, headers, body }: ProxiedRequest,
  forward: (body?: Buffer) => Promise<Answer>,
  random: Random,
): Promise<Answer | undefined> {
  const isBatch = headers['x-ms-cosmos-is-batch-request'] !== undefined;
  if (isBatch && headers['x-ms-cosmos-batch-atomic']?.toString().toLowerCase() !== 'true')
    return bulkConflict(body, forward, random);
  if (headers['if-match'] !== undefined)
    return json(412, { code: 'PreconditionFailed', message: 'One of the specified pre-condition is not met.' });
  const isWrite = method !== 'GET' && /\/docs/.test(path) && headers['x-ms-documentdb-isquery'] === undefined;
  return isWrite
    ? json(449, { code: '449', message: 'Conflicting request to resource has been attempted. Retry.' })
    : undefined;
}

/** Lets most operations of a bulk request through, and answers for the others. */
async function bulkConflict(
  body: Buffer,
  forward: (body?: Buffer) => Promise<Answer>,
  random: Random,
): Promise<Answer> {
  const operations = JSON.parse(body.toString()) as BulkOperation[];
  const refused = new Map<number, number>();
  for (const [index, { ifMatch }] of operations.entries()) {
    if (random.chance(0.2))
      refused.set(index, ifMatch !== undefined && random.chance(0.3) ? 412 : random.pick([449, 429]));
  }
  const through = operations.filter((_, index) => !refused.has(index));
  const answer = through.length === 0 ? json(207, []) : await forward(Buffer.from(JSON.stringify(through)));
  if (answer.status >= 300) return answer;
  const results = JSON.parse(answer.body.toString()) as unknown[];
  const merged = operations.map((_, index) => {
    const status = refused.get(index);
    return status === undefined ? results.shift() : { statusCode: status, requestCharge: 0 };
  });
  return { ...answer, status: 207, body: Buffer.from(JSON.stringify(merged)) };
}
