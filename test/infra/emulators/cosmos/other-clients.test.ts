import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sent, send } from './signed-request.ts';
import { refusal, startCosmos } from './start-cosmos.ts';

/*
 * What the SDKs for .NET, Java and Python do and ours does not: addresses by resource id, ranges as a feed, answers without a body.
 */

/** A container with the document `a`, and the resource ids of database, container and document. */
async function withDocument(t: Parameters<typeof startCosmos>[0]) {
  const cosmos = await startCosmos(t);
  const container = await cosmos.container();
  const { resource: document } = await container.items.create({ id: 'a', n: 1 });
  const { resource } = await container.read();
  const { resource: database } = await cosmos.client.database('test').read();
  const rids = { database: database?._rid ?? '', container: resource?._rid ?? '', document: document?._rid ?? '' };
  return { cosmos, container, rids };
}

const partition = { 'x-ms-documentdb-partitionkey': '["a"]' };

test('a resource is found by its resource ids, and the last of them is signed in lower case', async (t) => {
  const { cosmos, rids } = await withDocument(t);
  const database = `/dbs/${rids.database}`;
  const container = `${database}/colls/${rids.container}`;
  const read = async (path: string, signed: string, headers = {}) => {
    const response = await send(cosmos, { method: 'GET', path, signed: signed.toLowerCase(), headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  assert.equal((await read(database, rids.database)).body['id'], 'test');
  assert.equal((await read(container, rids.container)).body['id'], 'c1');
  assert.equal((await read(`${container}/pkranges`, rids.container)).body['_count'], 1);
  assert.equal((await read(`${container}/docs`, rids.container)).body['_count'], 1);
  const document = await read(`${container}/docs/${rids.document}`, rids.document, partition);
  assert.deepEqual([document.status, document.body['id']], [200, 'a']);
  // With encoded characters, and with the whole path signed.
  const encoded = `/dbs/${encodeURIComponent(rids.database)}/colls/${encodeURIComponent(rids.container)}`;
  assert.equal((await send(cosmos, { method: 'GET', path: encoded })).status, 200);
});

test('a signature for one resource id is not good for another resource', async (t) => {
  const { cosmos, rids } = await withDocument(t);
  const path = `/dbs/${rids.database}/colls/${rids.container}`;
  const signed = rids.database.toLowerCase();
  assert.equal((await send(cosmos, { method: 'GET', path, signed })).status, 401);
  assert.equal((await send(cosmos, { method: 'GET', path: '/dbs/test/colls/c1', signed: rids.container })).status, 401);
});

test('a resource id that nothing has, or that belongs elsewhere, is 404', async (t) => {
  const { cosmos, rids } = await withDocument(t);
  await cosmos.client.databases.create({ id: 'other' });
  const other = (await cosmos.client.database('other').read()).resource?._rid ?? '';
  const paths = [
    '/dbs/AAAAYw==',
    `/dbs/${other}/colls/${rids.container}`,
    `/dbs/${rids.database}/colls/c1`,
    `/dbs/${rids.database}/colls/${rids.container}/docs/a`,
    `/dbs/${rids.database}/colls/${rids.document}`,
  ];
  for (const path of paths) assert.equal((await send(cosmos, { method: 'GET', path })).status, 404, path);
});

test('a database whose name looks like a resource id is found by its name', async (t) => {
  const { cosmos, rids } = await withDocument(t);
  await cosmos.client.databases.create({ id: rids.database });
  const { resource } = await cosmos.client.database(rids.database).read();
  assert.equal(resource?.id, rids.database);
  assert.notEqual(resource?._rid, rids.database);
});

test('ranges that are read as an incremental feed are answered once', async (t) => {
  const { cosmos } = await withDocument(t);
  const path = '/dbs/test/colls/c1/pkranges';
  const incremental = { 'a-im': 'Incremental Feed' };
  const first = await send(cosmos, { method: 'GET', path, headers: incremental });
  const etag = first.headers.get('etag') ?? '';
  assert.equal(first.status, 200);
  assert.match(etag, /^".+"$/);
  const again = await send(cosmos, { method: 'GET', path, headers: { ...incremental, 'if-none-match': etag } });
  assert.deepEqual([again.status, await again.text(), again.headers.get('etag')], [304, '', etag]);
  // A client that has the version of another container, or that does not read a feed, gets them.
  const stale = { ...incremental, 'if-none-match': '"0"' };
  assert.equal((await send(cosmos, { method: 'GET', path, headers: stale })).status, 200);
  assert.equal((await send(cosmos, { method: 'GET', path, headers: { 'if-none-match': etag } })).status, 200);
});

test('a write with Prefer: return=minimal is answered with the etag and without the document', async (t) => {
  const { cosmos, container } = await withDocument(t);
  const docs = '/dbs/test/colls/c1/docs';
  const headers = { ...partition, prefer: 'return=minimal' };
  const document = JSON.stringify({ id: 'a', n: 2 });
  const writes: readonly (Sent & { status: number })[] = [
    { method: 'PUT', path: `${docs}/a`, body: document, status: 200 },
    { method: 'PATCH', path: `${docs}/a`, body: '{"operations":[{"op":"incr","path":"/n","value":1}]}', status: 200 },
    { path: docs, body: document, headers: { 'x-ms-documentdb-is-upsert': 'true' }, status: 200 },
    { path: docs, body: '{"id":"b"}', headers: { 'x-ms-documentdb-partitionkey': '["b"]' }, status: 201 },
  ];
  for (const { status, ...write } of writes) {
    const response = await send(cosmos, { ...write, headers: { ...headers, ...write.headers } });
    assert.deepEqual([response.status, await response.text()], [status, ''], String(write.body));
    assert.match(response.headers.get('etag') ?? '', /^".+"$/);
  }
  const { resource } = await container.item('a', 'a').read<{ n: number }>();
  assert.equal(resource?.n, 2);
  const read = await send(cosmos, { method: 'GET', path: `${docs}/a`, headers });
  assert.equal(((await read.json()) as { id: string }).id, 'a');
});

test('a binary batch of the .NET SDK is refused by its name, and a batch in JSON still works', async (t) => {
  const { cosmos, container } = await withDocument(t);
  const headers = { ...partition, 'x-ms-cosmos-is-batch-request': 'True', 'x-ms-cosmos-batch-atomic': 'True' };
  // The head of a segment: version 1 of HybridRow, then the number of its schema, 2147473648.
  const body = new Uint8Array([0x81, 0xf0, 0xd8, 0xff, 0x7f, 0x03, 0, 0]);
  const response = await send(cosmos, { path: '/dbs/test/colls/c1/docs', body, headers });
  const { code, message } = (await response.json()) as { code: string; message: string };
  assert.deepEqual([response.status, code], [400, 'BadRequest']);
  assert.match(message, /HybridRow/);
  assert.match(message, /\.NET SDK/);
  const batch = [{ operationType: 'Delete' as const, id: 'a' }];
  assert.equal(await refusal(container.items.batch(batch, 'a')), undefined);
});

test('an answer names its owner by names, also to a client that addresses by resource ids', async (t) => {
  const { cosmos, rids } = await withDocument(t);
  const ownerOf = async (path: string, headers = {}) => {
    const response = await send(cosmos, { method: 'GET', path, headers });
    await response.arrayBuffer();
    return response.headers.get('x-ms-alt-content-path');
  };
  assert.equal(await ownerOf('/dbs/test/colls/c1'), 'dbs/test');
  assert.equal(await ownerOf('/dbs/test/colls/c1/docs/a', partition), 'dbs/test/colls/c1');
  assert.equal(await ownerOf(`/dbs/${rids.database}/colls/${rids.container}/pkranges`), 'dbs/test/colls/c1');
  assert.equal(await ownerOf('/dbs'), null);
  await cosmos.client.databases.create({ id: 'fl\u00e4che' });
  assert.equal(await ownerOf('/dbs/fl%C3%A4che/colls'), 'dbs/fl%C3%A4che');
});

test('an empty continuation is none, as the Java SDK sends it', async (t) => {
  const { cosmos } = await withDocument(t);
  const headers = { 'content-type': 'application/query+json', 'x-ms-continuation': '' };
  const query = { path: '/dbs/test/colls/c1/docs', body: '{"query":"SELECT VALUE c.id FROM c"}' };
  const response = await send(cosmos, { ...query, headers });
  assert.deepEqual(((await response.json()) as { Documents: unknown }).Documents, ['a']);
  const invalid = { ...headers, 'x-ms-continuation': 'x' };
  assert.equal((await send(cosmos, { ...query, headers: invalid })).status, 400);
});

test('the account names the limits of queries in an object', async (t) => {
  const cosmos = await startCosmos(t);
  const response = await send(cosmos, { method: 'GET', path: '/' });
  const { queryEngineConfiguration } = (await response.json()) as { queryEngineConfiguration: string };
  const limits = JSON.parse(queryEngineConfiguration) as Record<string, unknown>;
  assert.equal(limits['maxSqlQueryInputLength'], 262_144);
  assert.equal(limits['sqlAllowTop'], true);
});
