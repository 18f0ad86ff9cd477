import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Child } from '../../../../infra/local/stack/child.ts';
import { until } from '../../../until.ts';
import { createHostLab, type HostLab } from './host.ts';

/*
 * The queue trigger with Azurite. Each test has its own queue, host and message numbers.
 */

let lab: HostLab;

before(async () => {
  lab = await createHostLab();
});
after(() => lab?.close());

let started = 0;
/** Starts a host that ends with the test. */
async function host(
  t: TestContext,
  queue: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Child> {
  started += 1;
  const all = { WORK_QUEUE: queue, 'AzureWebJobs.tick.Disabled': 'true', ...env };
  const child = await lab.startHost(`host-${queue}-${started}`, { args: ['--port', '0', ...args], env: all });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const limit = { timeout: 120_000 };

async function begins(n: number) {
  return (await lab.notes()).filter((note) => note.begin?.n === n);
}
const ended = async (n: number) => (await lab.notes()).some((note) => note.end?.n === n);

/** Waits for the first message in the poison queue. The host creates the queue. */
const buried = (name: string) =>
  until(async () => {
    const poison = lab.queue(`${name}-poison`);
    return (await poison.peekMessages().catch(() => undefined))?.peekedMessageItems[0];
  });

async function isEmpty(name: string): Promise<boolean> {
  return ((await lab.queue(name).getProperties()).approximateMessagesCount ?? 0) === 0;
}

// Most of the time they wait for the clock of the storage.
describe('the queue trigger', { concurrency: 3 }, () => {
  it('a message runs the function with the metadata of the host, and is deleted', limit, async (t) => {
    await lab.queue('good').create();
    await host(t, 'good');
    await lab.queue('good').sendMessage(base64({ n: 1, nested: { a: 1 }, flag: true }));
    await until(() => ended(1));
    const [note] = await begins(1);
    assert.equal(note?.times, 1);
    // The members of a JSON object override the metadata. Scalars have the form of .NET. The library parses them if they are JSON.
    assert.deepEqual([note?.queue?.['n'], note?.queue?.['flag'], note?.queue?.['nested']], [1, 'True', { a: 1 }]);
    await until(() => isEmpty('good'));
  });

  it('a message arrives whole: line ends, references and characters beyond ASCII', limit, async (t) => {
    await lab.queue('whole').create();
    await host(t, 'whole', [], { AzureFunctionsJobHost__extensions__queues__messageEncoding: 'none' });
    const nested = { text: '&#xD; &amp; <x> "é" 📦' };
    await lab.queue('whole').sendMessage(JSON.stringify({ n: 80, nested }, undefined, 2).replaceAll('\n', '\r\n'));
    await until(() => ended(80));
    assert.deepEqual((await begins(80))[0]?.queue?.['nested'], nested);
  });

  it('a failed message is delivered again, and moved to the poison queue after the last failure', limit, async (t) => {
    await lab.queue('bad').create();
    await host(t, 'bad');
    const text = base64({ n: 2, fails: true });
    await lab.queue('bad').sendMessage(text);
    const poison = await buried('bad');
    assert.equal(poison.messageText, text);
    assert.deepEqual(
      (await begins(2)).map(({ times }) => times),
      [1, 2],
    );
    await until(() => isEmpty('bad'));
  });

  it('invalid base64 is moved to the poison queue without an invocation', limit, async (t) => {
    await lab.queue('raw').create();
    await host(t, 'raw');
    await lab.queue('raw').sendMessage('{"n":3}');
    const poison = await buried('raw');
    assert.equal(poison.messageText, '{"n":3}');
    assert.equal((await begins(3)).length, 0);
  });

  it('with messageEncoding none, which overrides host.json, the function gets the text', limit, async (t) => {
    await lab.queue('plain').create();
    await host(t, 'plain', [], { AzureFunctionsJobHost__extensions__queues__messageEncoding: 'none' });
    await lab.queue('plain').sendMessage('{"n":4}');
    await until(() => ended(4));
    assert.equal((await begins(4)).length, 1);
  });

  it('a message stays hidden while it is processed, and is processed once', limit, async (t) => {
    await lab.queue('slow').create();
    await host(t, 'slow', ['--lease', '4']);
    await host(t, 'slow', ['--lease', '4']);
    await lab.queue('slow').sendMessage(base64({ n: 5, milliseconds: 6_000 }));
    await until(() => ended(5));
    await until(() => isEmpty('slow'));
    assert.equal((await begins(5)).length, 1);
  });

  it('a message of a killed host is delivered to another one after its lease', limit, async (t) => {
    await lab.queue('killed').create();
    const first = await host(t, 'killed', ['--lease', '4']);
    await lab.queue('killed').sendMessage(base64({ n: 6, milliseconds: 1_500 }));
    await until(async () => (await begins(6)).length === 1);
    await first.kill('SIGKILL');
    await host(t, 'killed', ['--lease', '4']);
    await until(() => ended(6));
    const seen = await begins(6);
    assert.deepEqual(
      seen.map(({ times }) => times),
      [1, 2],
    );
    assert.notEqual(seen[0]?.pid, seen[1]?.pid);
  });

  it('a failed message of a poison queue stays hidden for its whole lease', limit, async (t) => {
    await lab.queue('own-poison').create();
    await host(t, 'own-poison', ['--lease', '4']);
    await lab.queue('own-poison').sendMessage(base64({ n: 9, fails: true }));
    await until(async () => (await begins(9)).length === 1);
    const begun = Date.now();
    await until(async () => (await begins(9)).length === 2);
    // A message of another queue is visible after visibilityTimeout, 1 s.
    assert.ok(Date.now() - begun > 3_000, `delivered again after ${Date.now() - begun} ms`);
    assert.equal(await lab.queue('own-poison-poison').exists(), false);
  });

  it('a function that times out ends its worker, and its message comes again after its lease', limit, async (t) => {
    await lab.queue('long').create();
    const first = await host(t, 'long', ['--lease', '4'], { AzureFunctionsJobHost__functionTimeout: '00:00:01' });
    await lab.queue('long').sendMessage(base64({ n: 10, milliseconds: 2_000 }));
    await until(async () => (await begins(10)).length === 1);
    const begun = Date.now();
    await until(() => first.pid === undefined);
    assert.match(await readFile(first.logFile, 'utf8'), /Timeout value of 1 s exceeded by function work/);
    await host(t, 'long', ['--lease', '4']);
    await until(() => ended(10));
    const seen = await begins(10);
    assert.deepEqual(
      seen.map(({ times }) => times),
      [1, 2],
    );
    assert.notEqual(seen[0]?.pid, seen[1]?.pid);
    assert.ok(Date.now() - begun > 3_000, `done after ${Date.now() - begun} ms`);
  });

  it('batch size and threshold limit the number of parallel messages', limit, async (t) => {
    await lab.queue('many').create();
    for (let n = 100; n < 112; n++) await lab.queue('many').sendMessage(base64({ n, milliseconds: 200 }));
    await host(t, 'many');
    await until(async () => ended(111));
    await until(() => isEmpty('many'));
    const running = (await lab.notes()).filter(({ begin }) => (begin?.n ?? 0) >= 100).map((note) => note.running ?? 0);
    assert.equal(running.length, 12);
    assert.ok(Math.max(...running) <= 3, `at most 2 + 1 at once, not ${Math.max(...running)}`);
  });

  it('the trigger waits for a missing queue', limit, async (t) => {
    await host(t, 'late');
    await lab.queue('late').create();
    await lab.queue('late').sendMessage(base64({ n: 7 }));
    await until(() => ended(7));
    assert.deepEqual(
      (await begins(7)).map(({ times }) => times),
      [1],
    );
  });

  it('a host that is stopped finishes its invocations and runs the appTerminate hooks', limit, async (t) => {
    await lab.queue('drain').create();
    const draining = await host(t, 'drain');
    await lab.queue('drain').sendMessage(base64({ n: 8, milliseconds: 1_000 }));
    await until(async () => (await begins(8)).length === 1);
    const { pid } = draining;
    await draining.kill('SIGTERM');
    assert.equal(await ended(8), true);
    assert.equal((await lab.notes()).findLast((note) => note.pid === pid)?.goodbye, true);
    assert.equal(await isEmpty('drain'), true);
  });
});
