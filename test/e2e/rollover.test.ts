import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { until } from '../until.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * A rollover from its start to its end on the whole stack: devices that register with the official client hold the gate until
 * they have registered with a bundle of the new CA.
 */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack();
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
});
after(() => fleet?.close());

const ids = ['roll-1', 'roll-2', 'roll-3'];
const [first, second, third] = ids as [string, string, string];

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly json: any;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(`${fleet.stack.urls.functions}/api/enrollment-groups/line7/rollover${path}`, init);
  return { status: answer.status, json: JSON.parse(await answer.text()) };
}

/** Provisions the devices, again if they have a certificate. @returns their bundles */
async function issue(): Promise<readonly Buffer[]> {
  const url = `${fleet.stack.urls.functions}/api/jobs?enrollmentGroup=line7&onConflict=reissue`;
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': 'text/csv' };
  const answer = await fetch(url, { method: 'POST', headers, body: `deviceId\n${ids.join('\n')}\n` });
  const { jobId } = JSON.parse(await answer.text()) as { jobId: string };
  const { counts } = await fleet.ended(jobId);
  assert.equal(counts.provisioned, 3);
  return Promise.all(ids.map((id) => fleet.api.getBytes(`devices/${id}/bundle`)));
}

/** Registers with the bundle. @returns whether DPS lets the device in */
async function register(id: string, bundle: Buffer | undefined): Promise<boolean> {
  const files = await readBundle(bundle ?? assert.fail());
  return registerDevice(id, files, fleet.stack.dps).then(
    () => true,
    () => false,
  );
}

const gate = async () => (await call('GET', '')).json.gate;
const locked = (devicesLockedOut: number) => ({ force: { devicesLockedOut } });

test('a CA leaves DPS when no device needs it any more', { timeout: 180_000 }, async () => {
  const before = await issue();
  for (const id of [first, second]) assert.ok(await register(id, before[ids.indexOf(id)]));

  const started = await call('POST', '?from=1');
  assert.deepEqual(
    started.json.issuingCas.map(({ generation }: { generation: number }) => generation),
    [2, 1],
  );
  await until(async () => (await gate()).notRenewed.devices === 2);
  const { open, devicesLockedOut, notInstalled, opensBy } = await gate();
  assert.deepEqual([open, devicesLockedOut, notInstalled.devices], [false, 3, 1]);
  assert.ok(Date.parse(opensBy) > Date.now());

  for (const body of [undefined, {}, locked(0), locked(2)]) {
    const refused = await call('POST', '/complete', body);
    assert.deepEqual([refused.status, refused.json.title, refused.json.expected], [409, 'rollover-gated', '3']);
  }
  assert.equal((await call('POST', '/complete', { force: true })).status, 400);
  assert.ok(await register(third, before[2]), 'the older CA is still in DPS');

  const after = await issue();
  for (const [index, id] of ids.entries()) assert.ok(await register(id, after[index]));
  await until(async () => (await gate()).open === true);

  const completed = await call('POST', '/complete');
  assert.equal(completed.status, 200);
  assert.deepEqual(
    [completed.json.enrollment.status, completed.json.issuingCas.length, completed.json.retiredCas[0].generation],
    ['enrolled', 1, 1],
  );
  assert.equal((await call('POST', '/complete')).status, 200, 'a repeated request changes nothing');
  assert.equal((await call('GET', '')).json.olderCa, undefined);
  assert.equal(await register(first, before[0]), false, 'DPS has the older CA no more');
  assert.ok(await register(first, after[0]));
});
