import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { bundleConsole } from '../../infra/bundle-console.ts';

describe('the bundle of the console', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-console-'));
  let compressedBytes = 0;
  before(async () => {
    ({ compressedBytes } = await bundleConsole(directory));
  });
  after(() => rmSync(directory, { recursive: true }));

  const names = () => readdirSync(join(directory, 'assets')).filter((name) => /\.(js|css)$/.test(name));
  const asset = (name: string) => readFileSync(join(directory, 'assets', name));

  it('sends at most 60 KB of script and style', () => {
    const gzipped = names().reduce((sum, name) => sum + asset(`${name}.gz`).length, 0);
    assert.ok(compressedBytes > 0 && compressedBytes <= 60 * 1024, `${compressedBytes} bytes with Brotli`);
    assert.ok(gzipped <= 60 * 1024, `${gzipped} bytes with gzip`);
  });

  it('has one script and one style sheet, named by their content and compressed twice', () => {
    assert.equal(names().length, 2);
    for (const name of names()) {
      assert.match(name, /^(main|style)-[A-Z0-9]{8}\.(js|css)$/);
      assert.ok(brotliDecompressSync(asset(`${name}.br`)).equals(asset(name)), name);
      assert.ok(gunzipSync(asset(`${name}.gz`)).equals(asset(name)), name);
    }
  });

  it('has a page that names them, and nothing of another site', () => {
    const page = readFileSync(join(directory, 'index.html'), 'utf8');
    for (const name of names()) assert.ok(page.includes(`"/console/assets/${name}"`), name);
    for (const text of [page, ...names().map((name) => asset(name).toString())]) {
      const hosts = [...text.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host);
      // The name of a namespace, which nothing loads.
      assert.deepEqual(
        hosts.filter((host) => host !== 'www.w3.org'),
        [],
      );
    }
  });
});
