import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { circles, importsOf } from './import-graph.ts';

/**
 * The floors of lib/, from the top. A file imports from its own folder and from lower floors only; folders on one floor
 * do not import each other. docs/ARCHITECTURE.md says why. biome.json has the same rule per floor, for editors; it does
 * not see type-only circles, so this test has the last word.
 */
const floors: readonly (readonly string[])[] = [
  ['pipeline'],
  ['findings'],
  ['orders', 'enrollment'],
  ['jobs'],
  ['authorities'],
  ['bundle', 'manifest', 'events'],
  ['groups'],
  ['pki', 'devices', 'access', 'audit'],
  ['.'],
];

const files = globSync('{lib,functions,infra,cli,console,test,bench}/**/*.ts', {
  exclude: (path) => /node_modules|dist/.test(path),
});
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** @returns the folder of a file of lib/: `pipeline`, or `.` for a file in lib/ itself */
function folderOf(file: string): string {
  const [, folder, rest] = file.split('/');
  return rest === undefined ? '.' : (folder ?? '.');
}

const floorOf = (file: string) => floors.findIndex((floor) => floor.includes(folderOf(file)));

describe('imports run one way', () => {
  it('every folder of lib/ has a floor, but azure/, which is beside them', () => {
    const folders = new Set(files.filter((file) => file.startsWith('lib/')).map(folderOf));
    assert.deepEqual([...folders].sort(), [...floors.flat(), 'azure'].sort());
  });

  it('no import in lib/ runs upwards or across', () => {
    const wrong = edges(({ from, to }) => from.startsWith('lib/') && to.startsWith('lib/') && !isAzure(from)).filter(
      ({ from, to }) => folderOf(from) !== folderOf(to) && floorOf(from) >= floorOf(to),
    );
    assert.deepEqual(wrong, []);
  });

  it('nothing but functions/, infra/, bench/ and tests imports lib/azure', () => {
    const wrong = edges(({ from, to }) => isAzure(to) && from.startsWith('lib/') && !isAzure(from));
    assert.deepEqual(wrong, []);
  });

  it('lib/ imports nothing outside itself', () => {
    assert.deepEqual(
      edges(({ from, to }) => from.startsWith('lib/') && !to.startsWith('lib/')),
      [],
    );
  });

  it('functions/ imports lib/ and itself only', () => {
    const wrong = edges(({ from, to }) => from.startsWith('functions/') && !/^(functions|lib)\//.test(to));
    // Data, not code: the app serves the description that is committed.
    assert.deepEqual(wrong, [{ from: 'functions/http/openapi.ts', to: 'docs/openapi.json' }]);
  });

  it('cli/ imports itself and the types of the API; only cli/operator works past the API', () => {
    const wrong = edges(({ from, to }) => /^cli\/(?!operator\/)/.test(from) && !to.startsWith('cli/'));
    // Types, not code: esbuild leaves them out.
    assert.deepEqual([...new Set(wrong.map(({ to }) => to))], ['docs/openapi.d.ts']);
    assert.deepEqual(
      edges(({ from, to }) => to.startsWith('cli/') && !/^(cli|test|infra)\//.test(from)),
      [],
    );
  });

  it('the console imports itself and the types of the API only', () => {
    const wrong = edges(({ from, to }) => from.startsWith('console/') && !to.startsWith('console/'));
    assert.deepEqual(wrong, [{ from: 'console/types.ts', to: 'docs/openapi.d.ts' }]);
    const libraries = files.filter((file) => file.startsWith('console/')).flatMap((file) => packagesOf(file));
    assert.deepEqual([...new Set(libraries)], ['lit-html']);
  });

  it('the emulators import nothing but themselves', () => {
    const wrong = edges(({ from, to }) => from.startsWith('infra/emulators/') && !to.startsWith('infra/emulators/'));
    assert.deepEqual(wrong, []);
  });

  it('one file alone names the header with the client certificate, and the API does not import it', () => {
    const named = [...imports.keys()].filter(
      (file) => /^(functions|lib)\//.test(file) && /x-arr-clientcert/i.test(readFileSync(file, 'utf8')),
    );
    assert.deepEqual(named, ['functions/est/client-certificate.ts']);
    const reached = new Set(['functions/main.ts']);
    for (const file of reached) for (const target of imports.get(file) ?? []) reached.add(target);
    assert.ok(reached.has('functions/services.ts'));
    assert.deepEqual(
      [...reached].filter((file) => file.startsWith('functions/est')),
      [],
    );
  });

  it('the EST server has no operation, queue or timer of the API', () => {
    const reached = new Set(['functions/est.ts']);
    for (const file of reached) for (const target of imports.get(file) ?? []) reached.add(target);
    const wrong = [...reached].filter((file) => /^functions\/(http\/|queues|timers|main)/.test(file));
    assert.deepEqual(wrong, []);
  });

  it('no files import each other in a circle, type-only imports included', () => {
    assert.deepEqual(circles(imports), []);
  });
});

/** Names of the packages that a file imports. */
function packagesOf(file: string): string[] {
  const names = [...readFileSync(file, 'utf8').matchAll(/from '([^.'][^']*)'/g)].map(([, name = '']) => name);
  return names.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
}

function isAzure(file: string): boolean {
  return file.startsWith('lib/azure/');
}

function edges(wanted: (edge: { from: string; to: string }) => boolean): { from: string; to: string }[] {
  return [...imports].flatMap(([from, targets]) => targets.map((to) => ({ from, to }))).filter(wanted);
}

describe('circles', () => {
  it('finds files that import each other, directly or by way of others', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
      ['e', ['f']],
      ['f', ['e', 'a']],
    ]);
    assert.deepEqual(circles(graph), [
      ['a', 'b', 'c'],
      ['e', 'f'],
    ]);
  });
});
