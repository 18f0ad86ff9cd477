import type { Answer } from '../http/server.ts';
import { ServiceError } from '../http/service-error.ts';

/**
 * The errors of IoT Hub that the emulator knows, with their numbers. The first three digits are the HTTP status.
 * https://github.com/Azure/azure-iot-sdk-csharp/blob/main/iothub/service/src/Common/Exceptions/ErrorCode.cs
 */
const numbers = {
  GenericBadRequest: 400000,
  ArgumentInvalid: 400004,
  IotHubFormatError: 400006,
  BlobContainerValidationError: 400008,
  DeviceDefinedMultipleTimes: 400011,
  IotHubUnauthorizedAccess: 401002,
  JobQuotaExceeded: 403003,
  GenericNotFound: 404000,
  DeviceNotFound: 404001,
  JobNotFound: 404002,
  GenericMethodNotAllowed: 405000,
  DeviceAlreadyExists: 409001,
  PreconditionFailed: 412001,
  GenericRequestEntityTooLarge: 413000,
  MessageTooLarge: 413001,
  TooManyDevices: 413002,
  GenericUnsupportedMediaType: 415000,
  ThrottlingBacklogTimeout: 429003,
  GenericServerError: 500000,
  GenericServiceUnavailable: 503000,
} as const;

export type HubErrorCode = keyof typeof numbers;

export function hubError(code: HubErrorCode, message: string): ServiceError {
  return new ServiceError(Math.floor(numbers[code] / 1000), code, message);
}

export function hubBadRequest(message: string): ServiceError {
  return hubError('ArgumentInvalid', message);
}

export function deviceNotFound(deviceId: string): ServiceError {
  return hubError('DeviceNotFound', `Device ${deviceId} not registered`);
}

/** The number of an error, as bulk answers and import logs have it. */
export function hubErrorNumber({ code }: ServiceError): number {
  return numbers[wordOf(code)];
}

/** Errors of the HTTP server have numbers. IoT Hub has words. */
function wordOf(code: number | string): HubErrorCode {
  const entries = Object.entries(numbers) as [HubErrorCode, number][];
  return entries.find(([word, number]) => word === code || number === code)?.[0] ?? 'GenericServerError';
}

/** Writes errors in the format of IoT Hub. The official clients read the word after `ErrorCode:`. */
export function createHubErrorRenderer({ newId }: { newId: () => string }) {
  return (error: unknown): Answer => {
    const known = error instanceof ServiceError ? error : hubError('GenericServerError', 'Internal server error.');
    const word = wordOf(known.code);
    const trackingId = newId();
    return {
      status: known.status,
      headers: { 'x-ms-request-id': trackingId, 'iothub-errorcode': word },
      body: { Message: `ErrorCode:${word};${known.message}`, ExceptionMessage: `Tracking ID:${trackingId}` },
    };
  };
}

/** First path segments of the service API of IoT Hub (https://learn.microsoft.com/rest/api/iothub/service). */
const hubRoots = ['configurations', 'devices', 'digitaltwins', 'jobs', 'messages', 'statistics', 'twins'];

/** @returns whether the path belongs to IoT Hub, also where the emulator does not serve it */
export function isHubPath(path: string): boolean {
  return hubRoots.includes(path.split('/')[1]?.toLowerCase() ?? '');
}
