import { createHash } from 'node:crypto';
import { timestamp } from '../record-metadata.ts';
import type { Page } from '../store.ts';
import type { Answer, Call } from './server.ts';
import { dpsError, ServiceError } from './service-error.ts';

/** Reads `api-version`, such as 2021-10-01. DPS requires it in every call. @throws ServiceError 400 */
export function apiVersionOf(call: Call): string {
  const version = call.query.get('api-version');
  if (version === null || !/^\d{4}-\d\d-\d\d(-preview)?$/.test(version)) {
    throw dpsError(400, 'The query parameter api-version is missing or not a date such as 2021-10-01.');
  }
  return version;
}

/** The Host header without the port. */
export function hostNameOf(call: Call): string {
  return (call.header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
}

/** The default page size, and the largest that the official clients request. */
const maxItems = 100;

export interface QueryPage {
  /** The query and the resource that it reads. A continuation token continues its own query only. */
  readonly query: string;
  readonly after: number;
  readonly limit: number;
}

/** Reads the page from `x-ms-max-item-count` and `x-ms-continuation`. @throws the error of `badRequest` */
export function pageRequestOf(call: Call, query: string, badRequest: (message: string) => ServiceError): QueryPage {
  const count = call.header('x-ms-max-item-count');
  const continuation = call.header('x-ms-continuation');
  if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count))
    throw badRequest('x-ms-max-item-count is not a positive number.');
  const after = continuation ? positionOf(continuation, query) : 0;
  if (after === undefined) throw badRequest('x-ms-continuation is not a token of this query.');
  return { query, after, limit: Math.min(count === undefined ? maxItems : Number(count), maxItems) };
}

/** Headers of a page. The last page has no continuation. */
export function pageHeaders(
  page: Page<unknown>,
  itemType: string,
  { query, limit }: QueryPage,
): Record<string, string> {
  return {
    'x-ms-item-type': itemType,
    'x-ms-max-item-count': String(limit),
    'X-Content-Type-Options': 'nosniff',
    ...(page.next === undefined ? {} : { 'x-ms-continuation': tokenOf(page.next, query) }),
  };
}

function tokenOf(position: number, query: string): string {
  return Buffer.from(`after:${position}:${digestOf(query)}`).toString('base64');
}

function positionOf(continuation: string, query: string): number | undefined {
  const text = Buffer.from(continuation, 'base64').toString('latin1');
  const [, digits, digest] = /^after:(\d{1,15}):([0-9a-f]+)$/.exec(text) ?? [];
  return digest === digestOf(query) ? Number(digits) : undefined;
}

function digestOf(query: string): string {
  return createHash('sha256').update(query).digest('hex').slice(0, 16);
}

/** Writes errors as `ProvisioningServiceErrorDetails`, https://learn.microsoft.com/rest/api/iot-dps/. */
export function createDpsErrorRenderer({ now, newId }: { now: () => Date; newId: () => string }) {
  return (error: unknown): Answer => {
    const known = error instanceof ServiceError ? error : new ServiceError(500, 500000, 'Internal server error.');
    const trackingId = newId();
    return {
      status: known.status,
      headers: {
        'x-ms-request-id': trackingId,
        'x-ms-error-code': String(known.code),
        ...(known.retryAfterSeconds === undefined ? {} : { 'retry-after': String(known.retryAfterSeconds) }),
      },
      body: {
        errorCode: known.code,
        trackingId,
        message: known.message,
        ...(known.info ? { info: known.info } : {}),
        timestampUtc: timestamp(now()),
      },
    };
  };
}

export function throttled(retryAfterSeconds: number): ServiceError {
  return new ServiceError(429, 429001, 'Operations are being throttled for this tenant.', { retryAfterSeconds });
}
