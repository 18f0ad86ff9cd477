import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { GroupAnswer } from '../../infra/local/demo/api.ts';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { assertEvery } from '../assert-every.ts';
import { until } from '../until.ts';
import { jobOf, manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * Processes are killed with SIGKILL in the middle of a job. Nothing that was acknowledged is lost, nothing is done twice, and
 * the job ends without help.
 */

let fleet: TestStack;

before(async () => {
  // A message of a dead host is delivered again after 5 seconds here, and after 10 minutes in Azure.
  fleet = await startTestStack({ hosts: 2, leaseSeconds: 5, settings: { CHUNK_ROWS: '20' } });
  await fleet.api.put<GroupAnswer>('enrollment-groups/line7', { keyCustody: 'plain' });
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

/** Waits until some rows of the job are done. @throws AssertionError when all are */
async function isInTheMiddle(jobId: string): Promise<void> {
  const job = await until(async () => {
    const found = await jobOf(fleet.api, jobId);
    return found !== undefined && found.counts.provisioned > 0 && found;
  });
  assert.ok(job.counts.waiting > 0, 'the job was too fast for this test');
}

/** Asserts that each row is provisioned and counted once, and that devices can register with their bundles. */
async function assertWhole(jobId: string, rows: number): Promise<void> {
  const job = await fleet.ended(jobId);
  assert.deepEqual([job.status, job.counts.total, job.counts.provisioned], ['completed', rows, rows]);
  const devices = (await fleet.devicesOf(jobId)).flat();
  assert.equal(devices.length, rows);
  assertEvery(devices, ({ status }) => status === 'provisioned');
  assert.equal(new Set(devices.map(({ certificate }) => certificate.sha256Thumbprint)).size, rows);
  for (const { deviceId } of [devices[0], devices.at(-1)].filter((device) => device !== undefined)) {
    const bundle = await readBundle(await fleet.api.getBytes(`devices/${deviceId}/bundle`));
    assert.notEqual(await registerDevice(deviceId, bundle, fleet.stack.dps), '');
  }
}

test('the functions hosts are killed in the middle of a job', limit, async () => {
  const jobId = await fleet.upload('line7/hosts.csv', manifestOf('host', 1000));
  await isInTheMiddle(jobId);
  await Promise.all([
    fleet.stack.process('functions').kill('SIGKILL'),
    fleet.stack.process('functions-2').kill('SIGKILL'),
  ]);
  await Promise.all([fleet.stack.process('functions').restart(), fleet.stack.process('functions-2').restart()]);
  await assertWhole(jobId, 1000);
});

test('one of two hosts is killed, and the other one takes over its work', limit, async () => {
  const jobId = await fleet.upload('line7/one-host.csv', manifestOf('one', 1000));
  await isInTheMiddle(jobId);
  await fleet.stack.process('functions-2').kill('SIGKILL');
  await assertWhole(jobId, 1000);
  await fleet.stack.process('functions-2').restart();
});

test('the Cosmos DB emulator is killed in the middle of a job', limit, async () => {
  const jobId = await fleet.upload('line7/cosmos.csv', manifestOf('cosmos', 1000));
  await isInTheMiddle(jobId);
  await fleet.stack.process('cosmos').restart();
  await assertWhole(jobId, 1000);
});

test('the DPS emulator and the events are killed while a manifest is uploaded', limit, async () => {
  await Promise.all([fleet.stack.process('dps').kill('SIGKILL'), fleet.stack.process('events').kill('SIGKILL')]);
  const jobId = await fleet.upload('line7/dps.csv', manifestOf('dps', 40));
  await Promise.all([fleet.stack.process('dps').restart(), fleet.stack.process('events').restart()]);
  await assertWhole(jobId, 40);
});

test('all processes are killed at once and started again', limit, async () => {
  const jobId = await fleet.upload('line7/power.csv', manifestOf('power', 60));
  await assertWhole(jobId, 60);
  const before = (await fleet.devicesOf(jobId)).flat();
  await fleet.stack.kill();
  for (const name of ['blobs', 'queues', 'cosmos', 'dps', 'events', 'functions'] as const)
    await fleet.stack.process(name).restart();
  const after = (await fleet.devicesOf(jobId)).flat();
  assert.deepEqual(
    after.map(({ deviceId, certificate }) => [deviceId, certificate]),
    before.map(({ deviceId, certificate }) => [deviceId, certificate]),
  );
  await assertWhole(await fleet.upload('line7/after.csv', manifestOf('after', 20)), 20);
});
