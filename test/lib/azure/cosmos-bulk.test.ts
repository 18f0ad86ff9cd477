import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { BulkOperationType } from '@azure/cosmos';
import { bulk } from '../../../lib/azure/cosmos.ts';
import { FleetError } from '../../../lib/errors.ts';
import { assertEvery } from '../../assert-every.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const creates = (count: number, prefix = 'd') =>
  Array.from({ length: count }, (_, index) => ({
    operationType: BulkOperationType.Create,
    partitionKey: `${prefix}${index}`,
    resourceBody: { id: `${prefix}${index}` },
  }));

test('throttling delays operations and loses none', async (t) => {
  // 250 creates of 5.5 RU in three requests: some requests are refused, and some single operations.
  const { container: make } = await startCosmos(t, { throughput: { ruPerSecond: 600, per: 'container' } });
  const container = await make();
  const waits: number[] = [];
  const answers = await bulk(container, creates(250), async (milliseconds) => {
    waits.push(milliseconds);
    await pause(milliseconds);
  });
  assert.ok(waits.length > 0, 'the budget was too large to wait for');
  assertEvery(waits, (wait) => wait <= 3000, `waits as the service asks: ${waits}`);
  assert.equal(answers.length, 250);
  assertEvery(answers, ({ statusCode }) => statusCode === 201);
});

test('operations that are throttled for too long fail with the wait of the service', async (t) => {
  const { container: make } = await startCosmos(t, { throughput: { ruPerSecond: 1, per: 'container' } });
  const container = await make();
  let waited = 0;
  // This test does not really wait, so the budget never recovers.
  const attempt = bulk(container, creates(3), async (milliseconds) => {
    waited += milliseconds;
  });
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'throttled' && error.retry);
  assert.ok(waited > 60_000 && waited <= 120_000, `${waited}`);
});

test('responses come in the order of the operations, final failures included', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'd105' });
  const answers = await bulk(container, creates(210), async () => assert.fail('nothing to wait for'));
  assert.equal(answers.length, 210);
  assert.deepEqual(
    answers.flatMap(({ statusCode }, index) => (statusCode === 201 ? [] : [[index, statusCode]])),
    [[105, 409]],
  );
});

test('a service that refuses the key is unavailable, although the SDK hides the status', async (t) => {
  const { connect, container: make } = await startCosmos(t);
  const { id } = await make();
  const client = connect({ key: Buffer.from('another').toString('base64') });
  const attempt = bulk(client.database('test').container(id), creates(1), async () => {});
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'unavailable');
});

test('a service that is gone is an error that is retried', async (t) => {
  const { connect } = await startCosmos(t);
  // Nothing listens on port 9 (discard).
  const client = connect({ endpoint: 'http://127.0.0.1:9' });
  const attempt = bulk(client.database('test').container('c1'), creates(1), async () => {});
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'unavailable' && error.retry);
});
