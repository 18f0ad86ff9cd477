import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/*
 * .npmrc silences the warnings of npm, so that `npm ci` prints none. These tests check what npm would warn of.
 */

interface LockedPackage {
  readonly deprecated?: string;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
const packages = Object.entries((read('package-lock.json') as { packages: Record<string, LockedPackage> }).packages);
const nameOf = (path: string) => path.split('node_modules/').at(-1) ?? '';

test('no dependency is deprecated', () => {
  assert.deepEqual(
    packages.filter(([, { deprecated }]) => deprecated !== undefined).map(([path]) => path),
    [],
  );
});

test('every install script of a dependency has a decision, and none runs', () => {
  const withScript = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
  assert.deepEqual(Object.keys(allowScripts).sort(), [...new Set(withScript)].sort());
  assert.deepEqual(new Set(Object.values(allowScripts)), new Set([false]));
});

test('the Node.js of the project is one that the dependencies support', () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  assert.ok(major === 24 && minor >= 0);
  for (const [path, { engines }] of packages) {
    const [, least] = /^>=\s*(\d+)/.exec(engines?.node ?? '') ?? [];
    if (least !== undefined) assert.ok(Number(least) <= major, `${path} needs Node.js ${engines?.node}`);
  }
});
