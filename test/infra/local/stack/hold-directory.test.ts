import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { holdDirectory } from '../../../../infra/local/stack/hold-directory.ts';

const module = new URL('../../../../infra/local/stack/hold-directory.ts', import.meta.url).href;

test('one stack has a directory at a time, until it gives it back', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hold-'));
  t.after(() => rm(directory, { recursive: true }));
  const release = holdDirectory(directory);
  assert.throws(() => holdDirectory(directory), /A stack runs on .* already\. End it, or set LOCAL_DIR/);
  release();
  release();
  holdDirectory(directory)();
});

test('the directory of a stack that was killed is free', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hold-'));
  t.after(() => rm(directory, { recursive: true }));
  const script = `import { holdDirectory } from '${module}';
    const release = holdDirectory(process.argv[1]); console.log('held'); setInterval(release.toString, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  assert.throws(() => holdDirectory(directory), /already/);
  other.kill('SIGKILL');
  await once(other, 'exit');
  holdDirectory(directory)();
});
