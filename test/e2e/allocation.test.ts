import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type BundleFiles, readBundle } from '../../infra/local/demo/bundle-files.ts';
import { createHubTwinReader } from '../../infra/local/demo/hub-twin.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { createHubTwins } from '../../lib/azure/hub-twins.ts';
import { until } from '../until.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * DPS asks this app about each registration of a group. The DPS emulator calls the webhook as DPS does, and devices register with
 * the official client and with nothing but their bundles.
 */

const limit = { timeout: 180_000 };
const definition = { keyCustody: 'plain', initialTwin: { tags: { site: 'berlin' } } };

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack({ reconcileSchedule: '*/2 * * * * *' });
  await fleet.api.put('enrollment-groups/asked', { ...definition, allocation: 'orchestrator' });
  await fleet.api.put('enrollment-groups/alone', definition);
});
after(() => fleet?.close());

async function upload(group: string, ids: readonly string[], query = ''): Promise<void> {
  const rows = ids.map((id, index) => `${id},${group},A${index}`);
  const body = `deviceId,enrollmentGroup,tags.slot\n${rows.join('\n')}\n`;
  const answer = await call('POST', `jobs${query}`, body, 'text/csv');
  const job = await fleet.ended(answer.json.jobId);
  assert.equal(job.counts.provisioned, ids.length);
}

async function call(method: string, path: string, body?: string, contentType = 'application/json') {
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': contentType };
  const answer = await fetch(`${fleet.stack.urls.functions}/api/${path}`, { method, headers, ...(body && { body }) });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  return { status: answer.status, json: (await answer.json()) as any };
}

const bundle = async (id: string) => readBundle(await fleet.api.getBytes(`devices/${id}/bundle`));
const register = (id: string, files: BundleFiles) => registerDevice(id, files, fleet.stack.dps);

/** The device as the API shows it, once DPS has said that it registered. */
const assigned = (id: string) =>
  until(async () => {
    const device = await fleet.api.get<{ status: string; registration?: { assignedHub?: string } }>(`devices/${id}`);
    return device.status === 'assigned' && device;
  });

const twin = (hub: string, id: string) => createHubTwinReader(fleet.stack.hubConnectionString)(hub, id);

test('a device gets its own twin and a hub, and keeps a changed twin when it registers again', limit, async () => {
  await upload('asked', ['asked-1']);
  const files = await bundle('asked-1');
  const hub = await register('asked-1', files);
  assert.match(hub, /^hub-[12]\.localhost$/);
  // At once: the timer merges nothing here.
  const first = await twin(hub, 'asked-1');
  assert.deepEqual([first.tags.site, first.tags.slot], ['berlin', 'A0']);
  await assigned('asked-1');
  const twins = createHubTwins({ connectionString: fleet.stack.hubConnectionString });
  await twins.merge(hub, 'asked-1', { tags: { slot: 'moved by hand' }, desired: {} });
  assert.equal(await register('asked-1', files), hub);
  assert.equal((await twin(hub, 'asked-1')).tags.slot, 'moved by hand');
});

test('a superseded certificate is refused, which DPS alone accepts', limit, async () => {
  for (const group of ['asked', 'alone']) {
    const id = `${group}-2`;
    await upload(group, [id]);
    const old = await bundle(id);
    await register(id, old);
    await assigned(id);
    await upload(group, [id], '?onConflict=reissue');
    const fresh = await bundle(id);
    await register(id, fresh);
    await assigned(id);
    if (group === 'alone') assert.match(await register(id, old), /^hub-/);
    else await assert.rejects(() => register(id, old), { name: 'ProvisioningRegistrationFailedError' });
    assert.match(await register(id, fresh), /^hub-/);
  }
});

test('a revoked device is refused, and an unknown key gets 401', limit, async () => {
  await upload('asked', ['asked-3']);
  const files = await bundle('asked-3');
  await register('asked-3', files);
  await call('POST', 'devices/asked-3/revoke', JSON.stringify({ reason: 'key read out' }));
  await assert.rejects(() => register('asked-3', files), { message: 'status is disabled' });
  const url = `${fleet.stack.urls.functions}/api/allocations/asked?code=wrong`;
  const status = async () => (await fetch(url, { method: 'POST', body: '{}' })).status;
  await until(async () => (await status()) === 401);
});

test('no registration fails while the key is rotated', limit, async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `turn-${index}`);
  await upload('asked', ids);
  const bundles = await Promise.all(ids.map(bundle));
  const registering = ids.map((id, index) => register(id, bundles[index] ?? assert.fail()));
  for (let generation = 2; generation <= 4; generation++) {
    const { status, json } = await call('POST', 'enrollment-groups/asked/allocation-key');
    assert.deepEqual([status, json.allocation.keyGeneration], [200, generation]);
    assert.notEqual(json.allocation.keyWrittenAt, undefined);
    assert.equal(JSON.stringify(json).includes('code='), false);
  }
  for (const hub of await Promise.all(registering)) assert.match(hub, /^hub-/);
});
