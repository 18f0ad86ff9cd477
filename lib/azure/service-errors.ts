import { FleetError } from '../errors.ts';

/** Parts of an Azure SDK's error. Each SDK sets some of them. */
interface SdkError {
  readonly statusCode?: number;
  readonly code?: string | number;
  readonly retryAfterInMs?: number;
  readonly response?: { readonly headers?: unknown };
}

/** SDK errors nest two or three deep. The bound also ends a ring of causes. */
const maxLinks = 6;

/** The error with the service's answer: `items.bulk` and `items.batch` of @azure/cosmos wrap it in an empty one. */
function answerOf(error: unknown, links = maxLinks): unknown {
  const { statusCode, code } = error as SdkError;
  const { cause } = error as Error;
  const isEmpty = statusCode === undefined && code === undefined;
  return isEmpty && cause instanceof Error && links > 1 ? answerOf(cause, links - 1) : error;
}

/** @returns the HTTP status in an SDK's error; undefined when no answer came */
export function statusOf(error: unknown): number | undefined {
  const { statusCode, code } = answerOf(error) as SdkError;
  if (typeof statusCode === 'number') return statusCode;
  return typeof code === 'number' ? code : undefined;
}

/**
 * Translates an SDK's error.
 * @returns FleetError `throttled` or `unavailable`, with `retryAfter` if the service named a wait. Any other error is
 * returned as it is: it is an answer that the caller expects, or a mistake in this app.
 */
export function serviceError(service: string, error: unknown): unknown {
  if (error instanceof FleetError) return error;
  const status = statusOf(error);
  if (status === 429) {
    return new FleetError('throttled', `${service} is throttling this app.`, {
      retryAfter: retryAfter(error),
      cause: error,
    });
  }
  if (status === 401 || status === 403) {
    const message = `${service} refuses this app's identity (HTTP ${status}). Give it the role it lacks, or correct the credential.`;
    return new FleetError('unavailable', message, { cause: error });
  }
  // 408 (timeout) and 449 (Cosmos DB: retry with) are transient, like 5xx and broken connections.
  if (status === undefined ? isNetworkError(error) : status >= 500 || status === 408 || status === 449) {
    return new FleetError('unavailable', `${service} did not answer, or failed.`, {
      retryAfter: retryAfter(error),
      cause: error,
    });
  }
  return error;
}

/**
 * Finds the HTTP status and the error code in a chain of causes. The code is the service's, Node's or the credential's.
 * Both belong to the protocol and are safe to show; messages are not.
 */
export function causeOfRefusal(error: unknown): { readonly status?: number; readonly code?: string } {
  let status: number | undefined;
  let code: string | undefined;
  for (let depth = 0, link = error; depth < maxLinks && typeof link === 'object' && link !== null; depth++) {
    const { response, name, details } = link as SdkError & {
      readonly response?: { readonly statusCode?: number; readonly status?: number };
      readonly name?: string;
      readonly details?: {
        readonly errorCode?: unknown;
        readonly error?: { readonly innererror?: { readonly code?: unknown } };
      };
    };
    status ??= statusOf(link) ?? response?.statusCode ?? response?.status;
    // Key Vault has the specific code in `innererror`. Storage has it in a header when the answer has no body.
    const inner =
      details?.error?.innererror?.code ?? details?.errorCode ?? headerOf(response?.headers, 'x-ms-error-code');
    const own = (link as SdkError).code;
    if (!(link instanceof FleetError)) code = word(inner) ?? code ?? word(own) ?? credentialError(name);
    link = (link as { readonly cause?: unknown }).cause;
  }
  return { ...(status !== undefined && { status }), ...(code !== undefined && { code }) };
}

function word(code: unknown): string | undefined {
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : undefined;
}

/** @azure/identity distinguishes its errors by name only. */
function credentialError(name: string | undefined): string | undefined {
  return /^(Credential|Authentication|AggregateAuthentication)\w*Error$/.test(name ?? '')
    ? name?.replace(/^Aggregate/, '')
    : undefined;
}

/**
 * Runs a call to a service.
 * @param service name of the service, as the beginning of a message
 * @throws FleetError `throttled`, `unavailable`, or the SDK's own error (see `serviceError`)
 */
export async function calling<T>(service: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw serviceError(service, error);
  }
}

/**
 * Runs a call for which some HTTP statuses are an answer and not a failure.
 * @returns undefined when the service answered with one of them
 * @example
 * // undefined when a blob of that name exists
 * await unlessStatus([409, 412], () => blob.upload(body, body.length, { conditions: { ifNoneMatch: '*' } }));
 */
export async function unlessStatus<T>(statuses: readonly number[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (statuses.includes(statusOf(error) ?? 0)) return undefined;
    throw error;
  }
}

function isNetworkError(wrapped: unknown): boolean {
  const error = answerOf(wrapped);
  const { code } = error as SdkError;
  const name = error instanceof Error ? error.name : '';
  return (
    (typeof code === 'string' && /^(E[A-Z_]+|REQUEST_SEND_ERROR|PARSE_ERROR)$/.test(code)) || /Timeout|Abort/.test(name)
  );
}

/** @returns seconds to wait, from Retry-After or Cosmos DB's own header */
function retryAfter(error: unknown): number | undefined {
  const { retryAfterInMs, response } = answerOf(error) as SdkError;
  if (typeof retryAfterInMs === 'number') return Math.ceil(retryAfterInMs / 1000);
  const text = headerOf(response?.headers, 'retry-after');
  const seconds = Number(text);
  return text !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** Some SDKs have headers as a plain object, others as an object with get(). */
function headerOf(headers: unknown, name: string): unknown {
  const known = headers as Record<string, unknown> | { get?(name: string): unknown } | undefined;
  return typeof known?.get === 'function' ? known.get(name) : (known as Record<string, unknown> | undefined)?.[name];
}
