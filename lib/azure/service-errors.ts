import { FleetError } from '../errors.ts';

/** The parts of an Azure SDK's error that tell what happened; every SDK names them a little differently. */
interface SdkError {
  readonly statusCode?: number;
  readonly code?: string | number;
  readonly retryAfterInMs?: number;
  readonly response?: { readonly headers?: unknown };
}

/** HTTP status of an SDK error; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  const { statusCode, code } = error as SdkError;
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
    return new FleetError('throttled', `${service} asks to wait.`, { retryAfter: retryAfter(error) }, { cause: error });
  }
  if (status === 401 || status === 403) {
    const message = `${service} refuses this app's identity (HTTP ${status}); it lacks a role, or the credential is wrong.`;
    return new FleetError('unavailable', message, {}, { cause: error });
  }
  // 408 and 449 (Cosmos: retry with) pass by themselves, as 5xx and broken connections do.
  if (status === undefined ? isNetworkError(error) : status >= 500 || status === 408 || status === 449) {
    return new FleetError(
      'unavailable',
      `${service} did not answer as it should.`,
      { retryAfter: retryAfter(error) },
      { cause: error },
    );
  }
  return error;
}

/** Runs a call and throws what `serviceError` makes of its failure. */
export async function calling<T>(service: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw serviceError(service, error);
  }
}

function isNetworkError(error: unknown): boolean {
  const { code } = error as SdkError;
  const name = error instanceof Error ? error.name : '';
  return (
    (typeof code === 'string' && /^(E[A-Z_]+|REQUEST_SEND_ERROR|PARSE_ERROR)$/.test(code)) || /Timeout|Abort/.test(name)
  );
}

/** Seconds that the service asks to wait, from Retry-After or Cosmos's own header. */
function retryAfter(error: unknown): number | undefined {
  const { retryAfterInMs, response } = error as SdkError;
  if (typeof retryAfterInMs === 'number') return Math.ceil(retryAfterInMs / 1000);
  const headers = response?.headers as Record<string, unknown> | { get?(name: string): string | undefined } | undefined;
  const text =
    typeof headers?.get === 'function'
      ? headers.get('retry-after')
      : (headers as Record<string, unknown> | undefined)?.['retry-after'];
  const seconds = Number(text);
  return text !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
