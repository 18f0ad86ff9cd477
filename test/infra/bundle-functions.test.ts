import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bundleFunctions } from '../../infra/bundle-functions.ts';
import { tableOf, workbook } from '../lib/manifest/workbook.ts';
import { until } from '../until.ts';

/** Names of the processes that this process started. */
function children(): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
  const own = lines.map((line) => line.trim().split(/\s+/)).filter(([parent]) => parent === String(process.pid));
  return own.map(([, name = '']) => name).filter((name) => name !== 'ps');
}

test('a build leaves no process of esbuild behind', { timeout: 60_000 }, async (t) => {
  const outdir = mkdtempSync(join(tmpdir(), 'bundle-'));
  t.after(() => rmSync(outdir, { recursive: true }));
  const { bytes } = await bundleFunctions(outdir);
  assert.ok(bytes > 0);
  await until(() => children().length === 0);
});

test('the reader of workbooks is loaded when it is needed, and works from the bundle', {
  timeout: 60_000,
}, async (t) => {
  const outdir = mkdtempSync(join(tmpdir(), 'bundle-'));
  t.after(() => rmSync(outdir, { recursive: true }));
  await bundleFunctions(outdir);
  const scripts = ['functions', 'chunks'].flatMap((folder) =>
    readdirSync(join(outdir, folder))
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(outdir, folder, name), 'utf8')),
  );
  const imports = scripts.map((script) => /import\("[./a-z]*\/(table-[A-Z0-9]+\.js)"\)/.exec(script)?.[1]);
  const chunk = imports.find((name) => name !== undefined);
  assert.ok(chunk, 'no chunk of its own');
  const { readWorkbook } = await import(pathToFileURL(join(outdir, 'chunks', chunk)).href);
  const { text } = await tableOf(
    workbook({ rows: '<row r="1"><c r="A1" s="1"><v>7</v></c></row>', formats: ['000'] }),
    readWorkbook,
  );
  assert.equal(text, '007\n');
});
