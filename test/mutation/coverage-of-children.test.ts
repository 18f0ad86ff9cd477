import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const hook = pathToFileURL(join(import.meta.dirname, 'coverage-of-children.ts')).href;
const directory = mkdtempSync(join(tmpdir(), 'coverage-'));
after(() => rmSync(directory, { recursive: true }));

/** Runs mutant 1 itself, mutants 1 and 2 in a process that ends, and 3 in one that is killed. */
const program = `
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
const run = (...ids) => \`(globalThis.__stryker__ ??= {}).mutantCoverage = { static: { \${ids.map((id) => \`\${id}: 1\`)} }, perTest: {} };\`;
eval(run(1));
spawnSync(process.execPath, ['--eval', run(1, 2)]);
const endless = spawn(process.execPath, ['--eval', run(3) + 'setTimeout(() => console.log("now"), 1500); setInterval(() => {}, 1000)']);
await once(endless.stdout, 'data');
endless.kill('SIGKILL');
await once(endless, 'exit');
process.on('exit', () => console.log(JSON.stringify(globalThis.__stryker__.mutantCoverage?.static)));
`;

function coverage(env: NodeJS.ProcessEnv): unknown {
  const file = join(directory, 'program.mjs');
  writeFileSync(file, program);
  const { NODE_OPTIONS: _, ...rest } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', hook, file], {
    env: { ...rest, TMPDIR: directory, ...env },
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

test('a mutant that only a started process runs is one that its test runs', () => {
  assert.deepEqual(coverage({ STRYKER_DRY_RUN: 'true' }), { 1: 2, 2: 1, 3: 1 });
});

test('nothing is written while mutants are tested', () => {
  assert.deepEqual(coverage({}), { 1: 1 });
});
