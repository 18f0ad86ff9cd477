import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEvery } from '../../../assert-every.ts';
import { refusal, startCosmos } from './start-cosmos.ts';

interface Item {
  readonly id: string;
  readonly [name: string]: unknown;
}

test('a document is returned unchanged, with the members that the service adds', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const item = { id: 'a b%2F+ü"\'é', text: '"}\u2028\u0000', deep: { er: [1, null, { x: true }] }, n: 1e21, _own: 1 };
  const { resource, statusCode } = await container.items.create(item);
  assert.equal(statusCode, 201);
  const { resource: read } = await container.item(item.id, item.id).read<Item>();
  assert.deepEqual(read, resource);
  const { _rid, _self, _etag, _attachments, _ts, ...own } = read ?? ({} as Record<string, unknown>);
  assert.deepEqual(own, item);
  assertEvery([_rid, _self, _etag, _attachments], (value) => typeof value === 'string');
  assert.equal(typeof _ts, 'number');
});

test('create fails for an existing document, replace for a missing one, and delete removes it', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  assert.equal(await refusal(container.item('a', 'a').replace({ id: 'a' })), 404);
  await container.items.create({ id: 'a', v: 1 });
  assert.equal(await refusal(container.items.create({ id: 'a', v: 2 })), 409);
  assert.equal((await container.items.upsert({ id: 'a', v: 3 })).statusCode, 200);
  assert.equal((await container.items.upsert({ id: 'b', v: 1 })).statusCode, 201);
  assert.equal((await container.item('a', 'a').read<Item>()).resource?.['v'], 3);
  assert.equal((await container.item('a', 'a').delete()).statusCode, 204);
  assert.equal((await container.item('a', 'a').read()).statusCode, 404);
  assert.equal(await refusal(container.item('a', 'a').delete()), 404);
});

test('one of several writers with the same version succeeds, and the others get 412', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { etag } = await container.items.create({ id: 'a', v: 0 });
  const accessCondition = { type: 'IfMatch', condition: etag };
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, v) =>
      refusal(container.item('a', 'a').replace({ id: 'a', v }, { accessCondition })),
    ),
  );
  assert.equal(statuses.filter((status) => status === undefined).length, 1);
  assert.equal(statuses.filter((status) => status === 412).length, 19);
  const winner = statuses.indexOf(undefined);
  assert.equal((await container.item('a', 'a').read<Item>()).resource?.['v'], winner);
  assert.equal(await refusal(container.item('a', 'a').delete({ accessCondition })), 412);
});

test('a version that the reader already has is not sent again', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { etag } = await container.items.create({ id: 'a' });
  const accessCondition = { type: 'IfNoneMatch', condition: etag };
  assert.equal((await container.item('a', 'a').read({ accessCondition })).statusCode, 304);
});

test('an id is unique within a partition, and a document is stored only in the partition of its content', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make({ partitionKey: '/p/q' });
  const keys = ['x', '1', 1, true, null, undefined];
  for (const q of keys) await container.items.create({ id: 'same', p: q === undefined ? {} : { q } });
  for (const q of keys) {
    // The SDK uses the key `undefined` for a missing value.
    const { resource } = await container.item('same', q as string).read<Item>();
    assert.deepEqual(resource?.['p'], q === undefined ? {} : { q });
  }
  assert.equal(await refusal(container.item('same', 'x').replace({ id: 'same', p: { q: 'y' } })), 400);
  assert.equal((await container.item('same', 'y').read()).statusCode, 404);
  assert.equal(await refusal(container.items.create({ id: 'bad', p: { q: [1] } })), 400);
});

test('a patch is applied only if its condition holds', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'a', status: 'received', counts: { total: 0 }, list: [1, 3] });
  const item = container.item('a', 'a');
  const operations = [
    { op: 'incr' as const, path: '/counts/total', value: 5 },
    { op: 'add' as const, path: '/list/1', value: 2 },
    { op: 'set' as const, path: '/at', value: null },
  ];
  const condition = "FROM c WHERE c.status = 'received'";
  const { resource } = await item.patch<Item>({ operations, condition });
  assert.deepEqual([resource?.['counts'], resource?.['list'], resource?.['at']], [{ total: 5 }, [1, 2, 3], null]);
  await item.patch([{ op: 'replace', path: '/status', value: 'completed' }]);
  assert.equal(await refusal(item.patch({ operations, condition })), 412);
  assert.deepEqual((await item.read<Item>()).resource?.['counts'], { total: 5 });
});

test('a patch with an invalid operation changes nothing', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'a', n: 1, text: 'x' });
  const item = container.item('a', 'a');
  const first = { op: 'incr' as const, path: '/n', value: 1 };
  const refused = [
    { op: 'incr' as const, path: '/text', value: 1 },
    { op: 'remove' as const, path: '/nothing' },
    { op: 'replace' as const, path: '/nothing', value: 1 },
    { op: 'set' as const, path: '/id', value: 'b' },
    { op: 'set' as const, path: '/_etag', value: 'b' },
    { op: 'set' as const, path: '/nothing/below', value: 1 },
    { op: 'set' as const, path: '/__proto__/polluted', value: 1 },
  ];
  for (const second of refused) assert.equal(await refusal(item.patch([first, second])), 400, JSON.stringify(second));
  assert.equal(await refusal(item.patch(Array.from({ length: 11 }, () => first))), 400);
  assert.equal((await item.read<Item>()).resource?.['n'], 1);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('documents expire by the clock of the service', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const container = await make({ defaultTtl: 100 });
  await container.items.create({ id: 'default' });
  await container.items.create({ id: 'short', ttl: 10 });
  await container.items.create({ id: 'forever', ttl: -1 });
  assert.equal(await refusal(container.items.create({ id: 'wrong', ttl: 0 })), 400);
  const ids = async () => (await container.items.query<string>('SELECT VALUE c.id FROM c').fetchAll()).resources;
  now += 11_000;
  assert.deepEqual(await ids(), ['default', 'forever']);
  assert.equal((await container.item('short', 'short').read()).statusCode, 404);
  assert.equal(await refusal(container.item('short', 'short').patch([{ op: 'set', path: '/x', value: 1 }])), 404);
  // The id is free again, although the old document may still be on the disk.
  assert.equal((await container.items.create({ id: 'short', again: true })).statusCode, 201);
  now += 90_000;
  assert.deepEqual(await ids(), ['forever', 'short']);
  const eternal = await make();
  await eternal.items.create({ id: 'a', ttl: 1 });
  now += 1e9;
  assert.equal((await eternal.item('a', 'a').read()).statusCode, 200, 'a ttl counts where the container allows it');
});

test('documents of up to two megabytes are accepted', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'large', text: 'x'.repeat(2_000_000) });
  assert.equal(await refusal(container.items.create({ id: 'larger', text: 'x'.repeat(2_200_000) })), 413);
});

test('databases and containers are created once, listed, and deleted with their content', async (t) => {
  const { client, container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'a' });
  const database = client.database('test');
  assert.equal(await refusal(database.containers.create({ id: container.id })), 409);
  assert.equal(await refusal(client.databases.create({ id: 'test' })), 409);
  assert.deepEqual(
    (await client.databases.readAll().fetchAll()).resources.map(({ id }) => id),
    ['test'],
  );
  assert.deepEqual(
    (await database.containers.readAll().fetchAll()).resources.map(({ id }) => id),
    [container.id],
  );
  assert.equal((await container.read()).resource?.partitionKey?.paths[0], '/id');
  await container.delete();
  assert.equal(await refusal(container.read()), 404);
  await database.containers.create({ id: container.id, partitionKey: '/id' });
  assert.equal((await container.item('a', 'a').read()).statusCode, 404);
  await database.delete();
  assert.equal(await refusal(database.read()), 404);
});
