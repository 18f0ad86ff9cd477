import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions';
import { type Caller, createAccess, type Guarded } from '../../lib/access/access.ts';
import { asFleetError, FleetError } from '../../lib/errors.ts';
import { withLog } from '../../lib/log.ts';
import { limitToGroups } from '../../lib/pipeline/limit-to-groups.ts';
import { readEarlyConfig } from '../config.ts';
import { logTo } from '../log.ts';
import { type Services, services } from '../services.ts';
import { checkContentLength } from './body.ts';
import { useForwardedHeaders } from './forwarded-calls.ts';
import type { Operation } from './operation.ts';
import { refuseOtherSites } from './other-sites.ts';
import { answerHeaders } from './reply.ts';

/**
 * The handler of an operation: checks that the caller may call it and that the body is not too large, gives it services
 * that reach the caller's enrollment groups only, and answers every error as a problem document (RFC 9457). Errors of this app
 * (5xx) are logged.
 */
export function respond(operation: Operation): HttpHandler {
  return async (request, context) => {
    const log = logTo(context);
    const requestId = context.invocationId;
    try {
      useForwardedHeaders(request, requestId);
      // First the caller: an error in the configuration is shown to authenticated callers only.
      const caller = authenticate(operation, request);
      refuseOtherSites(operation, request);
      checkContentLength(operation, request);
      // For an operator who reads the log. What counts is the audit trail (operation.ts).
      if (operation.role !== 'reader')
        log.info('request', { operation: operation.id, caller: caller.id ?? caller.name });
      return await withLog(log, () => operation.answer(request, { services: limited(caller), caller, requestId }));
    } catch (thrown) {
      const error = asFleetError(thrown);
      if (error.status >= 500) {
        log.error('request failed', {
          operation: operation.id,
          code: error.code,
          traceId: requestId,
          cause: causeOf(error),
        });
      }
      return problem(error, new URL(request.url).pathname, requestId);
    }
  };
}

/** The services, as far as the caller's enrollment groups reach. */
function limited({ enrollmentGroups }: Caller): Services {
  return enrollmentGroups === undefined ? services() : limitToGroups(services(), enrollmentGroups);
}

function authenticate(operation: Guarded, request: HttpRequest): Caller {
  const { httpAccess, accessIssue, groupRoles } = readEarlyConfig();
  if (accessIssue !== undefined) throw FleetError.of('setting-invalid', 'The configuration', [accessIssue]);
  return createAccess(httpAccess, groupRoles)(operation, request.headers.get('x-ms-client-principal'));
}

/** The problem document of an error. `type` is a name, not the address of a page; docs/errors.md lists the codes. */
function problem(error: FleetError, instance: string, traceId: string): HttpResponseInit {
  const { code, status, message, hint, details } = error;
  const { retryAfter, faults, ...place } = details;
  return {
    status,
    headers: {
      ...answerHeaders,
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
      faults,
      traceId,
    }),
  };
}

function causeOf(error: FleetError): string | undefined {
  return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : undefined;
}
