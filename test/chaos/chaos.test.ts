import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import type { ChaosStack } from './chaos-stack.ts';
import { queueOf } from './fleet.ts';
import { closeBooks, type ExpectedJob } from './ledger.ts';
import { createRandom } from './random.ts';
import { stormAnd } from './scenarios/storm.ts';

/*
 * The short form of `npm run chaos`: everything at once, once. A run that fails is repeated with
 * `npm run chaos -- --short --only storm --seed N`.
 */

test('hosts die, services refuse, messages come thrice: the books balance, and would not hide it', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const say = (text: string) => t.diagnostic(text);
  const ledger = await stormAnd(cookTheBooks, { random: createRandom(seed).fork('storm'), scale: 'short', say });
  t.diagnostic(JSON.stringify(ledger.figures));
  assert.deepEqual(ledger.problems, []);
});

/** Each kind of loss that the books are there for is made by hand, and has to be found. */
async function cookTheBooks(chaos: ChaosStack, expected: readonly ExpectedJob[]): Promise<void> {
  const { stack, journal } = chaos;
  const client = new CosmosClient({ endpoint: stack.cosmos.endpoint, key: stack.cosmos.key });
  const devices = client.database(stack.cosmos.database).container('devices');
  const [lost = '', other = '', third = ''] =
    expected[0]?.rows.flatMap(({ deviceId, fault }) => (fault ? [] : [deviceId])) ?? [];
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
  // Of the last chunk; the devices above are of the first.
  const report = (await Array.fromAsync(reports.listBlobsFlat())).at(-1);
  await reports.getBlockBlobClient(report?.name ?? '').upload('{"results":[],"faults":[]}', 26);

  const { problems } = await closeBooks(chaos, expected);
  const finds = [
    ...[`there is a bundle of ${lost} and no record`, `(${lost}) is provisioned, its device undefined`],
    ...[`device ${other} has certificate`, `nobody signed the certificate of ${other}`],
    `device ${third} has no bundle where its record says`,
    ...[`certificate ${'77'.repeat(16)} was signed, and no record names it`, 'its claim written at undefined'],
    ...['queue orders-poison holds 1 messages', 'has no outcome', 'its reports say'],
  ];
  for (const find of finds)
    assert.ok(
      problems.some((problem) => problem.includes(find)),
      `not found: ${find}\n${problems.join('\n')}`,
    );
}

/** The beginning of a to-be-signed certificate, as far as the serial number. */
function certificateOf(serialNumber: string): string {
  return Buffer.from(`3017a003020102${'0210'}${serialNumber}`, 'hex').toString('base64');
}
