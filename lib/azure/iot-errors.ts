import { FleetError } from '../errors.ts';
import { figures } from '../telemetry.ts';
import { iotTimeoutMilliseconds } from './iot-connection.ts';
import { serviceError } from './service-errors.ts';

/** What the IoT SDKs attach to their errors; their class names mislead (403 is TooManyDevicesError). */
interface IotError {
  readonly response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
  readonly responseBody?: string;
}

/** HTTP status of an IoT SDK's error; undefined when no answer came. */
export function iotStatus(error: unknown): number | undefined {
  return (error as IotError).response?.statusCode;
}

/** DPS's own code and message, where the answer has them. */
export function iotAnswer(error: unknown): { errorCode: number; message: string } {
  const { responseBody, response } = error as IotError;
  try {
    const { errorCode, message } = JSON.parse(responseBody ?? '') as { errorCode?: number; message?: string };
    return { errorCode: Number(errorCode ?? response?.statusCode ?? 0), message: String(message ?? 'no message') };
  } catch {
    return { errorCode: response?.statusCode ?? 0, message: 'no message' };
  }
}

/** Runs a call of an IoT SDK, which knows neither timeout nor Retry-After, and throws our words for its failures. */
export async function callingIot<T>(service: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new FleetError('unavailable', `${service} did not answer in time.`)),
      iotTimeoutMilliseconds,
    );
  });
  const calls = service === 'DPS' ? figures.dpsCalls : figures.hubCalls;
  try {
    const answer = await Promise.race([work(), timeout]);
    // The SDKs say which 2xx it was in some of their answers only.
    calls.add(1, { status: 200 });
    return answer;
  } catch (error) {
    const statusCode = iotStatus(error);
    calls.add(1, { status: statusCode ?? 'none' });
    if (statusCode === undefined) {
      // No answer at all: the SDKs pass on Node's own connection errors.
      throw serviceError(service, error);
    }
    const { response } = error as IotError;
    const translated = serviceError(service, { statusCode, response, cause: error });
    throw translated instanceof FleetError ? translated : error;
  } finally {
    clearTimeout(timer);
  }
}
