import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { folders } from '../mutation/folders.ts';

describe('mutation testing', () => {
  const paths = folders.map(({ path }) => path);

  it('has every folder of lib/ and of the emulators, and the other programs', () => {
    const foldersOf = (path: string) =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() && entry.name !== 'dist' ? `${path}/${entry.name}` : [],
      );
    const all = [...foldersOf('lib'), ...foldersOf('infra/emulators')];
    assert.ok(all.length > 16);
    assert.deepEqual(
      [...all, 'lib/*.ts', 'infra/emulators/*.ts', 'functions', 'cli', 'infra/local'].filter(
        (path) => !paths.includes(path),
      ),
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
