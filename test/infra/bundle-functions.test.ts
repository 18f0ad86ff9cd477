import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleFunctions } from '../../infra/bundle-functions.ts';
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
