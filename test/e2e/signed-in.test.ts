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

const GROUP_ROLES = JSON.stringify({
  'line7-submitter': { role: 'submitter', enrollmentGroups: ['line7'] },
  'line7-operator': { role: 'operator', enrollmentGroups: ['line7'] },
});

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack({ settings: { HTTP_ACCESS: 'entra', GROUP_ROLES } });
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

async function as(
  role: Role | 'line7-submitter' | 'line7-operator' | undefined,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (role !== undefined) {
    headers.set('x-ms-client-principal', principalHeader({ name: `${role}@example.com`, roles: [role] }));
  }
  return fetch(`${fleet.stack.urls.functions}/api/${path}`, { ...init, headers });
}

/** Waits, as a caller with that role, until the job has ended. */
function ended(jobId: string, role: Parameters<typeof as>[0]) {
  return until(async () => {
    const answer = await as(role, `jobs/${jobId}`);
    const job = (await answer.json()) as { finishedAt?: string; counts: { provisioned: number; rejected: number } };
    return job.finishedAt !== undefined && job;
  });
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
    // The real headers are used: the reader may list jobs. Then the parameter itself is refused.
    const answer = await as('reader', `jobs?${name}=${forged}`);
    const { title, column } = (await answer.json()) as { title: string; column: string };
    assert.deepEqual([answer.status, title, column], [400, 'request-invalid', name]);
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

test('a role that is limited to line7 reaches line7 and nothing of line8', limit, async () => {
  const group = { method: 'PUT', body: JSON.stringify({ keyCustody: 'plain' }) };
  assert.equal((await as('operator', 'enrollment-groups/line8', group)).status, 201);
  assert.equal((await as('line7-operator', 'enrollment-groups/line8', group)).status, 403);
  assert.equal((await as('line7-operator', 'enrollment-groups/line7', group)).status, 200);

  const post = (body: string) => ({ method: 'POST', body, headers: { 'content-type': 'text/csv' } });
  const ofLine8 = await as('operator', 'jobs?enrollmentGroup=line8', post(manifestOf('other', 1)));
  const { jobId: otherJob } = (await ofLine8.json()) as { jobId: string };
  await ended(otherJob, 'operator');

  assert.equal((await as('line7-submitter', 'jobs?enrollmentGroup=line8', post(manifestOf('x', 1)))).status, 403);
  const rows = 'deviceId,enrollmentGroup\nmine-1,line7\nmine-2,line8\nother-1,line7\n';
  const submitted = await as('line7-submitter', 'jobs?onConflict=reissue', post(rows));
  assert.equal(submitted.status, 202);
  const { jobId } = (await submitted.json()) as { jobId: string };
  const { counts } = await ended(jobId, 'line7-submitter');
  assert.deepEqual([counts.provisioned, counts.rejected], [1, 2]);
  const errors = await (await as('line7-submitter', `jobs/${jobId}/errors`)).text();
  assert.equal(errors.match(/,forbidden,/g)?.length, 2, errors);

  for (const path of [`jobs/${otherJob}`, `jobs/${otherJob}/results`, 'devices/other-1', 'dead-letters', 'health']) {
    assert.equal((await as('line7-operator', path)).status, 403, path);
  }
  assert.equal((await as('line7-submitter', `jobs/${otherJob}/retry`, { method: 'POST' })).status, 403);
  assert.equal((await as('line7-operator', 'devices/other-1/bundle')).status, 403);
  assert.equal((await as('line7-operator', 'devices/mine-1/bundle')).status, 200);
  const listed = (await (await as('line7-submitter', 'devices')).json()) as { devices: { enrollmentGroup: string }[] };
  assert.deepEqual([...new Set(listed.devices.map(({ enrollmentGroup }) => enrollmentGroup))], ['line7']);
});

test('only the caller who declares a webhook sees its query, which often holds a key', limit, async () => {
  const webhookUrl = 'https://allocate.example.com/api/allocate?code=SECRET';
  const definition = { keyCustody: 'plain', allocationPolicy: 'custom', customAllocation: { webhookUrl } };
  const declared = await as('operator', 'enrollment-groups/lab', { method: 'PUT', body: JSON.stringify(definition) });
  assert.match(await declared.text(), /SECRET/);
  for (const path of ['enrollment-groups/lab', 'enrollment-groups']) {
    for (const role of ['reader', 'operator'] as const) {
      const text = await (await as(role, path)).text();
      assert.match(text, /api\/allocate\?redacted/);
      assert.doesNotMatch(text, /SECRET/);
    }
  }
});
