import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkOperationType } from '@azure/cosmos';
import { createThroughput } from '../../../../infra/emulators/cosmos/request-units.ts';
import { refusal, startCosmos } from './start-cosmos.ts';

test('every answer has its charge: a point read of 1 KB costs 1, an insert 5.5, a replace twice that', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const item = { id: 'a', text: 'x'.repeat(900) };
  assert.equal((await container.items.create(item)).requestCharge, 5.5);
  assert.equal((await container.item('a', 'a').read()).requestCharge, 1);
  assert.equal((await container.item('a', 'a').replace(item)).requestCharge, 11);
  assert.equal((await container.item('a', 'a').delete()).requestCharge, 5.5);
  await container.items.create({ id: 'large', text: 'x'.repeat(100 * 1024 - 30) });
  assert.equal((await container.item('large', 'large').read()).requestCharge, 10);
  const { requestCharge } = await container.items.query('SELECT * FROM c').fetchAll();
  assert.ok(requestCharge > 10);
});

test('a budget admits requests while any of it is left, and the next seconds pay an overdraft', () => {
  let now = 10_000;
  const budget = createThroughput(400, () => now);
  const wait = () => {
    try {
      budget.admit();
      return undefined;
    } catch (error) {
      return Number((error as { headers: Record<string, string> }).headers['x-ms-retry-after-ms']);
    }
  };
  budget.admit();
  budget.spend(399);
  now += 300;
  assert.equal(wait(), undefined);
  budget.spend(401);
  assert.equal(wait(), 1700, 'the whole next second is spent already');
  now += 700;
  assert.equal(wait(), 1000);
  now += 1000;
  assert.equal(wait(), undefined);
  now += 1e6;
  assert.equal(wait(), undefined);
  budget.spend(400);
  assert.equal(wait(), 1000, 'nothing is saved up');
});

test('beyond the budget the answer is 429, and the SDK retries', async (t) => {
  // The clock stands still until the test moves it, however slow the machine is.
  let stopped: number | undefined = Date.now();
  const { connect, container: make } = await startCosmos(t, {
    throughput: { ruPerSecond: 200, per: 'container' },
    now: () => stopped ?? Date.now(),
  });
  const container = await make();
  const impatient = connect({
    connectionPolicy: {
      retryOptions: { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 },
    },
  });
  const hurried = impatient.database('test').container(container.id);
  const statuses = await Promise.all(
    Array.from({ length: 60 }, (_, index) => refusal(hurried.items.create({ id: `h${index}` }))),
  );
  // An insert costs 5.5, and the last one may overdraw the budget.
  assert.equal(statuses.filter((status) => status === undefined).length, Math.ceil(200 / 5.5));
  assert.equal(statuses.filter((status) => status === 429).length, 60 - Math.ceil(200 / 5.5));
  // Let time pass, and repeat it with a client that retries.
  stopped = undefined;
  const patient = await Promise.all(
    Array.from({ length: 60 }, (_, index) => container.items.create({ id: `p${index}` })),
  );
  assert.ok(patient.every(({ statusCode }) => statusCode === 201));
  const { resources } = await container.items.query("SELECT VALUE c.id FROM c WHERE STARTSWITH(c.id, 'h')").fetchAll();
  assert.equal(resources.length, statuses.filter((status) => status === undefined).length);
});

test('operations of a bulk request beyond the budget are refused individually', async (t) => {
  const stopped = Date.now();
  const { container: make } = await startCosmos(t, {
    throughput: { ruPerSecond: 100, per: 'database' },
    now: () => stopped,
  });
  const [container, other] = [await make(), await make()];
  const operations = Array.from({ length: 50 }, (_, index) => ({
    ...{ operationType: BulkOperationType.Create, partitionKey: `b${index}`, resourceBody: { id: `b${index}` } },
  }));
  const answers = await container.items.bulk(operations);
  const refused = answers.filter(({ statusCode }) => statusCode === 429);
  assert.ok(refused.length > 20 && refused.length < 50, `${refused.length} refused`);
  // Both share the budget of the database. The SDK does not retry a refused bulk request.
  assert.equal(await refusal(other.items.bulk(operations.slice(0, 1))), 429);
});
