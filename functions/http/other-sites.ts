import type { HttpRequest } from '@azure/functions';
import { FleetError } from '../../lib/errors.ts';
import type { Operation } from './operation.ts';

/**
 * Refuses a change that a page of another site sends with the cookie of someone who has signed in here. Browsers say which
 * site a request comes from (https://www.w3.org/TR/fetch-metadata/), and a page cannot change that. `none`: the user typed the
 * address. A request without a cookie brings its own key or token, which a page of another site does not have.
 * @throws FleetError `other-site`
 */
export function refuseOtherSites({ method }: Pick<Operation, 'method'>, request: HttpRequest): void {
  const site = request.headers.get('sec-fetch-site');
  if (method === 'GET' || request.headers.get('cookie') === null) return;
  if (site === null || site === 'same-origin' || site === 'none') return;
  const expected = 'same-origin';
  const message = `The request was sent by a page of another site (Sec-Fetch-Site: ${site}), with a cookie of this app.`;
  throw new FleetError('other-site', message, { column: 'sec-fetch-site', expected, value: site });
}
