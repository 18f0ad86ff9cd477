import { FleetError } from '../errors.ts';

/** The parts of an Azure SDK's error that tell what happened; every SDK names them a little differently. */
interface SdkError {
  readonly statusCode?: number;
  readonly code?: string | number;
  readonly retryAfterInMs?: number;
  readonly response?: { readonly headers?: unknown };
}

/** The error that has the answer: `items.bulk` and `items.batch` of @azure/cosmos wrap it in one that says nothing. */
function answerOf(error: unknown): unknown {
  const { statusCode, code } = error as SdkError;
  const { cause } = error as Error;
  return statusCode === undefined && code === undefined && cause instanceof Error ? answerOf(cause) : error;
}

/** HTTP status of an SDK error; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  const { statusCode, code } = answerOf(error) as SdkError;
  if (typeof statusCode === 'number') return statusCode;
  return typeof code === 'number' ? code : undefined;
}

/**
 * An SDK's error in our words: throttled (with the wait it asks for), unavailable, or the error itself when it is neither,
 * which means that we did something wrong.
 */
export function serviceError(service: string, error: unknown): unknown {
  if (error instanceof FleetError) return error;
  const status = statusOf(error);
  if (status === 429) {
    return new FleetError('throttled', `${service} asks to wait.`, { retryAfter: retryAfter(error), cause: error });
  }
  if (status === 401 || status === 403) {
    const message = `${service} refuses this app's identity (HTTP ${status}); it lacks a role, or the credential is wrong.`;
    return new FleetError('unavailable', message, { cause: error });
  }
  // 408 and 449 (Cosmos: retry with) pass by themselves, as 5xx and broken connections do.
  if (status === undefined ? isNetworkError(error) : status >= 500 || status === 408 || status === 449) {
    return new FleetError('unavailable', `${service} did not answer as it should.`, {
      retryAfter: retryAfter(error),
      cause: error,
    });
  }
  return error;
}

/**
 * What a service said as it refused, from wherever in the chain of causes it stands: the HTTP status, and the code of the
 * service, of Node or of the credential. Both are words of the protocol and safe to show, unlike messages.
 */
export function causeOfRefusal(error: unknown): { readonly status?: number; readonly code?: string } {
  let status: number | undefined;
  let code: string | undefined;
  // Errors of SDKs nest two or three deep; a chain that is longer, or a ring, is not worth following.
  for (let depth = 0, link = error; depth < 6 && typeof link === 'object' && link !== null; depth++) {
    const { response, name, details } = link as SdkError & {
      readonly response?: { readonly statusCode?: number; readonly status?: number };
      readonly name?: string;
      readonly details?: {
        readonly errorCode?: unknown;
        readonly error?: { readonly innererror?: { readonly code?: unknown } };
      };
    };
    status ??= statusOf(link) ?? response?.statusCode ?? response?.status;
    // Key Vault has the telling code inside, and storage in a header where the answer has no body.
    const inner =
      details?.error?.innererror?.code ?? details?.errorCode ?? headerOf(response?.headers, 'x-ms-error-code');
    const own = (link as SdkError).code;
    if (!(link instanceof FleetError)) code = word(inner) ?? code ?? word(own) ?? credentialFault(name);
    link = (link as { readonly cause?: unknown }).cause;
  }
  return { ...(status !== undefined && { status }), ...(code !== undefined && { code }) };
}

function word(code: unknown): string | undefined {
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : undefined;
}

/** @azure/identity tells its failures apart by name. */
function credentialFault(name: string | undefined): string | undefined {
  return /^(Credential|Authentication|AggregateAuthentication)\w*Error$/.test(name ?? '')
    ? name?.replace(/^Aggregate/, '')
    : undefined;
}

/** Runs a call and throws what `serviceError` makes of its failure. */
export async function calling<T>(service: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw serviceError(service, error);
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

/** Seconds that the service asks to wait, from Retry-After or Cosmos's own header. */
function retryAfter(error: unknown): number | undefined {
  const { retryAfterInMs, response } = answerOf(error) as SdkError;
  if (typeof retryAfterInMs === 'number') return Math.ceil(retryAfterInMs / 1000);
  const text = headerOf(response?.headers, 'retry-after');
  const seconds = Number(text);
  return text !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** The SDKs have headers as a plain object or behind get(). */
function headerOf(headers: unknown, name: string): unknown {
  const known = headers as Record<string, unknown> | { get?(name: string): unknown } | undefined;
  return typeof known?.get === 'function' ? known.get(name) : (known as Record<string, unknown> | undefined)?.[name];
}
