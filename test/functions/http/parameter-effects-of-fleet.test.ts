import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createLog } from '../../lib/audit/some-log.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { createMemoryWebhookStore } from '../../memory/webhook-store.ts';
import { createWorld, type World } from '../../world.ts';
import { call, json } from './call.ts';

/* Each query parameter and header of what is read about a fleet has an effect (see parameter-effects.test.ts). */

type Query = Record<string, string>;

const hub = 'hub.azure-devices.net';
const dayMs = 24 * 60 * 60 * 1000;
const day = (days: number) => new Date(someTime.getTime() + days * dayMs).toISOString();

async function openWorld(enrollment: 'group' | 'individual' = 'group'): Promise<World> {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain', enrollment });
  return world;
}

async function provisioned(enrollment: 'group' | 'individual' = 'group'): Promise<World> {
  const world = await openWorld(enrollment);
  await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
  await world.settle();
  return world;
}

describe('GET /api/certificates', () => {
  const digits = (index: number, length: number) => String(index).repeat(length);
  function certificate(index: number, change: Partial<DeviceCertificate> = {}): DeviceCertificate {
    return {
      ...{ kind: 'identity', serialNumber: digits(index, 32), enrollmentGroup: 'line7', caGeneration: 1 },
      ...{ sha1Thumbprint: digits(index, 40), sha256Thumbprint: digits(index, 64) },
      ...{ notBefore: day(-10), notAfter: day(10), keyMadeBy: 'service', state: 'live', since: day(-10) },
      ...change,
    };
  }
  const held = [
    certificate(1),
    certificate(2, { caGeneration: 2, notBefore: day(-5) }),
    certificate(3, { enrollmentGroup: 'line8', keyMadeBy: 'device', notBefore: day(-2) }),
    certificate(4, { notBefore: day(-30), notAfter: day(-20) }),
    certificate(5, { state: 'revoked', since: day(-3) }),
  ];
  const devices = held.map((each, index) =>
    someDevice({ id: `gw-${index + 1}`, enrollmentGroup: each.enrollmentGroup, certificates: [each] }),
  );
  async function someFleet() {
    const world = createWorld();
    await world.devices.create(devices);
    return world;
  }

  const queries: readonly [query: Query, devices: readonly number[]][] = [
    [{}, [1, 2, 3]],
    [{ ca: 'line7' }, [1, 2]],
    [{ ca: 'line7/2' }, [2]],
    [{ ca: 'line8' }, [3]],
    [{ issuedFrom: '5d' }, [2, 3]],
    [{ issuedTo: '5d' }, [1]],
    [{ issuedFrom: '6d', issuedTo: '4d' }, [2]],
    [{ custody: 'device' }, [3]],
    [{ custody: 'service' }, [1, 2]],
    [{ asOf: day(-25) }, [4]],
    [{ asOf: day(-4) }, [1, 2, 5]],
    [{ asOf: day(-5) }, [1, 2, 5]],
    [{ asOf: day(-3) }, [1, 2]],
    [{ asOf: day(-20) }, [4]],
    [{ limit: '1' }, [1]],
  ];
  for (const [query, ids] of queries) {
    it(`lists by ${JSON.stringify(query)}`, async () => {
      using world = await someFleet();
      const found = (await json(world, 'list-certificates', { query }))['certificates'] as { deviceId: string }[];
      assert.deepEqual(
        found.map(({ deviceId }) => deviceId),
        ids.map((id) => `gw-${id}`),
      );
    });
  }

  it('is JSON, or all of it as CSV where format or Accept asks for that', async () => {
    using world = await someFleet();
    const typeOf = async (query: Query, headers: Query = {}) => {
      const answer = await call(world, 'list-certificates', { query, headers });
      assert.equal((answer.headers as Query)['vary'], 'Accept');
      return /csv|json/.exec((answer.headers as Query)['content-type'] ?? 'json')?.[0];
    };
    assert.equal(await typeOf({}), 'json');
    assert.equal(await typeOf({ format: 'csv' }), 'csv');
    assert.equal(await typeOf({}, { accept: 'text/csv' }), 'csv');
    assert.equal(await typeOf({}, { accept: 'application/json, text/csv;q=0.5' }), 'json');
    assert.equal(await typeOf({ format: 'json' }, { accept: 'text/csv' }), 'json');
    const { body } = await call(world, 'list-certificates', { query: { format: 'csv', limit: '1' } });
    const lines = (await new Response(body as ReadableStream).text()).trim().split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(',')[0]),
      ['deviceId', 'gw-1', 'gw-2', 'gw-3'],
    );
    // A spreadsheet would round it.
    assert.match(lines[1] ?? '', /,'1{32},'1{64},/);
    assert.match(lines[1] ?? '', /,line7,1,service,live,/);
  });
});

describe('GET /api/audit', () => {
  it('lists by group and job', async () => {
    using world = createWorld();
    const trail = createLog();
    const act = { action: 'cancel-job', by: 'Ada (1)' } as const;
    await trail.audit.intent({ ...act, subject: { jobId: 'a'.repeat(24) } });
    await trail.audit.intent({ action: 'put-enrollment-group', by: 'Bob (2)', subject: { id: 'line7' } });
    await trail.grow(1);
    const list = async (query: Query) => {
      const { entries } = await json(world, 'list-audit-entries', { query }, { auditLog: trail.ports });
      return (entries as { action: string }[]).map(({ action }) => action);
    };
    assert.deepEqual(await list({}), ['delete-device', 'put-enrollment-group', 'cancel-job']);
    assert.deepEqual(await list({ job: 'a'.repeat(24) }), ['cancel-job']);
    assert.deepEqual(await list({ group: 'line7' }), ['put-enrollment-group']);
    assert.deepEqual(await list({ action: 'cancel-job' }), ['cancel-job']);
    assert.deepEqual(await list({ by: '2' }), ['put-enrollment-group']);
    assert.deepEqual(await list({ from: '2026-11-28' }), []);
    assert.equal((await list({ to: '2026-11-28' })).length, 3);
  });

  it('lists the chunk whose bundle a device has now, also while a row issues it again', async () => {
    using world = createWorld();
    const bundle = { archive: 'one.zip', offset: 0, length: 1, sha256: '', fileName: 'x', mediaType: 'x' };
    const before = { enrollmentGroup: 'line7', status: 'assigned', serialNumber: '1', bundle } as never;
    await world.devices.create([someDevice({ before })]);
    const trail = createLog();
    for (const archive of ['one.zip', 'two.zip']) {
      const given = { action: 'issue-certificates', by: 'blob', subject: { jobId: archive.slice(0, 3) } } as const;
      await trail.audit.result({ id: archive, act: given }, { outcome: 'done', details: { archive } });
    }
    await trail.grow(0);
    const query = { device: 'gw-1' };
    const { entries } = await json(world, 'list-audit-entries', { query }, { auditLog: trail.ports });
    assert.deepEqual(
      (entries as { subject: object }[]).map(({ subject }) => subject),
      [{ jobId: 'one' }],
    );
  });
});

describe('GET /api/renewals', () => {
  it('counts the days that are asked for: past and ahead, 30 each by default', async () => {
    using world = await openWorld();
    const period = async (query: Query) => {
      const { from, until } = await json(world, 'get-renewals', { query });
      return [from, until];
    };
    const of = (days: number) => day(days).slice(0, 10);
    assert.deepEqual(await period({}), [of(-30), of(30)]);
    assert.deepEqual(await period({ past: '0', ahead: '0' }), [of(0), of(0)]);
    assert.deepEqual(await period({ past: '90', ahead: '7' }), [of(-90), of(7)]);
    const wrong: readonly Query[] = [{ past: '91' }, { ahead: '-1' }, { ahead: '01' }];
    for (const query of wrong) await assert.rejects(period(query), { code: 'request-invalid' });
  });

  it('lists the rows of one group whose certificates end before a time', async () => {
    using world = await provisioned();
    await world.declare('line8', { keyCustody: 'plain' });
    const rows = async (query: Query) => {
      const { body, headers } = await call(world, 'get-reissue-list', { query });
      assert.match((headers as Query)['content-type'] ?? '', /ndjson/);
      return (await new Response(body as ReadableStream).text()).split('\n').filter(Boolean).length;
    };
    assert.equal(await rows({ enrollmentGroup: 'line7', before: '4000d' }), 1);
    assert.equal(await rows({ enrollmentGroup: 'line7', before: '1d' }), 0);
    assert.equal(await rows({ enrollmentGroup: 'line8', before: '4000d' }), 0);
    await assert.rejects(rows({ enrollmentGroup: 'line9', before: '1d' }), { code: 'not-found' });
    await assert.rejects(rows({ enrollmentGroup: 'line7' }), { code: 'request-invalid' });
  });
});

describe('the rollover of a group', () => {
  const line7 = { params: { id: 'line7' } };
  const more = () => ({ dpsCas: createMemoryDpsCaStore(), dps: { instances: [{ name: 'default' }] } });

  it('shows both CAs and the gate, and is completed for the number of devices that the request names', async () => {
    using world = await provisioned();
    assert.deepEqual(Object.keys(await json(world, 'get-group-rollover', line7)).sort(), ['currentCa', 'id']);
    await world.services().groups.rollOver('line7', { from: 1 });
    const shown = await json(world, 'get-group-rollover', line7);
    const { open, devicesLockedOut, notInstalled } = shown['gate'] as Record<string, unknown>;
    assert.deepEqual([open, devicesLockedOut, (notInstalled as { devices: number }).devices], [false, 1, 1]);
    const generation = (ca: unknown) => (ca as { generation: number }).generation;
    assert.deepEqual([generation(shown['currentCa']), generation(shown['olderCa'])], [2, 1]);

    const complete = (body?: object) =>
      json(
        world,
        'complete-group-rollover',
        { ...line7, ...(body !== undefined && { body: { string: JSON.stringify(body) } }) },
        more(),
      );
    await assert.rejects(complete(), { code: 'rollover-gated' });
    await assert.rejects(complete({ force: { devicesLockedOut: 2 } }), { code: 'rollover-gated' });
    await complete({ force: { devicesLockedOut: 1 } });
    assert.equal((await world.groupStore.read('line7'))?.value.issuingCas.length, 1);
    const entries = world.audit.entries.filter(({ action }) => action === 'complete-group-rollover');
    assert.deepEqual(
      entries.map(({ phase, outcome, details }) => [phase, outcome, details?.['devicesLockedOut']]).slice(-2),
      [
        ['intent', undefined, 1],
        ['result', 'done', 1],
      ],
    );
  });
});

describe('GET /api/webhooks/{webhookId}/deliveries', () => {
  it('lists those of one webhook, by state, in pages', async () => {
    using world = createWorld();
    const webhooks = createMemoryWebhookStore();
    const [one, other] = ['wh-0123456789abcdef', 'wh-fedcba9876543210'];
    const attributes = { specversion: '1.0', source: '/fleet', datacontenttype: 'application/json', data: {} } as const;
    const event = { ...attributes, id: 'e', time: day(0), subject: 'jobs/1', type: 'fleet.job.ended' } as const;
    const delivery = (target: string, deliveryId: string, state: 'waiting' | 'failed', hour: number) =>
      webhooks.createDelivery({
        ...{ deliveryId, target, events: [event, event], state, attempts: 1 },
        createdAt: day(hour / 24),
      } as never);
    await delivery(one, 'a', 'failed', 1);
    await delivery(one, 'b', 'waiting', 2);
    await delivery(other, 'c', 'failed', 3);
    const list = async (webhookId: string, query: Query = {}) => {
      const init = { params: { webhookId }, query };
      const answer = await json(world, 'list-event-deliveries', init, { webhookAdmin: { webhooks } });
      return answer['deliveries'] as Record<string, unknown>[];
    };
    const ids = async (webhookId: string, query: Query = {}) =>
      (await list(webhookId, query)).map(({ deliveryId }) => deliveryId);
    assert.deepEqual(await ids(one), ['b', 'a']);
    assert.deepEqual(await ids(other), ['c']);
    assert.deepEqual(await ids(one, { state: 'failed' }), ['a']);
    assert.deepEqual(await ids(one, { limit: '1' }), ['b']);
    const [shown] = await list(other);
    // An event is not shown: it can have what its receiver alone may see.
    assert.deepEqual(
      [shown?.['types'], shown?.['subject'], shown?.['events'], shown?.['target']],
      [['fleet.job.ended'], 'jobs/1', 2, undefined],
    );
    await assert.rejects(ids('wh-1'), { code: 'not-found' });
  });
});

describe('a device over HTTP', () => {
  const gw1 = { params: { deviceId: 'gw-1' } };

  it('that reached a hub is scrapped with a reason only', async () => {
    using world = await provisioned();
    const registration = { status: 'assigned', assignedHub: hub } as const;
    world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration }]);
    await reconcileRegistrations(world.services());
    await assert.rejects(call(world, 'delete-device', gw1), { code: 'method-conflict' });
    const { status } = await json(world, 'delete-device', { ...gw1, query: { reason: 'broken' } });
    assert.equal(status, 'scrapped');
    const { block } = world.devices.records.get('gw-1') ?? assert.fail();
    assert.deepEqual([block?.by, block?.reason], ['Ann', 'broken']);
  });

  it('is answered 304 to the ETag of its last answer only', async () => {
    using world = await provisioned();
    const { status, headers } = await call(world, 'get-device', gw1);
    assert.equal(status, 200);
    const known = { 'if-none-match': (headers as Query)['etag'] ?? '' };
    assert.equal((await call(world, 'get-device', { ...gw1, headers: known })).status, 304);
    assert.equal((await call(world, 'get-device', { ...gw1, headers: { 'if-none-match': '"other"' } })).status, 200);
    await json(world, 'suspend-device', { ...gw1, body: { string: '{"reason":"lost"}' } });
    assert.equal((await call(world, 'get-device', { ...gw1, headers: known })).status, 200);
  });
});

describe('POST /api/jobs/{jobId}/retry', () => {
  it('takes over what is in DPS with adopt=true only', async () => {
    for (const adopt of [undefined, 'false', 'true']) {
      using world = await openWorld('individual');
      const theirs = { etag: '"x"', createdAt: day(0), attestation: 'x509', thumbprints: ['00'], caReferences: [] };
      world.enrollments.entries.individuals.set('gw-1', theirs);
      const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
      await world.settle();
      const query: Query = adopt === undefined ? {} : { adopt };
      const { rows } = await json(world, 'retry-job', { params: { jobId }, query });
      assert.equal(rows, 1);
      await world.settle();
      const { counts } = await world.job(jobId);
      const expected = adopt === 'true' ? [1, 0] : [0, 1];
      assert.deepEqual([counts.provisioned, counts.failed], expected, `adopt=${adopt}`);
    }
  });
});

describe('a list of acts on many devices', () => {
  it('is read in pages, the latest first', async () => {
    using world = await provisioned();
    const begin = async (reason: string) => {
      const string = JSON.stringify({ act: 'suspend', filter: { group: 'line7' }, reason });
      const id = reason.repeat(36).slice(0, 36);
      return json(world, 'begin-device-act', { body: { string } }, { newId: () => id });
    };
    await begin('a');
    await begin('b');
    const page = async (query: Query) => {
      const { acts, ...rest } = await json(world, 'list-device-acts', { query });
      return { acts: acts as { reason: string; act: string }[], rest };
    };
    const all = await page({});
    assert.deepEqual(
      all.acts.map(({ reason }) => reason),
      ['b', 'a'],
    );
    assertEvery(all.acts, ({ act }) => act === 'suspend');
    assert.equal((await page({ limit: '1' })).acts.length, 1);
  });
});
