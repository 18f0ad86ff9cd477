import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { createCosmosEmulator } from 'fleet-emulators/cosmos';
import { refusal, startCosmos } from './start-cosmos.ts';

const indexing = (...paths: string[]) => ({
  includedPaths: paths.map((path) => ({ path })),
  excludedPaths: [{ path: '/*' }],
});

test('a changed indexing policy does not change the results, also for older documents', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ indexingPolicy: indexing('/kind/?') });
  const values = ['text', 7, 7.5, true, null, { a: 1 }, [1, 2], undefined];
  for (const [index, kind] of values.entries()) await container.items.create({ id: `d${index}`, kind, deep: { kind } });
  const answers = async () => {
    const queries = ["c.kind = 'text'", 'c.kind > 6', 'c.kind = true', 'c.deep.kind = null', 'IS_DEFINED(c.deep.kind)'];
    const found: unknown[] = [];
    for (const condition of queries) {
      found.push((await container.items.query(`SELECT VALUE c.id FROM c WHERE ${condition}`).fetchAll()).resources);
    }
    found.push((await container.items.query('SELECT VALUE c.kind FROM c ORDER BY c.deep.kind').fetchAll()).resources);
    return found;
  };
  const before = await answers();
  assert.deepEqual(before.slice(0, 5), [
    ['d0'],
    ['d1', 'd2'],
    ['d3'],
    ['d4'],
    ['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6'],
  ]);
  const definition = { id: container.id, partitionKey: { paths: ['/id'] } };
  const composite = [
    { path: '/kind', order: 'ascending' as const },
    { path: '/deep/kind', order: 'descending' as const },
  ];
  const policies = [
    indexing('/kind/?', '/deep/kind/?'),
    { ...indexing('/deep/kind/?'), compositeIndexes: [composite] },
    indexing('/other/?'),
    indexing(),
  ];
  for (const indexingPolicy of policies) {
    await container.replace({ ...definition, indexingPolicy });
    assert.deepEqual(await answers(), before, JSON.stringify(indexingPolicy));
    // An update after the change keeps the columns correct.
    for (const [index, kind] of values.entries())
      await container.items.upsert({ id: `d${index}`, kind, deep: { kind } });
    assert.deepEqual(await answers(), before, JSON.stringify(indexingPolicy));
  }
});

test('a changed time to live applies to existing documents', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const container = await make();
  await container.items.create({ id: 'plain' });
  await container.items.create({ id: 'own', ttl: 1000 });
  const definition = { id: container.id, partitionKey: { paths: ['/id'] } };
  await container.replace({ ...definition, defaultTtl: 10 });
  now += 11_000;
  assert.equal((await container.item('plain', 'plain').read()).statusCode, 404);
  assert.equal((await container.item('own', 'own').read()).statusCode, 200);
  await container.replace({ ...definition, defaultTtl: -1 });
  assert.equal((await container.item('plain', 'plain').read()).statusCode, 200);
  assert.equal(await refusal(container.replace({ ...definition, partitionKey: { paths: ['/other'] } })), 400);
});

test('a reopened file has all its documents', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cosmos-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'store.sqlite');
  const seen: unknown[] = [];
  for (const round of [1, 2]) {
    const emulator = createCosmosEmulator({ file });
    const { port } = await emulator.listen(0);
    const client = new CosmosClient({ endpoint: `http://localhost:${port}`, key: emulator.key });
    const { database } = await client.databases.createIfNotExists({ id: 'fleet' });
    const request = { id: 'docs', partitionKey: '/id', indexingPolicy: indexing('/n/?'), defaultTtl: 1000 };
    const { container, resource } = await database.containers.createIfNotExists(request);
    if (round === 1) await container.items.create({ id: 'a', n: 1 });
    const { resources } = await container.items.query('SELECT * FROM c WHERE c.n = 1').fetchAll();
    seen.push([resources, resource]);
    client.dispose();
    await emulator.close();
  }
  assert.deepEqual(seen[1], seen[0]);
  assert.equal((seen[0] as [unknown[]])[0].length, 1);
});

test('a client that requests the query plan gets the same results', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const n of [3, 1, 2]) await container.items.create({ id: `d${n}`, n });
  for (const query of [
    'SELECT * FROM c',
    'SELECT VALUE c.n FROM c ORDER BY c.n DESC',
    'SELECT VALUE COUNT(1) FROM c',
  ]) {
    const plain = (await container.items.query(query).fetchAll()).resources;
    const planned = (await container.items.query(query, { forceQueryPlan: true, maxItemCount: 2 }).fetchAll())
      .resources;
    assert.deepEqual(planned, plain, query);
  }
});
