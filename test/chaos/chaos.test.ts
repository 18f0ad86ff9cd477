import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import { ask } from './ask.ts';
import { createAzureApi } from './azure-api.ts';
import type { ChaosStack } from './chaos-stack.ts';
import { type KeptBundles, openDoorsOf } from './device-doors.ts';
import { isLive } from './documents.ts';
import { groups, queueOf } from './fleet.ts';
import { createIntruder } from './intruder.ts';
import { checkInvariants, type ExpectedJob } from './invariants.ts';
import { createRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import { drift } from './scenarios/drift.ts';
import { renew } from './scenarios/renew.ts';
import { revokeAnd } from './scenarios/revoke.ts';
import { stormAnd } from './scenarios/storm.ts';
import { readDevices, readDpsFile } from './stores.ts';

/*
 * The short form of `npm run chaos`: one short storm, `revoke`, `renew` and `drift`. Repeat a failed run with
 * `npm run chaos -- --short --only storm --seed N`.
 */

const scenarios: Readonly<Record<string, Scenario>> = {
  revoke: (context) => revokeAnd(openDoors, context),
  renew,
  drift,
  storm: (context) => stormAnd(corruptStores, context),
};

for (const [name, scenario] of Object.entries(scenarios)) {
  test(`${name}: all invariants hold, and a broken one is reported`, async (t) => {
    const seed = Math.floor(Math.random() * 1e9);
    t.diagnostic(`seed ${seed}`);
    const say = (text: string) => t.diagnostic(text);
    const report = await scenario({ random: createRandom(seed).fork(name), scale: 'short', say });
    t.diagnostic(JSON.stringify(report.metrics));
    assert.deepEqual(report.problems, []);
  });
}

/** Revokes a device, opens its doors, and asserts that the check reports them. */
async function openDoors(chaos: ChaosStack, kept: KeptBundles): Promise<void> {
  const byCa: readonly string[] = groups.byCa;
  const devices = (await readDevices(chaos)).filter((each) => isLive(each) && byCa.includes(each.enrollmentGroup));
  const [{ deviceId, hub } = assert.fail('No device is at a hub.')] = readDpsFile(chaos.directory).identities.filter(
    (identity) => devices.some(({ id }) => id === identity.deviceId),
  );
  const revoked = await ask(chaos, 'POST', `devices/${deviceId}/revoke`, { reason: 'chaos' });
  assert.equal(revoked?.status, 200, JSON.stringify(revoked));
  assert.deepEqual(await openDoorsOf(chaos, deviceId, kept), []);
  const intruder = createIntruder(createAzureApi(chaos.stack));
  await intruder.deleteBlock(deviceId).make();
  await intruder.enableRevoked(deviceId, hub).make();
  const open = await openDoorsOf(chaos, deviceId, kept);
  assert.ok(open.includes(`it is enabled at ${hub}`), open.join('\n'));
  assert.match(open.join('\n'), /DPS takes certificate/);
}

/** Breaks each invariant by hand, and asserts that the check reports it. */
async function corruptStores(chaos: ChaosStack, expected: readonly ExpectedJob[]): Promise<void> {
  const { stack, journal } = chaos;
  const client = new CosmosClient({ endpoint: stack.cosmos.endpoint, key: stack.cosmos.key });
  const devices = client.database(stack.cosmos.database).container('devices');
  const good = expected[0]?.rows.flatMap(({ deviceId, fault }) => (fault ? [] : [deviceId])) ?? [];
  const [lost = '', other = '', third = ''] = good;
  // A row of the last chunk; the three above are in the first.
  const unreported = good.at(-1) ?? '';
  await devices.item(lost, lost).delete();
  await devices.item(other, other).patch([{ op: 'set', path: '/serialNumber', value: '42'.repeat(16) }]);
  await devices.item(third, third).patch([{ op: 'incr', path: '/bundle/offset', value: 512 }]);
  client.dispose();
  await appendFile(
    journal,
    `${JSON.stringify({ at: 0, key: 'issuing-line7-1', signed: certificateOf('77'.repeat(16)) })}\n`,
  );
  await queueOf(chaos, 'orders-poison').sendMessage('lost', { visibilityTimeout: 600 });
  const reports = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient('reports');
  // In all attempts: after a retry there is more than one. Hostile requests have created jobs too.
  for await (const { name } of reports.listBlobsFlat()) {
    const report = await reports.getBlobClient(name).downloadToBuffer();
    if (report.includes(`"${unreported}"`))
      await reports.getBlockBlobClient(name).upload('{"results":[],"faults":[]}', 26);
  }

  const unnamed = await corruptAudit(stack.storageConnectionString);

  const { problems } = await checkInvariants(chaos, expected);
  const finds = [
    ...['has no intent before it', `0 audit entries name the certificates of archive ${unnamed}`],
    ...[`there is a bundle of ${lost} and no record`, `(${lost}) is provisioned, its device undefined`],
    ...[`device ${other} has certificate`, `the certificate of ${other} was never signed`],
    `device ${third} has no bundle where its record says`,
    ...[`certificate ${'77'.repeat(16)} was signed, and no record names it`, 'its claim written at undefined'],
    ...['queue orders-poison holds 1 messages', `(${unreported}) has no outcome`, 'its reports say'],
  ];
  for (const find of finds)
    assert.ok(
      problems.some((problem) => problem.includes(find)),
      `not found: ${find}\n${problems.join('\n')}`,
    );
}

/** Removes the audit entry of one archive, and adds a result without an intent. @returns the archive */
async function corruptAudit(connectionString: string): Promise<string> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('audit');
  for await (const { name } of container.listBlobsFlat({ prefix: 'intake/' })) {
    const lines = (await container.getBlobClient(name).downloadToBuffer()).toString().split('\n').slice(0, -1);
    const line = lines.find((each) => each.includes('"certificatesSha256"'));
    if (line === undefined) continue;
    const entry = JSON.parse(line) as { readonly details: { readonly archive: string } };
    // The same line can be there twice: an append was repeated.
    const changed = [...lines.filter((each) => each !== line), JSON.stringify({ ...entry, id: 'invented' })];
    const text = `${changed.join('\n')}\n`.replaceAll(`"archive":"${entry.details.archive}"`, '"archive":"other"');
    await container.deleteBlob(name);
    await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
    return entry.details.archive;
  }
  throw new Error('The audit trail names no archive.');
}

/** The beginning of a to-be-signed certificate, up to its serial number. */
function certificateOf(serialNumber: string): string {
  return Buffer.from(`3017a003020102${'0210'}${serialNumber}`, 'hex').toString('base64');
}
