import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { refusal, startCosmos } from './start-cosmos.ts';

test('a request that is signed with another key is refused', async (t) => {
  const { connect, container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'a' });
  const stranger = connect({ key: randomBytes(64).toString('base64') })
    .database('test')
    .container(container.id);
  assert.equal(await refusal(stranger.item('a', 'a').read()), 401);
  assert.equal(await refusal(stranger.items.create({ id: 'b' })), 401);
  assert.equal(await refusal(stranger.items.query('SELECT * FROM c').fetchAll()), 401);
  assert.equal((await container.item('b', 'b').read()).statusCode, 404);
});

interface Signed {
  readonly method: string;
  readonly type: string;
  readonly link: string;
  readonly date?: Date;
}

/** Headers by the rule of https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources. */
function sign(key: string, { method, type, link, date = new Date() }: Signed): Record<string, string> {
  const text = `${method}\n${type}\n${link}\n${date.toUTCString()}\n\n`;
  // Lower case for everything except the link.
  const lower =
    `${method}\n${type}\n`.toLowerCase() + link + text.slice(`${method}\n${type}\n${link}`.length).toLowerCase();
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(lower).digest('base64');
  return { authorization: encodeURIComponent(`type=master&ver=1.0&sig=${signature}`), 'x-ms-date': date.toUTCString() };
}

test('a signature is valid for its own request only', async (t) => {
  const { endpoint, key, container: make } = await startCosmos(t);
  const { id } = await make();
  const container = `dbs/test/colls/${id}`;
  const link = `${container}/docs/a`;
  const headers = { ...sign(key, { method: 'GET', type: 'docs', link }), 'x-ms-documentdb-partitionkey': '["a"]' };
  const send = async (method: string, path: string, more: Record<string, string> = {}) =>
    (await fetch(`${endpoint}/${path}`, { method, headers: { ...headers, ...more } })).status;
  // 404 means that the request was authorized.
  assert.equal(await send('GET', link), 404);
  assert.equal(await send('DELETE', link), 401);
  assert.equal(await send('GET', `${container}/docs/b`), 401);
  assert.equal(await send('GET', container), 401);
  assert.equal(await send('GET', link, { 'x-ms-date': new Date(0).toUTCString() }), 401);
  assert.equal(await send('GET', link, { authorization: '' }), 401);
  assert.equal(await send('GET', link, { authorization: '%' }), 401);
  assert.equal(await send('GET', link, { authorization: 'type%3Daad%26ver%3D1.0%26sig%3Dx' }), 401);
  assert.equal((await fetch(`${endpoint}/${link}`)).status, 401);
});

test('an old date is refused, even with a valid signature', async (t) => {
  const { endpoint, key } = await startCosmos(t);
  const at = async (date: Date) =>
    (await fetch(`${endpoint}/dbs`, { headers: sign(key, { method: 'get', type: 'dbs', link: '', date }) })).status;
  assert.equal(await at(new Date()), 200);
  assert.equal(await at(new Date(Date.now() - 16 * 60 * 1000)), 403);
});
