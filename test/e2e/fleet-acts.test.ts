import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { until } from '../until.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * Acts on many devices on the whole stack. Devices register with the official client and with nothing but their bundle.
 */

let fleet: TestStack;
before(async () => {
  // The quotas of a hub with 40 units: the emulator does not limit, and the test does not wait.
  fleet = await startTestStack({ settings: { HUB_REGISTRY_OPERATIONS_PER_MINUTE: '4000' } });
});
after(() => fleet?.close());

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly json: any;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(`${fleet.stack.urls.functions}/api/${path}`, init);
  return { status: answer.status, json: JSON.parse(await answer.text()) };
}

/** Declares a group and provisions devices `group-1` to `group-<count>`. @returns the id of the job */
async function provision(group: string, count: number): Promise<string> {
  await fleet.api.put(`enrollment-groups/${group}`, { keyCustody: 'plain' });
  const job = await fleet.ended(await fleet.upload(`${group}/list.csv`, manifestOf(group, count)));
  assert.equal(job.counts.provisioned, count);
  return job.jobId;
}

/** Registers with the bundle. @returns the hub; empty when DPS refuses */
async function register(deviceId: string, bundle: Buffer): Promise<string> {
  return registerDevice(deviceId, await readBundle(bundle), fleet.stack.dps).catch(() => '');
}

const bundleOf = (deviceId: string) => fleet.api.getBytes(`devices/${deviceId}/bundle`);

async function ended(actId: string): Promise<Answer['json']> {
  return until(async () => {
    const { json } = await call('GET', `device-acts/${actId}`);
    return json.status !== 'running' && json;
  });
}

async function statusesOf(group: string): Promise<Record<string, number>> {
  const { json } = await call('GET', `devices?group=${group}&limit=1000`);
  const all = (json.devices as { status: string }[]).map(({ status }) => status);
  return Object.fromEntries([...Map.groupBy(all, (status) => status)].map(([key, { length }]) => [key, length]));
}

test('a dry run counts, and the act does what it counted', { timeout: 120_000 }, async () => {
  const group = 'counted';
  await provision(group, 25);
  const bundle = await bundleOf(`${group}-1`);
  assert.notEqual(await register(`${group}-1`, bundle), '');
  const request = { act: 'suspend', filter: { group }, reason: 'image 4.2 leaks keys' };

  const dry = await call('POST', 'device-acts', { ...request, dryRun: true });
  assert.equal(dry.status, 200);
  assert.deepEqual([dry.json.devices, dry.json.calls.dps, dry.json.minutes], [25, 150, 1]);
  assert.deepEqual(
    Object.keys(await statusesOf(group)).filter((status) => status === 'suspended'),
    [],
  );

  const begun = await call('POST', 'device-acts', request);
  assert.equal(begun.status, 202);
  assert.equal(begun.json.estimate.devices, 25);
  const { status, counts } = await ended(begun.json.actId);
  assert.deepEqual([status, counts], ['completed', { done: 25, underway: 0, refused: 0, unchanged: 0 }]);
  assert.deepEqual(await statusesOf(group), { suspended: 25 });
  assert.equal(await register(`${group}-1`, bundle), '');

  const { acts } = (await call('GET', 'device-acts?limit=1')).json;
  assert.deepEqual(
    acts.map((act: { actId: string }) => act.actId),
    [begun.json.actId],
  );

  const again = await call('POST', 'device-acts', { ...request, dryRun: true });
  assert.equal(again.json.devices, 0);
  assert.equal((await ended((await call('POST', 'device-acts', request)).json.actId)).counts.unchanged, 25);
});

test('an act is cancelled in the middle, and keeps its pace', { timeout: 120_000 }, async () => {
  const group = 'paced';
  await provision(group, 25);
  const request = { act: 'revoke', filter: { group }, reason: 'CA at risk', devicesPerMinute: 12 };
  const begun = await call('POST', 'device-acts', request);
  assert.deepEqual([begun.json.estimate.minutes, begun.json.estimate.limit], [3, 'devicesPerMinute']);
  const { actId } = begun.json;
  await until(async () => (await call('GET', `device-acts/${actId}`)).json.counts.done >= 12);
  const cancelled = await call('POST', `device-acts/${actId}/cancel`);
  assert.deepEqual([cancelled.status, cancelled.json.status], [200, 'cancelled']);
  const { revoked = 0 } = await statusesOf(group);
  assert.ok(revoked >= 12 && revoked < 25, `${revoked} revoked`);
  assert.equal((await call('POST', `device-acts/${actId}/cancel`)).status, 200);
  const { counts } = (await call('GET', `device-acts/${actId}`)).json;
  assert.ok(counts.done <= revoked);
});

test('an act takes a list of ids, a tag, or a job', { timeout: 120_000 }, async () => {
  const group = 'chosen';
  const jobId = await provision(group, 6);
  const act = async (filter: object) => {
    const { status, json } = await call('POST', 'device-acts', { act: 'suspend', filter, reason: 'audit' });
    assert.equal(status, 202);
    return (await ended(json.actId)).counts.done;
  };
  assert.equal(await act({ deviceIds: ['chosen-2', 'chosen-1', 'chosen-2', 'nobody'] }), 2);
  assert.equal(await act({ group, tag: { path: 'slot', value: '4' } }), 1);
  assert.deepEqual(await statusesOf(group), { suspended: 3, provisioned: 3 });
  assert.equal(await act({ job: jobId, tag: { path: 'site', value: 'berlin' } }), 3);
  assert.deepEqual(await statusesOf(group), { suspended: 6 });
});

test('the devices of a question about certificates are the list of an act', { timeout: 120_000 }, async () => {
  const group = 'asked';
  await provision(group, 3);
  const question = `ca=${group}/1&custody=service&issuedFrom=1d`;
  const headers = { 'x-functions-key': fleet.stack.functionsKey };
  const csv = await fetch(`${fleet.stack.urls.functions}/api/certificates?${question}&format=csv`, { headers });
  assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
  const [columns, ...lines] = (await csv.text()).trimEnd().split('\n');
  assert.match(columns ?? '', /^deviceId,deviceStatus,kind,serialNumber,/);
  const fromCsv = new Set(lines.map((line) => line.split(',')[0]));

  const page = (await call('GET', `certificates?${question}&limit=1`)).json;
  assert.equal(page.certificates[0].deviceId, `${group}-1`);
  assert.match(page.next, /^\/api\/certificates\?.*continuation=/);
  const deviceIds = [...fromCsv];
  assert.deepEqual(
    deviceIds,
    [1, 2, 3].map((row) => `${group}-${row}`),
  );

  const act = await call('POST', 'device-acts', { act: 'revoke', filter: { deviceIds }, reason: 'CA key read out' });
  assert.equal((await ended(act.json.actId)).counts.done, 3);
  assert.deepEqual((await call('GET', `certificates?${question}`)).json.certificates, []);
});

test('a suspended group lets no device in, and gives back what it took', { timeout: 180_000 }, async () => {
  const group = 'stopped';
  await provision(group, 4);
  const ids = [1, 2, 3, 4].map((row) => `${group}-${row}`) as [string, string, string, string];
  const bundles = new Map(await Promise.all(ids.map(async (id) => [id, await bundleOf(id)] as const)));
  const enters = async (id: string) => (await register(id, bundles.get(id) ?? assert.fail())) !== '';
  const [one, revoked, suspended, unregistered] = ids;
  for (const id of [one, revoked, suspended]) assert.equal(await enters(id), true, id);
  assert.equal((await call('POST', `devices/${revoked}/revoke`, { reason: 'key read out' })).status, 200);
  assert.equal((await call('POST', `devices/${suspended}/suspend`, { reason: 'missing' })).status, 200);

  const stopped = await call('POST', `enrollment-groups/${group}/suspend`, { reason: 'CA key at risk' });
  assert.equal(stopped.status, 202);
  // The group is closed in DPS before the act has reached its devices.
  assert.equal(await enters(unregistered), false);
  assert.equal((await ended(stopped.json.act.actId)).status, 'completed');
  assert.deepEqual(await statusesOf(group), { suspended: 3, revoked: 1 });
  for (const id of ids) assert.equal(await enters(id), false, id);

  const restored = await call('POST', `enrollment-groups/${group}/restore`, { reason: 'CA key is safe' });
  assert.equal(restored.status, 202);
  const { status, counts } = await ended(restored.json.act.actId);
  assert.deepEqual([status, counts], ['completed', { done: 2, underway: 0, refused: 0, unchanged: 0 }]);
  assert.equal((await fleet.api.get<{ status: string }>(`devices/${revoked}`)).status, 'revoked');
  assert.equal((await fleet.api.get<{ status: string }>(`devices/${suspended}`)).status, 'suspended');
  for (const id of [one, unregistered]) assert.equal(await enters(id), true, id);
  for (const id of [revoked, suspended]) assert.equal(await enters(id), false, id);
});
