import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findBundles } from '../../../infra/tools/find-bundles.ts';
import { readTar } from '../../../lib/bundle/tar.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bundles-'));
  await mkdir(join(directory, 'devices/gw-2/certs'), { recursive: true });
  await writeFile(join(directory, 'devices/gw-2/config.toml'), 'config');
  await writeFile(join(directory, 'devices/gw-2/certs/gw-2.key.pem'), 'key', { mode: 0o600 });
  await writeFile(join(directory, 'devices/gw-1.tar.gz'), 'archive');
  await writeFile(join(directory, 'devices/notes.txt'), 'not a bundle');
  await mkdir(join(directory, 'empty'));
});
after(() => rm(directory, { recursive: true }));

test('a folder gives its archives and its unpacked bundles, in the order of their names', async () => {
  const found = await findBundles(join(directory, 'devices'));
  assert.deepEqual(
    found.map(({ path }) => path),
    ['gw-1.tar.gz', 'gw-2'].map((name) => join(directory, 'devices', name)),
  );
});

test('an unpacked bundle is read with its folder, paths and modes', async () => {
  const [bundle, ...more] = await findBundles(join(directory, 'devices/gw-2'));
  assert.equal(more.length, 0);
  const files = readTar((await bundle?.read()) ?? Buffer.alloc(0));
  assert.deepEqual(files.map(({ path, mode, body }) => [path, mode, body.toString()]).sort(), [
    ['gw-2/certs/gw-2.key.pem', 0o600, 'key'],
    ['gw-2/config.toml', 0o644, 'config'],
  ]);
});

test('a file is taken as it is', async () => {
  const [bundle] = await findBundles(join(directory, 'devices/gw-1.tar.gz'));
  assert.equal((await bundle?.read())?.toString(), 'archive');
});

test('a folder without a bundle, and a path that is not there, are refused', async () => {
  await assert.rejects(findBundles(join(directory, 'empty')), /has no bundle\. Expected unpacked bundles/);
  await assert.rejects(findBundles(join(directory, 'nowhere')), /ENOENT/);
});
