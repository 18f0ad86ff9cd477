import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkOperationType } from '@azure/cosmos';
import { createThroughput } from '../../../../infra/emulators/cosmos/request-units.ts';
import { assertEvery } from '../../../assert-every.ts';
import { refusal, startCosmos } from './start-cosmos.ts';

const policy = (...included: string[]) => ({
  includedPaths: included.map((path) => ({ path })),
  excludedPaths: [{ path: '/*' }],
});
const near = (actual: number, published: number) =>
  assert.ok(Math.abs(actual - published) <= 0.51, `${actual} is not near ${published}`);

test("the published examples: a create, a replace, a patch and a delete of 1 KB cost what Microsoft's page says", async (t) => {
  const { container: make } = await startCosmos(t);
  // Ten terms, with those of `id` and `_ts`.
  const container = await make({ indexingPolicy: policy('/a/?', '/b/?', '/list/[]/?') });
  const item = { id: 'x', a: 1, b: 1, list: [1, 2, 3, 4, 5, 6], text: 'x'.repeat(800) };
  near((await container.items.create(item)).requestCharge, 7);
  assert.equal((await container.item('x', 'x').read()).requestCharge, 1);
  // Two terms of ours change, and `_ts`.
  near((await container.item('x', 'x').replace({ ...item, a: 2, b: 2 })).requestCharge, 10.8 + 0.4);
  const patched = await container.item('x', 'x').patch([
    { op: 'set', path: '/a', value: 3 },
    { op: 'set', path: '/b', value: 3 },
  ]);
  near(patched.requestCharge, 11.6 + 0.4);
  near((await container.item('x', 'x').delete()).requestCharge, 7);
});

test('without an index a create of 1 KB costs 5.35, and a replace of the same twice that without changed terms', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ indexingPolicy: policy('/none/?') });
  const item = { id: 'a', text: 'x'.repeat(900) };
  assert.equal((await container.items.create(item)).requestCharge, 5.35);
  assert.equal((await container.item('a', 'a').replace(item)).requestCharge, 10.3);
  assert.equal((await container.item('a', 'a').delete()).requestCharge, 5.35);
  const kilobytes = (count: number) => 'x'.repeat(count * 1024 - 24);
  for (const [size, read, write] of [
    [2, 1.04, 6.29],
    [8, 1.33, 7.04],
    [64, 4.76, 22.67],
  ] as const) {
    const id = `large-${size}`;
    near((await container.items.create({ id, text: kilobytes(size) })).requestCharge, write + 0.4);
    near((await container.item(id, id).read()).requestCharge, read);
  }
  const { requestCharge } = await container.items.query('SELECT * FROM c').fetchAll();
  assert.ok(requestCharge > 10);
});

test('each indexed value costs 0.2, and without a policy every value is indexed', async (t) => {
  const { container: make } = await startCosmos(t);
  const charge = async (indexingPolicy: ReturnType<typeof policy> | undefined) => {
    const container = await make(indexingPolicy && { indexingPolicy });
    const item = { id: 'a', b: 1, c: { d: 'x', e: [1, 2, { f: null }] } };
    return Math.round(((await container.items.create(item)).requestCharge - 5.35) / 0.2);
  };
  assert.equal(await charge(policy('/b/?', '/c/d/?', '/absent/?', '/c/?')), 2);
  assert.equal(await charge(policy('/c/e/[]/?')), 2);
  assert.equal(await charge(policy('/c/*')), 4);
  assert.equal(await charge(undefined), 5);
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
  // An insert costs 5.35, and the last one may overdraw the budget.
  assert.equal(statuses.filter((status) => status === undefined).length, Math.ceil(200 / 5.35));
  assert.equal(statuses.filter((status) => status === 429).length, 60 - Math.ceil(200 / 5.35));
  // Let time pass, and repeat it with a client that retries.
  stopped = undefined;
  const patient = await Promise.all(
    Array.from({ length: 60 }, (_, index) => container.items.create({ id: `p${index}` })),
  );
  assertEvery(patient, ({ statusCode }) => statusCode === 201);
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
