import { timestamp } from '../timestamp.ts';
import type { Answer } from './router.ts';
import { ServiceError } from './service-error.ts';

/** Errors as `ProvisioningServiceErrorDetails`, https://learn.microsoft.com/rest/api/iot-dps/. */
export function createDpsErrorRenderer({ now, newId }: { now: () => Date; newId: () => string }) {
  return (error: unknown): Answer => {
    const known = error instanceof ServiceError ? error : new ServiceError(500, 500000, 'Internal server error.');
    const trackingId = newId();
    return {
      status: known.status,
      headers: {
        'x-ms-request-id': trackingId,
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
