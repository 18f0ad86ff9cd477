import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { folders } from '../mutation/folders.ts';

describe('mutation testing', () => {
  const paths = folders.map(({ path }) => path);

  it('has every folder of lib/', () => {
    const all = readdirSync('lib', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.ok(all.length > 10);
    assert.deepEqual(
      all.map(({ name }) => `lib/${name}`).filter((path) => !paths.includes(path)),
      [],
    );
  });

  it('names tests that are there', () => {
    const missing = folders.flatMap(({ tests }) => tests).filter((test) => !test.includes('*') && !existsSync(test));
    assert.deepEqual(missing, []);
  });

  it('is run once a week, with every folder', () => {
    const workflow = readFileSync('.github/workflows/mutation.yml', 'utf8');
    const run = new Set([...workflow.matchAll(/^ {10}- (.*)$/gm)].flatMap(([, line = '']) => line.split(' ')));
    assert.deepEqual(
      paths.filter((path) => !run.has(path)),
      [],
    );
  });
});
