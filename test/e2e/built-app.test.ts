import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { nodeIssue } from '../../functions/config/node-version.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { operationIds } from '../operation.ts';

/*
 * The built app as Microsoft's worker loads it: plain Node, `main` of package.json, registration by the library itself. A
 * bundle with a copy of `@azure/functions-core` in it would register nothing and report no error, so functions are counted.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFile(new URL(path, new URL('../../', import.meta.url)), 'utf8');

const loader = `
  const { loadApp, provideFunctionsCore } = await import('fleet-emulators/functions-host');
  const core = provideFunctionsCore(() => {});
  await loadApp('.', core);
  const functions = [...core.functions.values()];
  console.log(JSON.stringify(functions.map(({ name, bindings }) => [name, Object.values(bindings)[0].type])));
  process.exit();
`;

/** Name and trigger of each function that the built app registers. */
let registered: Map<string, string>;

before(
  async () => {
    const env = { ...process.env, HTTP_ACCESS: 'keys' };
    const args = ['--input-type=module', '-e', loader];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env });
    registered = new Map(JSON.parse(stdout) as [string, string][]);
  },
  { timeout: 60_000 },
);

test('every function of functions/ is registered by the built app', async () => {
  const expected = new Map<string, string>(operationIds.map((id) => [id, 'httpTrigger']));
  for await (const file of glob('functions/**/*.ts', { cwd: root })) {
    const source = await read(file);
    for (const [, kind = '', name = ''] of source.matchAll(/\bapp\.(storageQueue|timer|http)\(\s*['`]([^'`]+)['`]/g)) {
      const type = { storageQueue: 'queueTrigger', timer: 'timerTrigger', http: 'httpTrigger' }[kind] ?? kind;
      // A name with ${queue} at its end is one function per queue.
      const names = /\$\{queue\}$/.test(name) ? queueNames.map((queue) => name.replace(/\$\{queue\}$/, queue)) : [name];
      for (const each of names) expected.set(each, type);
    }
  }
  assert.ok(expected.size >= 20, `${expected.size} functions in the sources`);
  assert.deepEqual(new Map([...registered].sort()), new Map([...expected].sort()));
});

/** An app on a Node.js of the path that is too old: its log at the start, and the answer of the function `health`. */
const oldLoader = `
  import Module from 'node:module';
  const [functions, hooks] = [new Map(), []];
  class Disposable { dispose() {} }
  const core = {
    ...{ version: '3.12.0', hostVersion: '4', Disposable, log() {}, setProgrammingModel() {}, getProgrammingModel() {} },
    registerFunction: ({ name }, callback) => (functions.set(name, callback), new Disposable()),
    registerHook: (name, callback) => (name === 'appStart' && hooks.push(callback), new Disposable()),
  };
  const { require: original } = Module.prototype;
  Module.prototype.require = function (id) { return id === '@azure/functions-core' ? core : original.call(this, id); };
  await import(process.argv[1]);
  const context = { invocationId: 'test', info() {}, warn() {}, error() {} };
  const request = { url: 'https://fleet.example/api/health', method: 'GET', headers: new Headers(), query: new URLSearchParams(), params: {}, body: null };
  // Before the hooks: from then on, requests come by the HTTP server of the library.
  const { status, body } = await functions.get('health')(request, context);
  for (const hook of hooks) await hook({});
  console.log(JSON.stringify({ status, problem: JSON.parse(body) }));
  process.exit();
`;

/** A Node.js of the path that is older than the app needs. CI has one in one of its runs. */
function oldNode(): string | undefined {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return found.find((path) => {
    const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    return status === 0 && nodeIssue(stdout.trim().slice(1)) !== undefined;
  });
}

test('on a Node.js that is too old, log and health say so', async (t) => {
  const node = oldNode();
  if (node === undefined) return t.skip('no such Node.js in the path');
  const main = pathToFileURL(join(root, 'dist/functions/main.js')).href;
  const env = { ...process.env, HTTP_ACCESS: 'keys' };
  const args = ['--input-type=module', '-e', oldLoader, main];
  const { stdout, stderr } = await promisify(execFile)(node, args, { cwd: root, env });
  const logged = stderr.split('\n').find((line) => line.includes('start-up check failed')) ?? assert.fail(stderr);
  assert.match(JSON.parse(logged).problem, /^Node\.js is \d+\.\d+\.\d+; expected 22\.12 or newer\. Start the host/);
  const { status, problem } = JSON.parse(stdout);
  assert.equal(status, 500);
  assert.equal(problem.title, 'setting-invalid');
  assert.match(problem.detail, /Node\.js: is \d+\.\d+\.\d+; expected 22\.12 or newer/);
});
