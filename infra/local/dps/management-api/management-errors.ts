import type { Answer } from '../http/router.ts';
import { ServiceError } from '../http/service-error.ts';

/** Errors as this resource provider writes them. */
export function renderManagementError(error: unknown): Answer {
  const known =
    error instanceof ServiceError ? error : new ServiceError(500, 'InternalServerError', 'Internal server error.');
  const { status, message } = known;
  const code = String(known.code);
  return { status, body: { code, httpStatusCode: String(status), message, details: message } };
}
