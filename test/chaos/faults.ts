import { createHash } from 'node:crypto';
import type { Service } from './chaos-stack.ts';
import type { Answer, Interference, ProxiedRequest } from './proxy.ts';
import type { Random } from './random.ts';

/** Probability of each fault per request, 0 to 1. */
export interface FaultRates {
  /** 429 with Retry-After. */
  readonly throttled: number;
  /** 500 or 503. */
  readonly error: number;
  /** The connection breaks before the service gets the request. */
  readonly reset: number;
  /** The service does the work, but the answer is lost. */
  readonly lost: number;
  /** The service does the work, but only half of the answer arrives. */
  readonly half: number;
  /** No answer, and the connection stays open. */
  readonly silent: number;
  /** Cosmos DB only: 449, or 412 if the request names an ETag, and nothing is done. In bulk requests, per operation. */
  readonly conflict: number;
}

export interface Faults {
  readonly interfere: (service: Service) => Interference;
  /** How often each fault happened, by `service.fault`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Writes that were repeated before Retry-After had passed. */
  readonly tooEarly: readonly string[];
  /** Stops all faults. */
  stop(): void;
}

/** Milliseconds without an answer: longer than any client of the app should wait. */
const silence = 150_000;

/**
 * Refuses requests as the services and their networks are documented to do.
 * @param scope which repetitions must respect a Retry-After. `operation`: any request that does the same. `request`: only
 *   retries of the same request, for scenarios in which hosts die or messages are duplicated, so that one delivery cannot
 *   know what another was told
 */
export function createFaults(random: Random, rates: FaultRates, scope: 'operation' | 'request' = 'operation'): Faults {
  const counts: Record<string, number> = {};
  const tooEarly: string[] = [];
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
    if (scope === 'request' && isBulkRead(request)) return undefined;
    // All tries of a storage request have the same id. Bodies for Cosmos DB and DPS have times and serial numbers in them.
    const id = scope === 'request' ? (request.headers['x-ms-client-request-id'] ?? '') : '';
    return operation && `${operation} ${id}`;
  }

  function throttle(service: Service, request: ProxiedRequest): Answer {
    // Can be longer than the host waits before it delivers a message again.
    const seconds = random.between(1, 4);
    const operation = nameOf(service, request);
    // 20 ms allow for the clock of the client's process.
    if (operation !== undefined) notBefore.set(operation, Date.now() + seconds * 1000 - 20);
    return throttled(service, seconds);
  }

  function checkRetryAfter(service: Service, request: ProxiedRequest): void {
    const operation = nameOf(service, request);
    const time = operation === undefined ? undefined : notBefore.get(operation);
    if (operation === undefined || time === undefined) return;
    if (request.at < time)
      tooEarly.push(`${service}: ${request.method} ${request.path} was repeated ${time - request.at} ms too early`);
    notBefore.delete(operation);
  }

  return {
    counts,
    tooEarly,
    stop() {
      stopped = true;
    },
    interfere: (service) => async (request, forward) => {
      checkRetryAfter(service, request);
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

/** Whether a bulk request only reads. Its body has no time in it, so two clients that read the same look like one. */
function isBulkRead({ headers, body }: ProxiedRequest): boolean {
  if (headers['x-ms-cosmos-is-batch-request'] === undefined) return false;
  const operations = JSON.parse(body.toString()) as { readonly operationType: string }[];
  return operations.every(({ operationType }) => operationType === 'Read');
}

/** Names a write that only one delivery makes at a time. Undefined for reads and shared documents, which others access too. */
function operationOf(service: Service, { method, path, headers, body }: ProxiedRequest): string | undefined {
  // A query is a POST too.
  if (headers['x-ms-documentdb-isquery'] !== undefined || headers['x-ms-cosmos-is-query-plan-request'] !== undefined)
    return undefined;
  if (service === 'blobs' && method === 'PUT' && /\/(bundles|reports)\//.test(path)) return `${service} ${path}`;
  // The counter of a group's renewals is one document for all that renew at this time.
  if (body.includes('"stream":"renewals-')) return undefined;
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
  if (service === 'hub') return json(429, hubError('ThrottlingBacklogTimeout'), headers);
  return xml(429, 'TooManyRequests', headers);
}

function serverError(service: Service, status: 500 | 503): Answer {
  if (service === 'cosmos') return json(status, { code: String(status), message: 'No.' });
  if (service === 'keyVault') return json(status, { error: { code: 'InternalServerError', message: 'No.' } });
  if (service === 'dps') return json(status, { errorCode: status * 1000, trackingId: 'chaos', message: 'No.' });
  if (service === 'hub')
    return json(status, hubError(status === 503 ? 'GenericServiceUnavailable' : 'GenericServerError'));
  return xml(status, status === 503 ? 'ServerBusy' : 'InternalError');
}

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-troubleshoot-error-429001-throttlingexception */
const hubError = (code: string) => ({ Message: `ErrorCode:${code};No.`, ExceptionMessage: 'Tracking ID:chaos' });

interface BulkOperation {
  readonly ifMatch?: string;
}

/** Answers 449 or 412 without doing the work. Undefined if the protocol allows neither for this request. */
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

/** Passes most operations of a bulk request on, and refuses the others. */
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
