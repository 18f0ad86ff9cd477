import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keepRunning } from '../../../../infra/local/stack/keep-running.ts';
import { until } from '../../../until.ts';

const directory = mkdtempSync(join(tmpdir(), 'keep-'));
after(() => rmSync(directory, { recursive: true }));
const logFile = join(directory, 'dps.log');
writeFileSync(logFile, 'Error: the state file is damaged\n');
const second = 1_000;

function keeper(delays: readonly number[], restart: () => Promise<void> = async () => {}) {
  const lines: string[] = [];
  const seen = { restarts: 0, gaveUp: false, isEnding: false };
  const ended = keepRunning({
    directory,
    delays,
    say: (text) => void lines.push(text),
    onRestart: async () => 'Its data is there.',
    onGiveUp: () => {
      seen.gaveUp = true;
    },
    isEnding: () => seen.isEnding,
  });
  const child = {
    name: 'dps',
    logFile,
    restart: async () => {
      seen.restarts += 1;
      await restart();
    },
  };
  return { lines, seen, ended: (ranMs: number) => ended(child, 'signal SIGKILL', ranMs) };
}

test('a process that ends is started again, and the message says so', async () => {
  const { lines, seen, ended } = keeper([10, 20]);
  ended(60 * second);
  await until(() => lines.length === 3);
  assert.deepEqual(lines, [
    `dps ended (signal SIGKILL). See ${logFile}`,
    'dps is started again in 0.01 s.',
    'dps was restarted. Its data is there.',
  ]);
  assert.deepEqual(seen, { restarts: 1, gaveUp: false, isEnding: false });
});

test('ends soon after each start are restarted with growing delays, and then no more', async () => {
  const { lines, seen, ended } = keeper([10, 20]);
  for (const restarts of [1, 2]) {
    ended(100);
    await until(() => seen.restarts === restarts);
  }
  ended(100);
  await until(() => seen.gaveUp);
  assert.equal(seen.restarts, 2);
  const delays = lines.flatMap((line) => /again in (.*) s\./.exec(line)?.[1] ?? []);
  assert.deepEqual(delays, ['0.01', '0.02']);
  assert.equal(lines.at(-1), `error: dps ended 3 times in a row. See ${logFile}:\nError: the state file is damaged\n`);
});

test('a long run resets the count', async () => {
  const { seen, ended } = keeper([10]);
  for (const restarts of [1, 2, 3]) {
    ended(60 * second);
    await until(() => seen.restarts === restarts);
  }
  assert.equal(seen.gaveUp, false);
});

test('a start that fails is tried again after the next delay', async () => {
  const { lines, seen, ended } = keeper([10, 20], async () => {
    throw new Error('dps ended (exit code 1).');
  });
  ended(60 * second);
  await until(() => seen.gaveUp);
  assert.equal(seen.restarts, 2);
  assert.ok(lines.includes('error: dps ended (exit code 1).'));
});

test('nothing is started again while the stack stops', async () => {
  const { lines, seen, ended } = keeper([50]);
  ended(60 * second);
  await until(() => lines.length === 2);
  seen.isEnding = true;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(seen.restarts, 0);
});
