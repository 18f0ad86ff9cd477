import type { Answer } from '../http/router.ts';
import { ServiceError } from '../http/service-error.ts';

/** Errors as IoT Hub writes them: the official clients read the word after `ErrorCode:`. */
export function createHubErrorRenderer({ newId }: { newId: () => string }) {
  return (error: unknown): Answer => {
    const known =
      error instanceof ServiceError ? error : new ServiceError(500, 'ServerError', 'Internal server error.');
    const trackingId = newId();
    return {
      status: known.status,
      headers: { 'x-ms-request-id': trackingId, 'iothub-errorcode': String(known.code) },
      body: { Message: `ErrorCode:${known.code};${known.message}`, ExceptionMessage: `Tracking ID:${trackingId}` },
    };
  };
}

export function deviceNotFound(deviceId: string): ServiceError {
  return new ServiceError(404, 'DeviceNotFound', `Device ${deviceId} not registered`);
}

export function hubBadRequest(message: string): ServiceError {
  return new ServiceError(400, 'ArgumentInvalid', message);
}
