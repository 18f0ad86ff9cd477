import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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
