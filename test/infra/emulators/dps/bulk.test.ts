import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Registry } from 'azure-iothub';
import { type RunningDps, startDps } from './running-dps.ts';

/*
 * Bulk calls: up to 100 identities with their twins.
 */

let dps: RunningDps;
let registry: Registry;
before(async () => {
  dps = await startDps();
  registry = dps.registry;
});
after(() => dps.stop());

const version = 'api-version=2021-04-12';
const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };

async function bulk(...lines: object[]) {
  const answer = await dps.raw(`/devices?${version}`, { method: 'POST', headers, body: JSON.stringify(lines) });
  const { isSuccessful, errors } = answer.json();
  return { status: answer.status, isSuccessful, errors, code: answer.headers['iothub-errorcode'] };
}

const success = { status: 200, isSuccessful: true, errors: [], code: undefined };
const twinOf = async (id: string) => (await dps.raw(`/twins/${id}?${version}`, { headers })).json();
const identityOf = async (id: string) => (await dps.raw(`/devices/${id}?${version}`, { headers })).json();
const codesOf = ({ errors }: { errors: { deviceId: string; errorCode: number }[] }) =>
  errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]);

test('the client adds, updates and removes devices, and gets an error per device', async () => {
  const ids = ['a', 'b', 'c'];
  await registry.addDevices(ids.map((deviceId) => ({ deviceId })) as never);
  const again = await bulk({ id: 'a', importMode: 'create' }, { id: 'd', importMode: 'create' });
  assert.equal(again.status, 400);
  assert.equal(again.isSuccessful, false);
  assert.deepEqual(codesOf(again), [['a', 409001]]);
  assert.equal((await identityOf('d')).status, 'enabled');
  const devices = await Promise.all(ids.map(identityOf));
  await registry.updateDevices(devices.map((each) => ({ ...each, status: 'disabled' })) as never, false);
  assert.equal((await identityOf('c')).status, 'disabled');
  // The etags are those from before the update.
  await assert.rejects(registry.updateDevices(devices as never, false) as Promise<unknown>, { name: 'ArgumentError' });
  await registry.removeDevices([...ids, 'd'].map((deviceId) => ({ deviceId })) as never, true);
  assert.deepEqual(codesOf(await bulk({ id: 'a', importMode: 'delete' })), [['a', 404001]]);
});

test('an entry creates a device with tags and desired properties', async () => {
  const tags = { site: 'berlin', gone: null };
  const properties = { desired: { interval: 60, $version: 7, $metadata: {} } };
  const entry = { id: 'tagged', importMode: 'create', status: 'disabled', twinETag: 'AAAAAAAAAAk=', tags, properties };
  assert.deepEqual(await bulk(entry), success);
  const twin = await twinOf('tagged');
  assert.deepEqual(twin.tags, { site: 'berlin' });
  const { $version, $metadata, ...desired } = twin.properties.desired;
  assert.deepEqual([$version, desired], [1, { interval: 60 }]);
  assert.equal($metadata.interval.$lastUpdatedVersion, 1);
  assert.equal(twin.status, 'disabled');
  // An invalid twin creates no device.
  const invalid = await bulk({ id: 'untagged', importMode: 'create', tags: { 'a b': 1 } });
  assert.deepEqual(codesOf(invalid), [['untagged', 400004]]);
  assert.equal((await identityOf('untagged')).deviceId, undefined);
});

test('updateTwin merges, and updateTwinIfMatchETag only with the etag of the twin', async () => {
  await bulk({ id: 'twin', importMode: 'create', tags: { a: 1, b: 2 } });
  const { etag, deviceEtag } = await twinOf('twin');
  assert.deepEqual(await bulk({ id: 'twin', importMode: 'updateTwin', tags: { b: null, c: 3 } }), success);
  const merged = await twinOf('twin');
  assert.deepEqual([merged.tags, merged.deviceEtag], [{ a: 1, c: 3 }, deviceEtag]);
  const withEtag = (twinETag: string) =>
    bulk({ id: 'twin', importMode: 'UpdateTwinIfMatchETag', twinETag, tags: { d: 4 } });
  assert.deepEqual(codesOf(await withEtag(etag)), [['twin', 412001]]);
  assert.deepEqual(codesOf(await bulk({ id: 'twin', importMode: 'updateTwinIfMatchETag', tags: {} })), [
    ['twin', 412001],
  ]);
  assert.deepEqual(await withEtag(merged.etag), success);
  assert.deepEqual((await twinOf('twin')).tags, { a: 1, c: 3, d: 4 });
  assert.deepEqual(codesOf(await bulk({ id: 'nobody', importMode: 'updateTwin', tags: {} })), [['nobody', 404001]]);
});

test('an update overwrites the twin parts that it has, apart from the identity', async () => {
  const properties = { desired: { x: 1 } };
  await bulk({ id: 'both', importMode: 'create', tags: { a: 1 }, properties });
  assert.deepEqual(await bulk({ id: 'both', importMode: 'update', status: 'disabled' }), success);
  assert.deepEqual((await twinOf('both')).tags, { a: 1 });
  const late = { id: 'both', importMode: 'update', status: 'enabled', twinETag: 'AAAAAAAAAAk=', tags: { b: 2 } };
  assert.deepEqual(codesOf(await bulk(late)), [['both', 412001]]);
  const twin = await twinOf('both');
  assert.deepEqual([twin.status, twin.tags], ['enabled', { a: 1 }]);
  assert.deepEqual(await bulk({ ...late, twinETag: twin.etag }), success);
  const after = await twinOf('both');
  assert.deepEqual([after.tags, after.properties.desired.x], [{ b: 2 }, 1]);
});

test('an invalid request changes nothing', async () => {
  const many = Array.from({ length: 101 }, (_, index) => ({ id: `many-${index}`, importMode: 'create' }));
  assert.equal((await bulk(...many)).code, 'TooManyDevices');
  assert.equal((await bulk()).code, 'ArgumentInvalid');
  assert.equal((await bulk(many[0] ?? {}, { id: 'no-mode' })).code, 'ArgumentInvalid');
  assert.equal((await bulk(many[0] ?? {}, { id: 'x', importMode: 'conjure' })).code, 'ArgumentInvalid');
  assert.equal((await bulk(many[0] ?? {}, many[0] ?? {})).code, 'DeviceDefinedMultipleTimes');
  assert.equal((await identityOf('many-0')).deviceId, undefined);
  const module = { id: 'both', moduleId: 'm', importMode: 'create' };
  assert.deepEqual(codesOf(await bulk(module)), [['both', 400004]]);
});
