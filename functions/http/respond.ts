import { randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { type Caller, createAccess, type Operation, requiredRole } from '../../lib/access/access.ts';
import { asFleetError, type FleetError } from '../../lib/errors.ts';
import { withLog } from '../../lib/log.ts';
import { httpAccess } from '../config.ts';
import { logTo } from '../log.ts';

/**
 * Wraps a handler: lets in whoever may call the operation, which is named as its function, and answers every failure as a
 * problem document (RFC 9457), logged once.
 */
export function respond(
  operation: Operation,
  handler: (request: HttpRequest, context: InvocationContext, caller: Caller) => Promise<HttpResponseInit>,
): HttpHandler {
  return async (request, context) => {
    const log = logTo(context);
    try {
      const caller = createAccess(httpAccess())(operation, request.headers.get('x-ms-client-principal'));
      // Whoever changes something, or takes a key away, is on record.
      if (requiredRole[operation] !== 'reader') log.info('request', { operation, caller: caller.id ?? caller.name });
      return await withLog(log, () => handler(request, context, caller));
    } catch (thrown) {
      const error = asFleetError(thrown);
      const traceId = context.invocationId ?? randomUUID();
      if (error.status >= 500)
        log.error('request failed', { operation, code: error.code, traceId, cause: causeOf(error) });
      return problem(error, new URL(request.url).pathname, traceId);
    }
  };
}

/** The problem document of an error. `type` is a name and not a page; the codes are listed in docs/errors.md. */
function problem(error: FleetError, instance: string, traceId: string): HttpResponseInit {
  const { code, status, message, hint, details } = error;
  const { retryAfter, faults, ...place } = details;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }),
    },
    body: JSON.stringify({
      type: `urn:fleet-orchestrator:error:${code}`,
      title: code,
      status,
      detail: message,
      hint,
      instance,
      ...place,
      ...(faults === undefined ? {} : { faults }),
      traceId,
    }),
  };
}

function causeOf(error: FleetError): string | undefined {
  return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : undefined;
}

export function json(body: unknown, init: Omit<HttpResponseInit, 'body' | 'jsonBody'> = {}): HttpResponseInit {
  return {
    ...init,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...init.headers },
    body: JSON.stringify(body),
  };
}
