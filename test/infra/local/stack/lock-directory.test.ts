import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDirectory } from '../../../../infra/local/stack/lock-directory.ts';

const module = new URL('../../../../infra/local/stack/lock-directory.ts', import.meta.url).href;

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

test('one stack can lock a directory at a time', async (t) => {
  const directory = await emptyDirectory(t);
  const lock = await lockDirectory(directory);
  assert.equal(lock.isAfterKill, false);
  await assert.rejects(
    lockDirectory(directory),
    new RegExp(`A stack already runs in .* \\(process ${process.pid}\\)\\. Stop it, or set LOCAL_DIR`),
  );
  lock.release();
  lock.release();
  const next = await lockDirectory(directory);
  assert.equal(next.isAfterKill, false);
  next.release();
});

test('the directory of a killed stack is unlocked at once, and the kill is noticed', async (t) => {
  const directory = await emptyDirectory(t);
  const script = `import { lockDirectory } from '${module}';
    const lock = await lockDirectory(process.argv[1]); console.log('held'); setInterval(lock.release.toString, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  await assert.rejects(lockDirectory(directory), new RegExp(`already runs .*process ${other.pid}`));
  other.kill('SIGKILL');
  await once(other, 'exit');
  const lock = await lockDirectory(directory);
  assert.equal(lock.isAfterKill, true);
  lock.release();
});

test('a stack waits for one that is ending', async (t) => {
  const directory = await emptyDirectory(t);
  const ending = await lockDirectory(directory);
  ending.announceEnd();
  setTimeout(ending.release, 300);
  const next = await lockDirectory(directory);
  assert.equal(next.isAfterKill, false);
  next.release();
});
