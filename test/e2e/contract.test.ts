import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../../docs/openapi.d.ts';
import { until } from '../until.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * A client that knows docs/openapi.json only: its types are made from it by openapi-typescript. That this file compiles shows
 * that the description is enough to write a client; that it passes shows that the description is true.
 */

let fleet: TestStack;
let client: Client<paths>;
before(async () => {
  fleet = await startTestStack();
  const { urls, functionsKey } = fleet.stack;
  client = createClient<paths>({ baseUrl: `${urls.functions}/api`, headers: { 'x-functions-key': functionsKey } });
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };
const list = 'deviceId,tags.slot:number\ncontract-1,1\ncontract-2,2\ncontract-3,three\n';

/** A body of text as it is; the client would write JSON. */
const asText = { bodySerializer: (body: string) => body, headers: { 'content-type': 'text/csv' } };

test('a client made from the description walks one job from its group to its bundles', limit, async () => {
  const { data: me } = await client.GET('/me');
  assert.equal(me?.access, 'keys');
  assert.ok(me.operations.some(({ id }) => id === 'submit-job'));

  const declared = await client.PUT('/enrollment-groups/{id}', {
    params: { path: { id: 'line7' } },
    body: { keyCustody: 'plain', initialTwin: { tags: { line: 7 } } },
  });
  assert.deepEqual([declared.response.status, declared.data?.enrollment.status], [201, 'enrolled']);

  const submit = (body: string) =>
    client.POST('/jobs', {
      params: { query: { enrollmentGroup: 'line7' }, header: { 'idempotency-key': 'contract-1' } },
      body,
      ...asText,
    });
  const { data: submitted, response } = await submit(list);
  assert.equal(response.status, 202);
  const jobId = submitted?.jobId ?? '';
  assert.equal(response.headers.get('location'), `/api/jobs/${jobId}`);
  assert.ok(Number(response.headers.get('retry-after')) > 0);

  const params = { path: { jobId } };
  const { data: job, response: polled } = await until(async () => {
    const answer = await client.GET('/jobs/{jobId}', { params });
    return answer.data?.finishedAt !== undefined && answer;
  });
  assert.deepEqual([job?.status, job?.counts.provisioned, job?.counts.rejected], ['completedWithErrors', 2, 1]);
  assert.equal(polled.headers.get('retry-after'), null, 'nothing more will come');

  const etag = polled.headers.get('etag') ?? '';
  const again = await client.GET('/jobs/{jobId}', { params: { ...params, header: { 'if-none-match': etag } } });
  assert.equal(again.response.status, 304);

  const repeated = await submit(list);
  assert.equal(repeated.data?.jobId, jobId, 'the same request with the same key is the same job');
  const { error: reused } = await submit(`${list}contract-4,4\n`);
  assert.equal(reused?.title, 'idempotency-key-reused');

  const { data: errors } = await client.GET('/jobs/{jobId}/errors', { params, parseAs: 'text' });
  assert.match(errors ?? '', /^contract-3,three,4,value-type/m);

  const first = await client.GET('/devices', { params: { query: { job: jobId, limit: 1 } } });
  assert.deepEqual(
    first.data?.devices.map(({ deviceId, status }) => [deviceId, status]),
    [['contract-1', 'provisioned']],
  );
  const nextLink = first.data?.nextLink ?? '';
  assert.ok(nextLink.startsWith(fleet.stack.urls.functions), nextLink);
  assert.equal(new URL(nextLink).pathname + new URL(nextLink).search, first.data?.next);
  const next = await fetch(nextLink, { headers: { 'x-functions-key': fleet.stack.functionsKey } });
  const { devices } = (await next.json()) as { devices: { deviceId: string }[] };
  assert.deepEqual(
    devices.map(({ deviceId }) => deviceId),
    ['contract-2'],
  );

  const { data: bundle, response: download } = await client.GET('/devices/{deviceId}/bundle', {
    params: { path: { deviceId: 'contract-1' } },
    parseAs: 'arrayBuffer',
  });
  assert.equal(download.headers.get('content-type'), 'application/gzip');
  assert.ok((bundle?.byteLength ?? 0) > 1000);
});

test('the client gets the name that it meant, and every fault at once', limit, async () => {
  const { error } = await client.POST('/jobs', {
    params: { query: { onConflict: 'overwrite' as never, ['group' as never]: 'line7' } },
    body: list,
    ...asText,
  });
  assert.equal(error?.title, 'request-invalid');
  assert.deepEqual(
    error?.faults?.map(({ path, message }) => [path, message]),
    [
      ['group', 'There is no parameter "group". Did you mean enrollmentGroup?'],
      ['onConflict', 'The parameter onConflict is "overwrite". Expected reject, replace, reissue.'],
    ],
  );
});

test('the app serves the description that is committed', limit, async () => {
  const { data } = await client.GET('/openapi.json');
  assert.deepEqual(data, JSON.parse(await readFile('docs/openapi.json', 'utf8')));
});
