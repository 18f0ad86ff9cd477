import type { AuthorizeService } from '../auth/service-authorization.ts';
import { apiVersionOf } from '../http/api-version.ts';
import { throttled } from '../http/dps-errors.ts';
import type { Answer, Call } from '../http/router.ts';
import type { AccessRight } from '../options.ts';
import type { RateLimit } from '../rate-limit.ts';

/** Puts the checks that every service API operation shares before its handler. */
export type Guard = (right: AccessRight, handle: (call: Call, apiVersion: string) => Answer) => (call: Call) => Answer;

export function createGuard({ authorize, operations }: { authorize: AuthorizeService; operations: RateLimit }): Guard {
  return (right, handle) => (call) => {
    authorize(call, right);
    // Only calls of callers who may call count: a stranger cannot use up the quota.
    const wait = operations.take();
    if (wait > 0) throw throttled(wait);
    return handle(call, apiVersionOf(call));
  };
}
