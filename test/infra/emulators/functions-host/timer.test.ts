import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertEvery } from '../../../assert-every.ts';
import { until } from '../../../until.ts';
import { createHostLab, type HostLab } from './host.ts';

let lab: HostLab;

before(async () => {
  lab = await createHostLab();
});
after(() => lab?.close());

const limit = { timeout: 120_000 };
const ticks = async () => (await lab.notes()).filter(({ tick }) => tick !== undefined);

test('one of several hosts runs a timer, and another takes over when it ends', limit, async () => {
  const env = { TICK: '* * * * * *' };
  const first = await lab.startHost('timer-1', { args: ['--port', '0'], env });
  const second = await lab.startHost('timer-2', { args: ['--port', '0'], env });
  await until(async () => (await ticks()).length >= 3);
  assert.deepEqual([...new Set((await ticks()).map(({ pid }) => pid))], [first.pid]);
  // The status of schedules of less than a minute is not stored.
  assertEvery(await ticks(), ({ tick, status }) => tick === false && status === null);
  await first.kill('SIGTERM');
  await until(async () => (await ticks()).some(({ pid }) => pid === second.pid));
  await second.kill('SIGTERM');
});

test('missed runs lead to one late run', limit, async () => {
  const timers = join(lab.directory, 'state', 'timers');
  await mkdir(timers, { recursive: true });
  const status = {
    Last: '2026-01-01T00:00:00.000Z',
    Next: '2026-01-01T01:00:00.000Z',
    LastUpdated: '2026-01-01T00:00:00Z',
  };
  await writeFile(join(timers, 'tick.json'), JSON.stringify(status));
  const before = (await ticks()).length;
  // On the first of January.
  const host = await lab.startHost('timer-3', { args: ['--port', '0'], env: { TICK: '0 0 0 1 1 *' } });
  const [late] = await until(async () => {
    const since = (await ticks()).slice(before);
    return since.length > 0 && since;
  });
  assert.equal(late?.tick, true);
  assert.deepEqual(late?.status, { last: status.Last, next: status.Next, lastUpdated: status.LastUpdated });
  // A host that is stopped releases the lock and finishes a run. A late run starts before a host is ready.
  await host.kill('SIGTERM');
  await host.restart();
  await host.kill('SIGTERM');
  assert.equal((await ticks()).length, before + 1);
});

test('a timer runs at once when it is asked for with the master key', limit, async () => {
  const host = await lab.startHost('timer-4', { args: ['--port', String(lab.port)], env: { TICK: '0 0 0 1 1 *' } });
  const before = (await ticks()).length;
  const statusOf = async (name: string, key: string) => {
    const headers = { 'x-functions-key': key, 'content-type': 'application/json' };
    const answer = await fetch(`${lab.url}/admin/functions/${name}`, { method: 'POST', headers, body: '{}' });
    return answer.status;
  };
  assert.equal(await statusOf('tick', 'a function key'), 401);
  assert.equal(await statusOf('none', 'the master key'), 404);
  assert.equal(await statusOf('tick', 'the master key'), 202);
  await until(async () => (await ticks()).length === before + 1);
  await host.kill('SIGTERM');
});
