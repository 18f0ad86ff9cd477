/** What a emulator surface answers instead of a result; each surface writes it in its service's own format. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  /** DPS: a number such as 409202. IoT Hub and Resource Manager: a word. */
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
 * A DPS error. Where the real sub-code is not publicly known the code is the HTTP status and three zeros, as in the
 * known 401000; the README lists those places.
 */
export function dpsError(status: number, message: string, code = status * 1000): ServiceError {
  return new ServiceError(status, code, message);
}
