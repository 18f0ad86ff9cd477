import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpRequestInit } from '@azure/functions';
import { noRows } from '../../../lib/jobs/job.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { someDevice, someJob, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';
import { call, json } from './call.ts';

/* Each query parameter and header has an effect: an operation that ignores one answers something else. */

type Query = Record<string, string>;

const csv = { 'content-type': 'text/csv' };
const list = 'deviceId\ngw-1\n';
const submit = (world: World, query: Query = {}, headers: Query = {}) =>
  json(world, 'submit-job', { query, headers: { ...csv, ...headers }, body: { string: list } });

async function openWorld(): Promise<World> {
  const world = createWorld({ chunkRows: 5 });
  await world.declare('line7', { keyCustody: 'plain' });
  return world;
}

describe('POST /api/jobs', () => {
  /** What travels with the list that was stored last. */
  async function stored(world: World) {
    const [name = ''] = [...world.manifests.blobs.keys()].slice(-1);
    const properties = await world.manifests.properties(name);
    return { name, metadata: properties?.metadata ?? {} };
  }

  for (const onConflict of ['reject', 'replace', 'reissue']) {
    it(`takes onConflict=${onConflict}`, async () => {
      using world = await openWorld();
      const job = await submit(world, { onConflict });
      assert.equal(job['onConflict'], onConflict);
      assert.equal((await stored(world)).metadata['onconflict'], onConflict);
      assert.equal((await world.job(String(job['jobId']))).onConflict, onConflict);
    });
  }

  it('rejects what exists already unless onConflict says otherwise, and takes no other word', async () => {
    using world = await openWorld();
    assert.equal((await submit(world))['onConflict'], 'reject');
    await assert.rejects(submit(world, { onConflict: 'overwrite' }), { code: 'request-invalid' });
  });

  it('takes adopt=true, and adopts nothing without it', async () => {
    using world = await openWorld();
    const adopted = async (query: Query) => {
      const { jobId } = await submit(world, query);
      return [(await stored(world)).metadata['adopt'], (await world.job(String(jobId))).adopt];
    };
    assert.deepEqual(await adopted({ adopt: 'true' }), ['true', true]);
    assert.deepEqual((await adopted({}))[0], undefined);
    assert.deepEqual((await adopted({ adopt: 'false' }))[0], undefined);
  });

  it('takes the group of rows that name none', async () => {
    using world = await openWorld();
    await submit(world, { enrollmentGroup: 'line7' });
    assert.match((await stored(world)).name, /^line7\//);
    await assert.rejects(submit(world, { enrollmentGroup: 'line8' }), { code: 'not-found' });
  });

  it('refuses a list that is not as it was checked', async () => {
    using world = await openWorld();
    const query = { enrollmentGroup: 'line7' };
    const wrong = { ...query, check: `sha256:${'0'.repeat(64)}` };
    await assert.rejects(submit(world, wrong), { code: 'check-changed' });
    assert.equal(world.manifests.blobs.size, 0);
    const { digest } = await json(world, 'create-check', { query, headers: csv, body: { string: list } });
    const job = await submit(world, { ...query, check: String(digest) });
    assert.equal((await stored(world)).metadata['check'], digest);
    assert.equal(typeof job['jobId'], 'string');
  });

  it('takes the same request with the same Idempotency-Key as the same job', async () => {
    using world = await openWorld();
    const send = async (key: string, query: Query = {}) =>
      (await submit(world, query, { 'idempotency-key': key }))['jobId'];
    const first = await send('"one"');
    assert.equal(await send('"one"'), first);
    assert.notEqual(await send('"two"'), first);
    await assert.rejects(send('"one"', { onConflict: 'replace' }), { code: 'idempotency-key-reused' });
  });
});

it('POST /api/checks says what a job with that onConflict would do', async () => {
  using world = await openWorld();
  await world.upload('line7/list.csv', list);
  await world.settle();
  const check = async (query: Query) =>
    JSON.stringify(
      await json(world, 'create-check', {
        query: { enrollmentGroup: 'line7', ...query },
        headers: csv,
        body: { string: list },
      }),
    );
  assert.notEqual(await check({ onConflict: 'reissue' }), await check({}));
});

describe('GET /api/jobs', () => {
  const jobs = [
    someJob({ jobId: '1'.repeat(24), receivedAt: '2026-11-21T08:00:00.000Z', status: 'failed' }),
    someJob({ jobId: '2'.repeat(24), receivedAt: '2026-11-22T07:00:00.000Z', source: 'order' }),
    someJob({
      jobId: '3'.repeat(24),
      receivedAt: '2026-11-23T07:00:00.000Z',
      status: 'completed',
      counts: { ...noRows },
    }),
  ];
  for (const [query, ids] of [
    [{}, ['3', '2', '1']],
    [{ status: 'failed' }, ['1']],
    [{ status: 'failed,received' }, ['2', '1']],
    [{ source: 'order' }, ['2']],
    [{ since: '2026-11-22' }, ['3', '2']],
    [{ since: '1d' }, ['3']],
    [{ until: '2026-11-22' }, ['1']],
    [{ until: '1d' }, ['2', '1']],
    [{ limit: '1' }, ['3']],
  ] as const) {
    it(`lists by ${JSON.stringify(query)}`, async () => {
      using world = createWorld();
      for (const job of jobs) await world.jobs.create(job);
      const found = (await json(world, 'list-jobs', { query }))['jobs'] as { jobId: string }[];
      assert.deepEqual(
        found.map(({ jobId }) => jobId[0]),
        ids,
      );
    });
  }
});

describe('GET /api/devices', () => {
  const identity = {
    sha1Thumbprint: 'A'.repeat(40),
    sha256Thumbprint: 'B'.repeat(64),
    notBefore: someTime.toISOString(),
  };
  const devices = [
    someDevice({ id: 'gw-1', serialNumber: '01'.repeat(16) }),
    someDevice({ id: 'gw-2', enrollmentGroup: 'line8', serialNumber: '02'.repeat(16) }),
    someDevice({
      ...{ id: 'sensor-1', status: 'provisioned', serialNumber: '03'.repeat(16) },
      claim: { jobId: 'f'.repeat(24), chunk: 0, line: 2, attempt: 1 },
      identity: { ...identity, notAfter: '2026-12-01T00:00:00.000Z' },
    }),
  ];
  for (const [query, ids] of [
    [{}, ['gw-1', 'gw-2', 'sensor-1']],
    [{ group: 'line8' }, ['gw-2']],
    [{ job: 'f'.repeat(24) }, ['sensor-1']],
    [{ status: 'provisioned' }, ['sensor-1']],
    [{ expiresBefore: '30d' }, ['sensor-1']],
    [{ expiresBefore: '2d' }, []],
    [{ idPrefix: 'GW' }, ['gw-1', 'gw-2']],
    [{ certificate: '02'.repeat(16) }, ['gw-2']],
    [{ limit: '2' }, ['gw-1', 'gw-2']],
  ] as const) {
    it(`lists by ${JSON.stringify(query)}`, async () => {
      using world = createWorld();
      await world.devices.create(devices);
      const found = (await json(world, 'list-devices', { query }))['devices'] as { deviceId: string }[];
      assert.deepEqual(
        found.map(({ deviceId }) => deviceId),
        ids,
      );
    });
  }
});

describe('dead letters', () => {
  const [first, second] = [someLetter('1'.repeat(32), 'chunks'), someLetter('2'.repeat(32), 'orders')];
  const other = { ...second, reason: { ...second.reason, code: 'order-invalid' as const } };
  const queries: readonly [query: Query, ids: readonly string[]][] = [
    [{ queue: 'orders' }, [other.id]],
    [{ reason: 'order-invalid' }, [other.id]],
    [{ ids: first.id }, [first.id]],
  ];
  async function letters() {
    const world = createWorld();
    for (const letter of [first, other]) await world.deadLetters.put(letter);
    return world;
  }
  const listed = async (world: World, query: Query = {}) =>
    ((await json(world, 'list-dead-letters', { query }))['deadLetters'] as { id: string }[]).map(({ id }) => id);

  for (const [query, ids] of queries) {
    it(`are listed, discarded and redriven by ${JSON.stringify(query)}`, async () => {
      using world = await letters();
      assert.deepEqual(await listed(world, query), ids);
      const redrive = await json(world, 'redrive-dead-letters', { query });
      assert.equal(Number(redrive['redriven']) + Number(redrive['left']), 1);
      using again = await letters();
      assert.equal((await json(again, 'discard-dead-letters', { query }))['discarded'], 1);
      assert.deepEqual(await listed(again, { state: 'discarded' }), ids);
      assert.equal((await listed(again)).length, 1);
    });
  }

  it('are all discarded with all=true only', async () => {
    using world = await letters();
    await assert.rejects(json(world, 'discard-dead-letters'), { code: 'request-invalid' });
    await assert.rejects(json(world, 'discard-dead-letters', { query: { all: 'false' } }), { code: 'request-invalid' });
    assert.equal((await json(world, 'discard-dead-letters', { query: { all: 'true' } }))['discarded'], 2);
  });
});

describe('the reports of a job', () => {
  async function someReport() {
    const world = await openWorld();
    const jobId = await world.upload(
      'line7/list.csv',
      'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line9\ngw 3,line7\n',
    );
    await world.settle();
    const params = { jobId };
    const errors = async (query: Query) =>
      ((await json(world, 'get-job-errors', { params, query }))['errors'] as { code: string }[]).map(
        ({ code }) => code,
      );
    const typeOf = async (id: string, init: Partial<HttpRequestInit>) => {
      const { headers } = await call(world, id, { params, ...init });
      return (headers as Query)['content-type'];
    };
    return { world, errors, typeOf };
  }

  it('are CSV, or JSON where format or Accept asks for it', async () => {
    const { world, typeOf } = await someReport();
    using _ = world;
    for (const id of ['get-job-errors', 'get-job-results']) {
      assert.match((await typeOf(id, {})) ?? '', /^text\/csv/);
      assert.match((await typeOf(id, { query: { format: 'json' } })) ?? '', /json/);
      assert.match((await typeOf(id, { headers: { accept: 'application/json' } })) ?? '', /json/);
      const both = { query: { format: 'csv' }, headers: { accept: 'application/json' } };
      assert.match((await typeOf(id, both)) ?? '', /^text\/csv/);
    }
  });

  it('list errors by reason, in pages', async () => {
    const { world, errors } = await someReport();
    using _ = world;
    const all = await errors({ format: 'json' });
    assert.equal(all.length, 2);
    const [reason = ''] = all;
    assert.deepEqual(await errors({ format: 'json', reason }), [reason]);
    assert.equal((await errors({ format: 'json', limit: '1' })).length, 1);
  });
});

it('GET /api/jobs/{jobId} answers 304 to the ETag of its last answer only', async () => {
  using world = await openWorld();
  const { jobId } = await submit(world);
  const params = { jobId: String(jobId) };
  const { status, headers } = await call(world, 'get-job', { params });
  assert.equal(status, 200);
  const known = (headers as Query)['etag'] ?? '';
  assert.equal((await call(world, 'get-job', { params, headers: { 'if-none-match': known } })).status, 304);
  assert.equal((await call(world, 'get-job', { params, headers: { 'if-none-match': '"other"' } })).status, 200);
});
