import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { createHostLab, type HostLab } from './host.ts';

const withKey = { 'x-functions-key': 'a function key' };
let lab: HostLab;
let url: string;

before(async () => {
  lab = await createHostLab();
  url = lab.url;
  const env = { 'AzureWebJobs.switched-off.Disabled': 'true', 'AzureWebJobs.tick.Disabled': '1' };
  const keys = [
    '--function-key',
    'echo=an echo key',
    '--function-key',
    'echo=another=key',
    '--function-key',
    'master-only=x',
  ];
  await lab.startHost('host', { args: ['--port', String(lab.port), ...keys], env });
});
after(() => lab?.close());

test('a function gets route values, query and body, and its answer is sent unchanged', async () => {
  const answer = await fetch(`${url}/api/things/a%20b?x=1`, { method: 'PUT', body: 'text', headers: withKey });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-answered-by'), 'echo');
  assert.deepEqual(await answer.json(), { id: 'a b', query: { x: '1' }, body: 'text', principal: null, mark: null });
});

test('a path matches in any case and with a slash at its end, and its values stay as they are', async () => {
  for (const path of ['API/Things/Some-Id', 'api/things/Some-Id/']) {
    const answer = await fetch(`${url}/${path}`, { headers: withKey });
    assert.equal(((await answer.json()) as { id: string }).id, 'Some-Id', path);
  }
  assert.equal(await (await fetch(`${url}/API/THINGS/FIXED/`)).text(), 'fixed');
});

test('a query parameter and a header that are repeated arrive once, joined with a comma', async () => {
  const marked = await new Promise<string>((resolve, reject) => {
    const headers = { ...withKey, 'x-mark': ['a', 'b'] };
    const sent = request(`${url}/api/things/a?x=1&y=2&x=3`, { headers }, async (answer) => {
      resolve(Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString());
    });
    sent.on('error', reject);
    sent.end();
  });
  const { query, mark } = JSON.parse(marked) as { query: unknown; mark: string };
  assert.deepEqual([query, mark], [{ x: '1,3', y: '2' }, 'a,b']);
});

test('headers of 20 kB pass', async () => {
  const mark = 'm'.repeat(20_000);
  const answer = await fetch(`${url}/api/things/a`, { headers: { ...withKey, 'x-mark': mark } });
  assert.equal(((await answer.json()) as { mark: string }).mark, mark);
});

test('a percent sign in a route value is decoded once', async () => {
  const answer = await fetch(`${url}/api/things/100%2525`, { headers: withKey });
  assert.equal(((await answer.json()) as { id: string }).id, '100%25');
});

test('a literal segment takes precedence over a parameter', async () => {
  const answer = await fetch(`${url}/api/things/fixed`);
  assert.deepEqual([answer.status, await answer.text()], [202, 'fixed']);
});

test('a call needs a key in the header or as code, and the answer without one is empty', async () => {
  const without = await fetch(`${url}/api/things/a`);
  assert.deepEqual([without.status, await without.text()], [401, '']);
  assert.equal((await fetch(`${url}/api/things/a`, { headers: { 'x-functions-key': 'wrong' } })).status, 401);
  assert.equal((await fetch(`${url}/api/things/a?code=a%20function%20key`)).status, 200);
  // The header takes precedence.
  const both = await fetch(`${url}/api/things/a?code=a%20function%20key`, { headers: { 'x-functions-key': 'wrong' } });
  assert.equal(both.status, 401);
});

test('the key of a function opens that function only, and no function of level admin', async () => {
  const statusOf = async (path: string, key: string) =>
    (await fetch(`${url}/api/${path}`, { headers: { 'x-functions-key': key } })).status;
  assert.equal(await statusOf('things/a', 'an echo key'), 200);
  assert.equal(await statusOf('things/a', 'another=key'), 200);
  assert.equal(await statusOf('things/a', 'x'), 401);
  assert.equal(await statusOf('master-only', 'x'), 401);
  assert.equal(await statusOf('master-only', 'an echo key'), 401);
});

test('level admin needs the master key', async () => {
  assert.equal((await fetch(`${url}/api/master-only`, { headers: withKey })).status, 401);
  const answer = await fetch(`${url}/api/master-only`, { headers: { 'x-functions-key': 'the master key' } });
  assert.equal(answer.status, 200);
});

test('the status of the host needs the master key', async () => {
  const statusOf = async (headers: Record<string, string>, query = '') =>
    (await fetch(`${url}/admin/host/status${query}`, { headers })).status;
  assert.equal(await statusOf({}), 401);
  assert.equal(await statusOf(withKey), 401);
  assert.equal(await statusOf({ 'x-functions-key': 'the master key.' }), 401);
  assert.equal(await statusOf({}, '?code=wrong'), 401);
  assert.equal(await statusOf({ 'x-functions-key': 'wrong' }, '?code=the%20master%20key'), 401);
  assert.equal(await statusOf({ 'x-functions-key': 'the master key' }), 200);
});

test('a method that no function of the route has is 404', async () => {
  assert.equal((await fetch(`${url}/api/things/a`, { method: 'DELETE', headers: withKey })).status, 404);
  assert.equal((await fetch(`${url}/api/things/a`, { method: 'HEAD', headers: withKey })).status, 404);
  assert.equal((await fetch(`${url}/api/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/api/switched-off`)).status, 404);
});

test('a client that is refused before its body was read gets the answer, not a broken pipe', async () => {
  const refusals = [
    { path: 'nothing', status: 404 },
    { path: 'things/a', status: 401 },
  ];
  for (const { path, status } of refusals) {
    const answered = await new Promise((resolve, reject) => {
      const sent = request(`${url}/api/${path}`, { method: 'PUT', agent: false }, ({ statusCode }) =>
        resolve(statusCode),
      );
      sent.on('error', reject);
      // More than the socket buffers of both sides.
      sent.end(Buffer.alloc(32 * 1024 * 1024));
    });
    assert.equal(answered, status);
  }
});

test('a function that throws answers 500 without details', async () => {
  const answer = await fetch(`${url}/api/broken`);
  assert.deepEqual([answer.status, await answer.text()], [500, '']);
});

test('a body without Content-Length does not reach the function, as in Azure', async () => {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(`${url}/api/things/a`, { method: 'PUT', headers: withKey }, async (answer) => {
      resolve(Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString());
    });
    sent.on('error', reject);
    sent.write('first');
    sent.end('second');
  });
  assert.equal((JSON.parse(text) as { body: string }).body, '');
});

test('the principal header of a caller is removed unless an option passes it on', async () => {
  const headers = { ...withKey, 'x-ms-client-principal': 'bm9ib2R5' };
  const seen = async (base: string) =>
    ((await (await fetch(`${base}/api/things/a`, { headers })).json()) as { principal: string | null }).principal;
  assert.equal(await seen(url), null);
  const port = lab.otherPort;
  const env = { 'AzureWebJobs.tick.Disabled': '1', WORK_QUEUE: 'other' };
  await lab.startHost('entra', { args: ['--port', String(port), '--pass-principal'], env });
  assert.equal(await seen(`http://127.0.0.1:${port}`), 'bm9ib2R5');
});

test('a host that is stopped answers the requests in progress and then ends', async () => {
  const port = lab.thirdPort;
  const env = { 'AzureWebJobs.tick.Disabled': '1', WORK_QUEUE: 'other' };
  const host = await lab.startHost('ending', { args: ['--port', String(port)], env });
  const answer = fetch(`http://127.0.0.1:${port}/api/slow`);
  // After this answer, the host has received the earlier request.
  await fetch(`http://127.0.0.1:${port}/api/things/fixed`);
  await host.kill('SIGTERM');
  assert.equal(await (await answer).text(), 'done');
  await assert.rejects(
    fetch(`http://127.0.0.1:${port}/api/things/fixed`),
    ({ cause }) => cause.code === 'ECONNREFUSED',
  );
});

test('without a route prefix, an empty route is / and a catch-all has every path below it, and its own', async () => {
  const env = { AzureFunctionsJobHost__extensions__http__routePrefix: '', 'AzureWebJobs.tick.Disabled': '1' };
  await lab.startHost('bare', { args: ['--port', String(lab.thirdPort)], env });
  const bare = `http://127.0.0.1:${lab.thirdPort}`;
  const textOf = async (path: string) => (await fetch(`${bare}${path}`)).text();
  assert.equal(await textOf('/'), 'root');
  assert.equal(await textOf('/things/fixed'), 'fixed');
  for (const path of ['/files', '/files/']) assert.equal(await textOf(path), 'file ');
  assert.equal(await textOf('/files/a/b.js'), 'file a/b.js');
  assert.equal((await fetch(`${bare}/nothing`)).status, 404);
});
