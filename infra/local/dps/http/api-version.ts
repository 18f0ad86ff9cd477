import type { Call } from './router.ts';
import { dpsError } from './service-error.ts';

/** The `api-version` of a call, e.g. 2021-10-01; required everywhere in DPS. */
export function apiVersionOf(call: Call): string {
  const version = call.query.get('api-version');
  if (version === null || !/^\d{4}-\d\d-\d\d(-preview)?$/.test(version)) {
    throw dpsError(400, 'The query parameter api-version is missing or not a date such as 2021-10-01.');
  }
  return version;
}
