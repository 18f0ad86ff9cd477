import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDirectory } from '../../../../infra/local/stack/lock-directory.ts';

const module = new URL('../../../../infra/local/stack/lock-directory.ts', import.meta.url).href;

test('one stack can lock a directory at a time', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  t.after(() => rm(directory, { recursive: true }));
  const release = lockDirectory(directory);
  assert.throws(() => lockDirectory(directory), /A stack already runs in .*\. Stop it, or set LOCAL_DIR/);
  release();
  release();
  lockDirectory(directory)();
});

test('the directory of a killed stack is unlocked', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  t.after(() => rm(directory, { recursive: true }));
  const script = `import { lockDirectory } from '${module}';
    const release = lockDirectory(process.argv[1]); console.log('held'); setInterval(release.toString, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  assert.throws(() => lockDirectory(directory), /already/);
  other.kill('SIGKILL');
  await once(other, 'exit');
  lockDirectory(directory)();
});
