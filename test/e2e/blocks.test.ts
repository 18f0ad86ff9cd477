import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { until } from '../until.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * A device loses its access on the whole stack: by the API, in the DPS emulator, at its hub and for its bundle. The device
 * registers with the official client and with nothing but its bundle.
 */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack();
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
  await fleet.api.put('enrollment-groups/single', { keyCustody: 'plain', enrollment: 'individual' });
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
  const text = await answer.text();
  return { status: answer.status, json: JSON.parse(text) };
}

/** Registers with the bundle. @returns the hub; empty when DPS refuses */
async function register(deviceId: string, bundle: Buffer): Promise<string> {
  return registerDevice(deviceId, await readBundle(bundle), fleet.stack.dps).catch(() => '');
}

const closed = { record: 'closed', enrollment: 'closed', hub: 'closed', bundle: 'closed', renewal: 'closed' };
const doorsOf = ({ block }: Answer['json']) =>
  Object.fromEntries(Object.entries(block.doors as object).map(([name, { state }]) => [name, state]));

for (const group of ['line7', 'single']) {
  test(`a revoked device is refused by every door (${group})`, { timeout: 120_000 }, async () => {
    const [one, two] = [`${group}-1`, `${group}-2`];
    const job = await fleet.ended(await fleet.upload(`${group}/list.csv`, manifestOf(group, 2)));
    assert.equal(job.counts.provisioned, 2);
    const [bundle, other] = [
      await fleet.api.getBytes(`devices/${one}/bundle`),
      await fleet.api.getBytes(`devices/${two}/bundle`),
    ];
    const hub = await register(one, bundle);
    assert.notEqual(hub, '');

    const suspended = await call('POST', `devices/${one}/suspend`, { reason: 'missing since Monday' });
    assert.deepEqual([suspended.status, suspended.json.status, doorsOf(suspended.json)], [200, 'suspended', closed]);
    assert.equal(await register(one, bundle), '');
    const restored = await call('POST', `devices/${one}/restore`, { reason: 'found' });
    assert.equal(restored.status, 200);
    assert.equal(await register(one, bundle), hub);

    const revoked = await call('POST', `devices/${one}/revoke`, { reason: 'key read out' });
    assert.deepEqual([revoked.status, revoked.json.status, doorsOf(revoked.json)], [200, 'revoked', closed]);
    assert.equal(await register(one, bundle), '');
    assert.equal(await register(one, bundle), '');
    const download = await call('GET', `devices/${one}/bundle`);
    assert.deepEqual([download.status, download.json.title], [409, 'device-revoked']);
    assert.equal((await call('POST', `devices/${one}/restore`, { reason: 'a mistake' })).json.title, 'device-revoked');

    const scrapped = await call('DELETE', `devices/${one}?reason=shredded`);
    assert.deepEqual([scrapped.status, scrapped.json.status, doorsOf(scrapped.json)], [200, 'scrapped', closed]);
    assert.equal(await register(one, bundle), '');
    assert.notEqual(await register(two, other), '');
  });
}

test('the queue looks at the doors again after a minute', { timeout: 180_000 }, async () => {
  const isConfirmed = async () => {
    const { block } = await fleet.api.get<{ block: { checkedAgainAt?: string } }>('devices/single-1');
    return block.checkedAgainAt === undefined;
  };
  await until(isConfirmed);
});
