/** An error answer. Each API writes it in the format of its service. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  /** DPS: a number, such as 409202. IoT Hub and Resource Manager: a word. */
  readonly code: number | string;
  readonly retryAfterSeconds: number | undefined;
  readonly info: Readonly<Record<string, string>> | undefined;

  constructor(
    status: number,
    code: number | string,
    message: string,
    { retryAfterSeconds, info }: { retryAfterSeconds?: number; info?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
    this.info = info;
  }
}

/**
 * A DPS error. If the sub-code of the service is not known, the code is the HTTP status and three zeros, as in the known 401000.
 * The README lists these cases.
 */
export function dpsError(status: number, message: string, code = status * 1000): ServiceError {
  return new ServiceError(status, code, message);
}
