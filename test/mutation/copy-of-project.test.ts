import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { linkPackages } from './copy-of-project.ts';

const directory = mkdtempSync(join(tmpdir(), 'copy-of-project-'));
after(() => rmSync(directory, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), text);
}

test('a copy of the project has its packages, and its own workspaces', () => {
  write('project/node_modules/zod/index.js', 'zod');
  write('project/node_modules/@hono/server/index.js', 'hono');
  write('project/workspace/index.js', 'as it is');
  symlinkSync('../workspace', join(directory, 'project/node_modules/own'));
  write('project/.mutation/copy/workspace/index.js', 'mutated');

  const copy = join(directory, 'project/.mutation/copy/node_modules');
  linkPackages(join(directory, 'project/node_modules'), copy);
  const read = (path: string) => readFileSync(join(copy, path), 'utf8');
  assert.equal(read('zod/index.js'), 'zod');
  assert.equal(read('@hono/server/index.js'), 'hono');
  assert.equal(read('own/index.js'), 'mutated');
});
