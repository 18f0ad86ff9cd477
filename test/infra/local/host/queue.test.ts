import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Child } from '../../../../infra/local/stack/child.ts';
import { until } from '../../../until.ts';
import { createHostLab, type HostLab } from './host.ts';

/*
 * The queue trigger over Azurite. Each test has a queue of its own, and messages of its own numbers.
 */

let lab: HostLab;
let hosts: Child[] = [];

before(async () => {
  lab = await createHostLab();
});
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.kill('SIGKILL')));
  hosts = [];
});
after(() => lab?.close());

async function host(queue: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Child> {
  const all = { WORK_QUEUE: queue, 'AzureWebJobs.tick.Disabled': 'true', ...env };
  const started = await lab.startHost(`host-${queue}-${hosts.length}`, { args: ['--port', '0', ...args], env: all });
  hosts.push(started);
  return started;
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const limit = { timeout: 120_000 };

async function begins(n: number) {
  return (await lab.notes()).filter((note) => note.begin?.n === n);
}
const ended = async (n: number) => (await lab.notes()).some((note) => note.end?.n === n);

async function isEmpty(name: string): Promise<boolean> {
  return ((await lab.queue(name).getProperties()).approximateMessagesCount ?? 0) === 0;
}

test('a message runs the function, with the metadata of the host, and is deleted', limit, async () => {
  await lab.queue('good').create();
  await host('good');
  await lab.queue('good').sendMessage(base64({ n: 1, nested: { a: 1 }, flag: true }));
  await until(() => ended(1));
  const [note] = await begins(1);
  assert.equal(note?.times, 1);
  // The members of a JSON object lie over the metadata, scalars as .NET writes them; the library reads them as JSON where
  // they are.
  assert.deepEqual([note?.queue?.['n'], note?.queue?.['flag'], note?.queue?.['nested']], [1, 'True', { a: 1 }]);
  await until(() => isEmpty('good'));
});

test('a failure is delivered again, and the last one goes to the poison queue as it came', limit, async () => {
  await lab.queue('bad').create();
  await host('bad');
  const text = base64({ n: 2, fails: true });
  await lab.queue('bad').sendMessage(text);
  const poison = await until(async () => {
    const found = await lab
      .queue('bad-poison')
      .peekMessages()
      .catch(() => undefined);
    return found?.peekedMessageItems[0];
  });
  assert.equal(poison.messageText, text);
  assert.deepEqual(
    (await begins(2)).map(({ times }) => times),
    [1, 2],
  );
  await until(() => isEmpty('bad'));
});

test('what is no base64 goes to the poison queue without a run', limit, async () => {
  await lab.queue('raw').create();
  await host('raw');
  const before = (await lab.notes()).length;
  await lab.queue('raw').sendMessage('{"n":3}');
  const poison = await until(async () => {
    const found = await lab
      .queue('raw-poison')
      .peekMessages()
      .catch(() => undefined);
    return found?.peekedMessageItems[0];
  });
  assert.equal(poison.messageText, '{"n":3}');
  assert.equal((await lab.notes()).length, before);
});

test('with messageEncoding none, set over host.json, the text reaches the function', limit, async () => {
  await lab.queue('plain').create();
  await host('plain', [], { AzureFunctionsJobHost__extensions__queues__messageEncoding: 'none' });
  await lab.queue('plain').sendMessage('{"n":4}');
  await until(() => ended(4));
});

test('a message stays hidden for as long as it is worked on, and is worked on once', limit, async () => {
  await lab.queue('slow').create();
  await host('slow', ['--lease', '3']);
  await host('slow', ['--lease', '3']);
  await lab.queue('slow').sendMessage(base64({ n: 5, milliseconds: 7_000 }));
  await until(() => ended(5));
  await until(() => isEmpty('slow'));
  assert.equal((await begins(5)).length, 1);
});

test('a message of a host that is killed comes to another one when its lease is over', limit, async () => {
  await lab.queue('killed').create();
  const first = await host('killed', ['--lease', '4']);
  await lab.queue('killed').sendMessage(base64({ n: 6, milliseconds: 1_500 }));
  await until(async () => (await begins(6)).length === 1);
  await first.kill('SIGKILL');
  await host('killed', ['--lease', '4']);
  await until(() => ended(6));
  const seen = await begins(6);
  assert.deepEqual(
    seen.map(({ times }) => times),
    [1, 2],
  );
  assert.notEqual(seen[0]?.pid, seen[1]?.pid);
});

test('no more messages are in work at once than batch and threshold allow', limit, async () => {
  await lab.queue('many').create();
  for (let n = 100; n < 112; n++) await lab.queue('many').sendMessage(base64({ n, milliseconds: 200 }));
  await host('many');
  await until(async () => ended(111));
  await until(() => isEmpty('many'));
  const running = (await lab.notes()).filter(({ begin }) => (begin?.n ?? 0) >= 100).map((note) => note.running ?? 0);
  assert.equal(running.length, 12);
  assert.ok(Math.max(...running) <= 3, `at most 2 + 1 at once, not ${Math.max(...running)}`);
});

test('a queue that is not there yet is waited for', limit, async () => {
  await host('late');
  await lab.queue('late').create();
  await lab.queue('late').sendMessage(base64({ n: 7 }));
  await until(() => ended(7));
});

test('a host that is told to end finishes what it has in work, and lets the app say goodbye', limit, async () => {
  await lab.queue('drain').create();
  const draining = await host('drain');
  await lab.queue('drain').sendMessage(base64({ n: 8, milliseconds: 1_000 }));
  await until(async () => (await begins(8)).length === 1);
  await draining.kill('SIGTERM');
  assert.equal(await ended(8), true);
  assert.equal((await lab.notes()).at(-1)?.goodbye, true);
  assert.equal(await isEmpty('drain'), true);
});
