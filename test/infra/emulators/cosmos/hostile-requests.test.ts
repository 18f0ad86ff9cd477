import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sent, send } from './signed-request.ts';
import { type RunningCosmos, startCosmos } from './start-cosmos.ts';

async function statusOf(cosmos: RunningCosmos, sent: Sent): Promise<number> {
  const response = await send(cosmos, sent);
  await response.arrayBuffer();
  return response.status;
}

test('no request of a client stops the server or causes a 500', async (t) => {
  const cosmos = await startCosmos(t);
  const { id } = await cosmos.container();
  const docs = `/dbs/test/colls/${id}/docs`;
  const partition = { 'x-ms-documentdb-partitionkey': '["a"]' };
  const batch = { 'x-ms-cosmos-is-batch-request': 'true' };
  const atomic = { ...batch, ...partition, 'x-ms-cosmos-batch-atomic': 'true' };
  const query = { 'x-ms-documentdb-isquery': 'true' };
  const cases: readonly (readonly [number, Sent])[] = [
    [400, { path: docs, body: '{', headers: partition }],
    [400, { path: docs, body: '', headers: partition }],
    [400, { path: docs, body: 'null', headers: partition }],
    [400, { path: docs, body: '[]', headers: partition }],
    [400, { path: docs, body: '{"id":1}', headers: partition }],
    [400, { path: docs, body: '{"id":""}', headers: partition }],
    [400, { path: docs, body: '{"id":"a/b"}', headers: { 'x-ms-documentdb-partitionkey': '["a/b"]' } }],
    [400, { path: docs, body: `{"id":"${'x'.repeat(1024)}"}`, headers: partition }],
    [400, { path: docs, body: '{"id":"a"}' }],
    [400, { path: docs, body: '{"id":"a"}', headers: { 'x-ms-documentdb-partitionkey': '"a"' } }],
    [400, { path: docs, body: '{"id":"a"}', headers: { 'x-ms-documentdb-partitionkey': '["a","b"]' } }],
    [400, { path: docs, body: '{"id":"a"}', headers: { 'x-ms-documentdb-partitionkey': '[' } }],
    [413, { path: docs, body: `{"id":"a","x":"${'y'.repeat(17 * 1024 * 1024)}"}`, headers: partition }],
    [400, { path: docs, body: '{}', headers: query }],
    [400, { path: docs, body: '{"query":1}', headers: query }],
    [400, { path: docs, body: '{"query":"SELECT * FROM c","parameters":[null]}', headers: query }],
    [400, { path: docs, body: '{"query":"SELECT * FROM c"}', headers: { ...query, 'x-ms-max-item-count': 'many' } }],
    [200, { path: docs, body: '{"query":"SELECT * FROM c"}', headers: { ...query, 'x-ms-max-item-count': '-1' } }],
    [400, { path: docs, body: '{}', headers: batch }],
    [400, { path: docs, body: '[]', headers: batch }],
    [400, { path: docs, body: `[${'{},'.repeat(100)}{}]`, headers: batch }],
    [
      400,
      { path: docs, body: '[{"operationType":"Create"}]', headers: { ...batch, 'x-ms-cosmos-batch-atomic': 'true' } },
    ],
    // In a batch the operation fails, not the request.
    [
      207,
      { path: docs, body: '[null, 1, [], {}, {"operationType":"Read"}, {"operationType":"Drop"}]', headers: batch },
    ],
    [207, { path: docs, body: '[{"operationType":"Patch","id":"a","resourceBody":null}]', headers: atomic }],
    [404, { method: 'GET', path: `${docs}/a%00%27`, headers: partition }],
    [404, { method: 'GET', path: '/dbs/..%2Ftest', headers: partition }],
    [404, { method: 'GET', path: '/dbs/test/users' }],
    [404, { method: 'GET', path: '/dbs/__proto__/colls/constructor/docs' }],
    [405, { method: 'PUT', path: '/dbs' }],
    [400, { path: '/dbs', body: '{"id":"a/b"}' }],
    [400, { path: '/dbs/test/colls', body: '{"id":"x","partitionKey":{"paths":"id"}}' }],
    [400, { path: '/dbs/test/colls', body: '{"id":"x","partitionKey":{"paths":["id"]}}' }],
  ];
  for (const [expected, sent] of cases) {
    const label = `${sent.method ?? 'POST'} ${sent.path} ${String(sent.body).slice(0, 80)} ${JSON.stringify(sent.headers)}`;
    assert.equal(await statusOf(cosmos, sent), expected, label);
  }
  assert.equal(await statusOf(cosmos, { path: docs, body: '{"id":"a"}', headers: partition }), 201);
  const patches: unknown[] = [
    null,
    {},
    { operations: [] },
    { operations: [null] },
    { operations: [{ op: 'drop', path: '/x' }] },
    { operations: [{ op: 'set', path: 'x', value: 1 }] },
    { operations: [{ op: 'set', path: '/x', value: 1 }], condition: 'FROM c' },
    { operations: [{ op: 'set', path: '/x', value: 1 }], condition: 1 },
  ];
  for (const patch of patches) {
    const sent = { method: 'PATCH', path: `${docs}/a`, body: JSON.stringify(patch), headers: partition };
    assert.equal(await statusOf(cosmos, sent), 400, sent.body);
  }
  const nested = (levels: number) => `{"id":"deep","x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  const headers = { 'x-ms-documentdb-partitionkey': '["deep"]' };
  assert.equal(await statusOf(cosmos, { path: docs, body: nested(127), headers }), 201);
  for (const levels of [129, 2_000, 100_000]) {
    assert.equal(await statusOf(cosmos, { method: 'PUT', path: `${docs}/deep`, body: nested(levels), headers }), 400);
  }
  assert.equal((await cosmos.client.database('test').container(id).item('a', 'a').read()).statusCode, 200);
});
