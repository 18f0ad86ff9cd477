import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startChild } from '../../../../infra/local/stack/child.ts';
import { diskProblem } from '../../../../infra/local/stack/disk.ts';
import { freePorts } from '../../../../infra/local/stack/ports.ts';
import { startStack } from '../../../../infra/local/stack.ts';

/*
 * A disk of 1 MB. Only root may mount one.
 */

const directory = mkdtempSync(join(tmpdir(), 'disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]).status === 0;
after(() => {
  if (mounted) execFileSync('umount', [directory]);
  rmSync(directory, { recursive: true });
});
const skip = mounted ? false : 'needs the right to mount a file system';
const full = new RegExp(
  `The disk of ${directory}\\S* is full: [01]\\.\\d MB are free, .* Delete files there, or set LOCAL_DIR`,
);

test('a disk with room has no problem', async () => {
  assert.equal(await diskProblem(import.meta.dirname), undefined);
});

test('a stack on a full disk is refused with the reason', { skip }, async () => {
  await assert.rejects(startStack({ directory, ports: await freePorts() }), full);
});

test('a process on a full disk fails at once, not after the timeout of a start', {
  skip,
  timeout: 20_000,
}, async () => {
  const args = ['-e', 'setInterval(() => {}, 1000)'];
  const options = { name: 'silent', args, env: process.env, logFile: join(directory, 'silent.log'), ready: /ready/ };
  await assert.rejects(startChild(options), full);
});
