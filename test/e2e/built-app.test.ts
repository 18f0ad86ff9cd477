import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { queueNames } from '../../lib/resource-names.ts';

/*
 * The built app as Microsoft's worker finds it: plain Node, `main` of package.json, the library's own registration. A bundle
 * that swallowed `@azure/functions-core` would register nothing and say nothing, so the functions are counted.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));

const loader = `
  const { provideFunctionsCore } = await import('./infra/local/host/functions-core.ts');
  const { loadApp } = await import('./infra/local/host/app.ts');
  const core = provideFunctionsCore(() => {});
  await loadApp('.', core);
  const functions = [...core.functions.values()];
  console.log(JSON.stringify(functions.map(({ name, bindings }) => [name, Object.values(bindings)[0].type])));
  process.exit();
`;

test('every function of functions/ is registered by the built app', { timeout: 60_000 }, async () => {
  const env = { ...process.env, HTTP_ACCESS: 'keys' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', loader], {
    cwd: root,
    env,
  });
  const registered = new Map(JSON.parse(stdout) as [string, string][]);

  const expected = new Map<string, string>();
  for await (const file of glob('functions/*.ts', { cwd: root })) {
    const source = await readFile(new URL(file, new URL('../../', import.meta.url)), 'utf8');
    for (const [, kind = '', name = ''] of source.matchAll(/\bapp\.(http|storageQueue|timer)\(\s*['`]([^'`]+)['`]/g)) {
      const type = { http: 'httpTrigger', storageQueue: 'queueTrigger', timer: 'timerTrigger' }[kind] ?? kind;
      // One function a queue, where the name has it as a part of a template.
      const names = /\$\{queue\}$/.test(name) ? queueNames.map((queue) => name.replace(/\$\{queue\}$/, queue)) : [name];
      for (const each of names) expected.set(each, type);
    }
  }
  assert.ok(expected.size >= 20, `${expected.size} functions in the sources`);
  assert.deepEqual(new Map([...registered].sort()), new Map([...expected].sort()));
});

test('the name of each function is the name of its file', async () => {
  for await (const file of glob('functions/*.ts', { cwd: root })) {
    const source = await readFile(new URL(file, new URL('../../', import.meta.url)), 'utf8');
    const [, name] = /\bapp\.(?:http|storageQueue|timer)\(\s*['`]([\w-]+)/.exec(source) ?? [];
    if (name !== undefined) assert.equal(`functions/${name.replace(/-$/, '')}.ts`, file);
  }
});
