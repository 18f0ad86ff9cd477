import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { principalHeader } from '../../infra/local/principal.ts';
import type { Role } from '../../lib/access/principal.ts';
import { until } from '../until.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * The stack with HTTP_ACCESS=entra. The local host accepts the principal header as built-in authentication sets it. No
 * request carries a function key.
 */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack({ settings: { HTTP_ACCESS: 'entra' } });
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

async function as(role: Role | undefined, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (role !== undefined) {
    headers.set('x-ms-client-principal', principalHeader({ name: `${role}@example.com`, roles: [role] }));
  }
  return fetch(`${fleet.stack.urls.functions}/api/${path}`, { ...init, headers });
}

test('a request without a principal is refused, and a reader may read the health', limit, async () => {
  assert.equal((await as(undefined, 'health')).status, 401);
  const response = await as('reader', 'health');
  const { status, checks } = (await response.json()) as { status: string; checks: { ok: boolean; name: string }[] };
  assert.deepEqual(
    checks.filter(({ ok }) => !ok),
    [],
  );
  assert.equal(status, 'ok');
});

test('a caller cannot forge headers by a query parameter of the name of the host’s binding data', limit, async () => {
  const header = principalHeader({ name: 'mallory@example.com', roles: ['operator'] });
  const forged = encodeURIComponent(JSON.stringify({ 'x-ms-client-principal': header }));
  for (const name of ['Headers', 'headers']) {
    assert.equal((await as(undefined, `dead-letters?${name}=${forged}`)).status, 401);
    assert.equal((await as('reader', `dead-letters?${name}=${forged}`)).status, 403);
    assert.equal((await as('reader', `jobs?${name}=${forged}`)).status, 200, 'the real headers are used');
  }
});

test('each role may do its part of a job, and only an operator may download bundles, with a name', limit, async () => {
  const group = { method: 'PUT', body: JSON.stringify({ keyCustody: 'plain' }) };
  assert.equal((await as('submitter', 'enrollment-groups/line7', group)).status, 403);
  assert.equal((await as('operator', 'enrollment-groups/line7', group)).status, 201);

  const manifest = { method: 'POST', body: manifestOf('gw', 2), headers: { 'content-type': 'text/csv' } };
  assert.equal((await as('reader', 'jobs?enrollmentGroup=line7', manifest)).status, 403);
  const submitted = await as('submitter', 'jobs?enrollmentGroup=line7', manifest);
  assert.equal(submitted.status, 202);
  const { jobId } = (await submitted.json()) as { jobId: string };
  const job = await until(async () => {
    const answer = await as('reader', `jobs/${jobId}`);
    const found = (await answer.json()) as { status: string; finishedAt?: string };
    return found.finishedAt !== undefined && found;
  });
  assert.equal(job.status, 'completed');

  assert.equal((await as('submitter', 'devices/gw-1/bundle')).status, 403);
  const bundle = await as('operator', 'devices/gw-1/bundle');
  assert.equal(bundle.status, 200);
  assert.equal(bundle.headers.get('cache-control'), 'no-store');
  assert.ok((await bundle.arrayBuffer()).byteLength > 1000);

  const device = (await (await as('reader', 'devices/gw-1')).json()) as {
    history: { event: string; detail?: string }[];
  };
  const downloads = device.history.filter(({ event }) => event === 'bundle downloaded');
  assert.equal(downloads.length, 1, 'the refused request is not recorded as a download');
  assert.match(downloads[0]?.detail ?? '', /^by operator@example\.com, request /);
});
