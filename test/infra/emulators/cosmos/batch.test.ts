import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkOperationType, type JSONObject, type OperationInput } from '@azure/cosmos';
import { startCosmos } from './start-cosmos.ts';

const create = (body: JSONObject) => ({ operationType: BulkOperationType.Create, resourceBody: body });
const increment = (id: string) => ({
  operationType: BulkOperationType.Patch,
  id,
  resourceBody: { operations: [{ op: 'incr' as const, path: '/n', value: 1 }] },
});

test('a transactional batch is executed as a whole', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ partitionKey: '/job' });
  await container.items.create({ id: 'job', job: 'a', n: 0 });
  const { result, code } = await container.items.batch([create({ id: 'part', job: 'a' }), increment('job')], 'a');
  assert.equal(code, 200);
  assert.deepEqual(
    result?.map(({ statusCode }) => statusCode),
    [201, 200],
  );
  assert.equal(result?.[1]?.resourceBody?.['n'], 1);
  assert.ok(result?.[0]?.eTag);
});

test('a transactional batch with a failed operation changes nothing', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ partitionKey: '/job' });
  await container.items.create({ id: 'job', job: 'a', n: 0 });
  await container.items.create({ id: 'taken', job: 'a' });
  const operations = [
    create({ id: 'new', job: 'a' }),
    increment('job'),
    create({ id: 'taken', job: 'a' }),
    increment('job'),
  ];
  const { result, code } = await container.items.batch(operations, 'a');
  assert.equal(code, 207);
  assert.deepEqual(
    result?.map(({ statusCode }) => statusCode),
    [424, 424, 409, 424],
  );
  assert.equal((await container.item('new', 'a').read()).statusCode, 404);
  assert.equal((await container.item('job', 'a').read<{ n: number }>()).resource?.n, 0);
});

test('concurrent batches on one document lose no update', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ partitionKey: '/job' });
  await container.items.create({ id: 'job', job: 'a', n: 0 });
  await Promise.all(
    // Send each part twice, as a redelivered message does.
    Array.from({ length: 60 }, (_, index) =>
      container.items.batch([create({ id: `part-${index % 30}`, job: 'a' }), increment('job')], 'a'),
    ),
  );
  assert.equal((await container.item('job', 'a').read<{ n: number }>()).resource?.n, 30);
});

test('a transactional batch is limited to its partition', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ partitionKey: '/job' });
  const { result } = await container.items.batch([create({ id: 'x', job: 'a' }), create({ id: 'x', job: 'b' })], 'a');
  assert.deepEqual(
    result?.map(({ statusCode }) => statusCode),
    [424, 400],
  );
  assert.equal((await container.items.query('SELECT * FROM c').fetchAll()).resources.length, 0);
});

test('the operations of a bulk request are independent', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { etag } = await container.items.create({ id: 'there', n: 0 });
  const operations: OperationInput[] = [
    { ...create({ id: 'there' }), partitionKey: 'there' },
    { ...create({ id: 'new' }), partitionKey: 'new' },
    { operationType: BulkOperationType.Read, id: 'nobody', partitionKey: 'nobody' },
    { operationType: BulkOperationType.Read, id: 'there', partitionKey: 'there' },
    {
      ...{ operationType: BulkOperationType.Replace, id: 'there', partitionKey: 'there', ifMatch: '"stale"' },
      resourceBody: { id: 'there', n: 9 },
    },
    {
      ...{ operationType: BulkOperationType.Replace, id: 'there', partitionKey: 'there', ifMatch: etag },
      resourceBody: { id: 'there', n: 1 },
    },
    { ...create({ id: 'one' }), partitionKey: 'other' },
    { operationType: BulkOperationType.Upsert, partitionKey: 'up', resourceBody: { id: 'up' } },
    { operationType: BulkOperationType.Delete, id: 'new', partitionKey: 'new' },
    { ...increment('there'), partitionKey: 'there' },
  ];
  const answers = await container.items.bulk(operations);
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [409, 201, 404, 200, 412, 200, 400, 201, 204, 200],
  );
  assert.equal(answers[3]?.resourceBody?.['n'], 0);
  assert.equal(answers[9]?.resourceBody?.['n'], 2);
});

test('a bulk request stops at an error on request, and keeps the earlier operations', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const operations = ['a', 'a', 'b'].map((id) => ({ ...create({ id }), partitionKey: id }));
  const answers = await container.items.bulk(operations, { continueOnError: false });
  assert.deepEqual(
    answers.map(({ statusCode }) => statusCode),
    [201, 409, 424],
  );
  assert.equal((await container.item('a', 'a').read()).statusCode, 200);
  assert.equal((await container.item('b', 'b').read()).statusCode, 404);
});

test('executeBulkOperations works, also without bodies in the answer', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const operations = ['a', 'b'].map((id) => ({ ...create({ id }), partitionKey: id }));
  const results = await container.items.executeBulkOperations(operations, { contentResponseOnWriteEnabled: false });
  assert.deepEqual(
    results.map(({ response }) => response?.statusCode),
    [201, 201],
  );
  assert.equal(results[0]?.response?.resourceBody, undefined);
});
