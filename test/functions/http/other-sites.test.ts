import assert from 'node:assert/strict';
import { it } from 'node:test';
import functions from '@azure/functions';
import { refuseOtherSites } from '../../../functions/http/other-sites.ts';
import { FleetError } from '../../../lib/errors.ts';

const cookie = { cookie: 'AppServiceAuthSession=1' };

function refuse(method: 'GET' | 'POST' | 'DELETE', headers: Record<string, string>): void {
  const request = new functions.HttpRequest({ method, url: 'https://fleet.example/api/x', headers });
  refuseOtherSites({ method }, request);
}

it('a change that a page of another site sends with a cookie is refused', () => {
  for (const site of ['cross-site', 'same-site', 'something-new']) {
    for (const method of ['POST', 'DELETE'] as const) {
      assert.throws(
        () => refuse(method, { ...cookie, 'sec-fetch-site': site }),
        (error: unknown) => error instanceof FleetError && error.code === 'other-site' && error.status === 403,
        `${method} ${site}`,
      );
    }
  }
});

it('the console, an address that was typed, a client without a cookie, and reading pass', () => {
  for (const [method, headers] of [
    ['POST', { ...cookie, 'sec-fetch-site': 'same-origin' }],
    ['POST', { ...cookie, 'sec-fetch-site': 'none' }],
    ['POST', cookie],
    ['POST', { 'sec-fetch-site': 'cross-site', 'x-functions-key': 'key' }],
    ['GET', { ...cookie, 'sec-fetch-site': 'cross-site' }],
  ] as const) {
    assert.doesNotThrow(() => refuse(method, headers), `${method} ${JSON.stringify(headers)}`);
  }
});
