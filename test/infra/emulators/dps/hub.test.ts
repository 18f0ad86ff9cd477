import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import common from 'azure-iot-common';
import type { Registry } from 'azure-iothub';
import { wellKnownKey } from 'fleet-emulators/dps';
import { expiry, type RunningDps, startDps } from './running-dps.ts';

/*
 * The registry of the linked hubs through azure-iothub.
 */

let dps: RunningDps;
let registry: Registry;
before(async () => {
  dps = await startDps({
    hubs: ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey })),
  });
  registry = dps.registry;
});
after(() => dps.stop());

// biome-ignore lint/suspicious/noExplicitAny: the client's type lacks most of a twin
const twinOf = async (id: string): Promise<any> => (await registry.getTwin(id)).responseBody;

test('a device is created, read, updated by etag and deleted', async () => {
  const { responseBody: created } = await registry.create({ deviceId: 'dev-1' });
  // biome-ignore lint/suspicious/noExplicitAny: the client's type lacks most of an identity
  const { authentication, status, capabilities } = created as any;
  assert.equal(status, 'enabled');
  assert.deepEqual(capabilities, { iotEdge: false });
  assert.equal(authentication['type'], 'sas');
  assert.ok(authentication['symmetricKey']['primaryKey']);
  await assert.rejects(registry.create({ deviceId: 'dev-1' }), { name: 'DeviceAlreadyExistsError' });
  const { responseBody: read } = await registry.get('dev-1');
  const etag = (read as unknown as { etag: string }).etag;
  await registry.update({ deviceId: 'dev-1', status: 'disabled' } as never);
  assert.equal(((await registry.get('dev-1')).responseBody as unknown as { status: string }).status, 'disabled');
  // The update of this client always sends `*`. Other clients send the etag.
  const late = await dps.raw('/devices/dev-1?api-version=2021-04-12', {
    method: 'PUT',
    headers: { authorization: 'Bearer t', 'content-type': 'application/json', 'if-match': `"${etag}"` },
    body: JSON.stringify({ deviceId: 'dev-1', status: 'enabled' }),
  });
  assert.equal(late.status, 412);
  assert.match(late.json().Message, /^ErrorCode:PreconditionFailed;/);
  await registry.delete('dev-1');
  await assert.rejects(registry.get('dev-1'), { name: 'DeviceNotFoundError' });
  await assert.rejects(registry.delete('dev-1'), { name: 'DeviceNotFoundError' });
  await assert.rejects(registry.getTwin('dev-1'), { name: 'DeviceNotFoundError' });
});

test('a twin is merged member by member, null removes, and the metadata is updated', async () => {
  await registry.create({ deviceId: 'twin-1' });
  const first = await twinOf('twin-1');
  assert.deepEqual([first.version, first.properties.desired.$version], [1, 1]);
  await registry.updateTwin(
    'twin-1',
    { tags: { a: { b: 1, c: 2 }, d: 3 }, properties: { desired: { x: { y: 1 } } } } as never,
    '*',
  );
  await registry.updateTwin(
    'twin-1',
    { tags: { a: { b: null }, d: null }, properties: { desired: { x: { z: 2 } } } } as never,
    '*',
  );
  const twin = await twinOf('twin-1');
  assert.deepEqual(twin.tags, { a: { c: 2 } });
  const { $metadata, $version, ...desired } = twin.properties.desired;
  assert.deepEqual(desired, { x: { y: 1, z: 2 } });
  assert.deepEqual([$version, $metadata.x.z.$lastUpdatedVersion, $metadata.x.y.$lastUpdatedVersion], [3, 3, 2]);
  assert.match(twin.etag, /^[A-Za-z0-9+/]{11}=$/);
  await assert.rejects(registry.updateTwin('twin-1', { tags: { late: true } } as never, first.etag), {
    name: 'InvalidEtagError',
  });
  await registry.updateTwin('twin-1', { tags: { inTime: true } } as never, twin.etag);
  assert.equal((await twinOf('twin-1')).tags.inTime, true);
});

test('a POST with X-HTTP-Method-Override: PATCH is a PATCH', async () => {
  await registry.create({ deviceId: 'override' });
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json', 'x-http-method-override': 'PATCH' };
  const path = '/twins/override?api-version=2021-04-12';
  const answer = await dps.raw(path, { method: 'POST', headers, body: '{"tags":{"site":"berlin"}}' });
  assert.equal(answer.status, 200);
  assert.deepEqual((await twinOf('override')).tags, { site: 'berlin' });
  const without = { ...headers, 'x-http-method-override': 'DELETE' };
  assert.equal((await dps.raw(path, { method: 'POST', headers: without, body: '{}' })).status, 405);
});

test('names of Object.prototype are ordinary member names', async () => {
  await registry.create({ deviceId: 'proto' });
  const body = '{"tags":{"constructor":{"prototype":{"polluted":1}},"__proto__":{"polluted":2},"toString":"text"}}';
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
  const answer = await dps.raw('/twins/proto?api-version=2021-04-12', { method: 'PATCH', headers, body });
  assert.equal(answer.status, 200);
  assert.equal(answer.json().tags.toString, 'text');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal((await twinOf('proto')).tags.toString, 'text');
});

test('invalid identities and twins are refused', async () => {
  await registry.create({ deviceId: 'limits' });
  for (const tags of [{ 'a b': 1 }, { $a: 1 }, { a: 'x'.repeat(5000) }, { a: Array(9000).fill('x').join('') }]) {
    await assert.rejects(registry.updateTwin('limits', { tags } as never, '*'), { name: 'ArgumentError' });
  }
  await assert.rejects(registry.updateTwin('limits', { tags: [] } as never, '*'), { name: 'ArgumentError' });
  for (const deviceId of ['a b', 'ä', 'x'.repeat(129)]) {
    await assert.rejects(registry.create({ deviceId }), { name: 'ArgumentError' });
  }
});

test('queries find devices by their twins, in pages', async () => {
  const ids = Array.from({ length: 25 }, (_, index) => `query-${String(index).padStart(2, '0')}`);
  await registry.addDevices(ids.map((deviceId) => ({ deviceId })) as never);
  for (const [index, id] of ids.entries()) {
    const patch = {
      tags: { line: index % 2 === 0 ? 'even' : 'odd', slot: index },
      properties: { desired: { on: index < 3 } },
    };
    await registry.updateTwin(id, patch as never, '*');
  }
  const find = async (where: string) => {
    const query = registry.createQuery(`SELECT * FROM devices WHERE ${where}`, 4);
    const found: string[] = [];
    do {
      const page = (await query.next(query.continuationToken)).result as unknown as { deviceId: string }[];
      assert.ok(page.length <= 4);
      found.push(...page.map((device) => device.deviceId));
    } while (query.hasMoreResults);
    return found;
  };
  assert.deepEqual(await find("tags.line = 'even' AND tags.slot < 10"), [
    'query-00',
    'query-02',
    'query-04',
    'query-06',
    'query-08',
  ]);
  const projection = registry.createQuery(
    "SELECT deviceId, tags, modelNumber FROM devices WHERE deviceId = 'query-03'",
  );
  const { result } = await projection.next(projection.continuationToken);
  assert.deepEqual(result, [{ deviceId: 'query-03', tags: { line: 'odd', slot: 3 } }]);
  assert.deepEqual(await find('properties.desired.on = true'), ids.slice(0, 3));
  assert.deepEqual(await find("STARTSWITH(deviceId, 'query-1')"), ids.slice(10, 20));
  assert.deepEqual(await find("deviceId IN ['query-03', 'query-24', 'nobody']"), ['query-03', 'query-24']);
  assert.deepEqual(await find("is_defined(tags.slot) and not (tags.slot < 24 or tags.line = 'odd')"), ['query-24']);
  assert.deepEqual(await find("tags.line = 'it''s odd'"), []);
  const inQuery = (where: string) => find(`STARTSWITH(deviceId, 'query-') AND ${where}`);
  assert.deepEqual(await inQuery('tags.slot <= 1'), ids.slice(0, 2));
  assert.deepEqual(await inQuery('tags.slot > 23'), ids.slice(24));
  assert.deepEqual(await inQuery('tags.slot >= 23'), ids.slice(23));
  assert.deepEqual(await inQuery("tags.line != 'odd' AND tags.slot <> 0 AND tags.slot < 5"), ['query-02', 'query-04']);
  assert.deepEqual(await inQuery("deviceId NIN ['query-00', 'query-01'] AND tags.slot < 3"), ['query-02']);
  assert.deepEqual(await inQuery("(tags.slot = 1 OR tags.slot = 2) AND tags.line = 'odd'"), ['query-01']);
  assert.deepEqual(await inQuery('IS_DEFINED(deviceId)'), ids);
  assert.deepEqual(await inQuery('IS_DEFINED(properties.reported.on)'), []);
  assert.deepEqual(await inQuery("status = 'disabled'"), []);
  assert.deepEqual(await inQuery('capabilities.iotEdge = true'), []);
  // A condition of 500 words is compiled. A longer one could overflow the stack of the compiler.
  const listOf = (count: number) => `deviceId IN [${Array(count).fill("'query-03'").join(',')}]`;
  const without = await find(`NOT ${listOf(248)}`);
  assert.ok(without.includes('query-04') && !without.includes('query-03'));
  await assert.rejects(find(`(${listOf(248)})`), { name: 'ArgumentError' });
  // A token of one query cannot continue another one.
  const even = registry.createQuery("SELECT * FROM devices WHERE tags.line = 'even'", 4);
  await even.next();
  const odd = registry.createQuery("SELECT * FROM devices WHERE tags.line = 'odd'", 4);
  await assert.rejects(odd.next(even.continuationToken), { name: 'ArgumentError' });
  for (const where of [
    'tags.line',
    "tags.line = 'x' ORDER BY deviceId",
    "deviceId = 'a' ; DROP TABLE documents",
    'nonsense = 1',
    '',
  ]) {
    await assert.rejects(find(where), { name: 'ArgumentError' });
  }
});

test('localhost lists the devices of all hubs, the name of a hub only its own', async () => {
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
  const on = (hub: string) => ({ ...headers, host: hub });
  const put = (hub: string, deviceId: string) =>
    dps.raw(`/devices/${deviceId}?api-version=2021-04-12`, {
      method: 'PUT',
      headers: on(hub),
      body: JSON.stringify({ deviceId }),
    });
  assert.equal((await put('hub-1.localhost', 'on-1')).status, 200);
  assert.equal((await put('hub-2.localhost', 'on-2')).status, 200);
  const list = async (hub: string) =>
    ((await dps.raw('/devices/?api-version=2021-04-12', { headers: on(hub) })).json() as { deviceId: string }[]).map(
      (each) => each.deviceId,
    );
  assert.ok((await list('hub-2.localhost')).includes('on-2'));
  assert.ok(!(await list('hub-2.localhost')).includes('on-1'));
  const everywhere = (await registry.list()).responseBody.map((each) => each.deviceId);
  assert.ok(everywhere.includes('on-1') && everywhere.includes('on-2'));
});

test("a call needs a signature with the hub's key", async () => {
  const get = async (authorization?: string) =>
    (
      await dps.raw('/devices/nobody?api-version=2021-04-12', {
        headers: authorization === undefined ? {} : { authorization },
      })
    ).status;
  assert.equal(await get(), 401);
  assert.equal(await get('SharedAccessSignature sr=localhost&sig=AAAA&skn=iothubowner&se=9999999999'), 401);
  assert.equal(await get('Bearer anything'), 404);
  const sign = (resource: string, { policy = 'iothubowner', key = wellKnownKey, until = expiry() } = {}) =>
    common.SharedAccessSignature.create(resource, policy, key, until).toString();
  const here = `localhost:${dps.port}`;
  assert.equal(await get(sign(here)), 404);
  assert.equal(await get(sign(`elsewhere:${dps.port}`)), 401);
  assert.equal(await get(sign(here, { key: Buffer.from('another key').toString('base64') })), 401);
  assert.equal(await get(sign(here, { policy: 'service' })), 401);
  assert.equal(await get(sign(here, { until: Math.floor(Date.now() / 1000) - 1 })), 401);
});
