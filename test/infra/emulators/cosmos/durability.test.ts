import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BulkOperationType, CosmosClient } from '@azure/cosmos';
import { emulatorKey } from 'fleet-emulators/cosmos';
import { until } from '../../../until.ts';

const main = fileURLToPath(new URL('../../../../infra/emulators/bin/cosmos-emulator.ts', import.meta.url));

async function start(file: string, ...more: string[]): Promise<{ child: ChildProcess; endpoint: string }> {
  const child = spawn(process.execPath, [main, '--port', '0', '--file', file, ...more], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, EXIT_WITH_PARENT: '1' },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const endpoint = /http:\S+/.exec(line)?.[0];
    if (endpoint !== undefined) return { child, endpoint };
  }
  throw new Error('The emulator ended before it was ready.');
}

test('acknowledged writes survive kill -9, and no batch is stored in part', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cosmos-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'deep', 'store.sqlite');
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    const { child, endpoint } = await start(file, '--durability', round % 2 === 0 ? 'normal' : 'full');
    const exited = once(child, 'exit');
    const client = new CosmosClient({ endpoint, key: emulatorKey });
    const { database } = await client.databases.createIfNotExists({ id: 'fleet' });
    const { container } = await database.containers.createIfNotExists({ id: 'docs', partitionKey: '/p' });
    let stopped = false;
    const writer = async (number: number) => {
      for (let turn = 0; !stopped; turn++) {
        const p = `${round}-${number}-${turn}`;
        const resourceBodies = ['x', 'y', 'z'].map((id) => ({ id, p, round }));
        const operations = resourceBodies.map((resourceBody) => ({
          operationType: BulkOperationType.Create,
          resourceBody,
        }));
        try {
          await container.items.create({ id: 'single', p, round });
          acknowledged.set(p, 1);
          const { code } = await container.items.batch(operations, p);
          if (code === 200) acknowledged.set(p, 4);
        } catch {
          return;
        }
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map(writer));
    const target = acknowledged.size + 40;
    await until(() => acknowledged.size >= target);
    child.kill('SIGKILL');
    await exited;
    stopped = true;
    client.dispose();
    await writers;
  }
  const { child, endpoint } = await start(file);
  t.after(() => child.kill('SIGKILL'));
  const client = new CosmosClient({ endpoint, key: emulatorKey });
  const container = client.database('fleet').container('docs');
  const { resources } = await container.items
    .query<{ p: string }>('SELECT c.p FROM c', { maxItemCount: -1 })
    .fetchAll();
  client.dispose();
  const found = Map.groupBy(resources, ({ p }) => p);
  for (const [p, least] of acknowledged)
    assert.ok((found.get(p)?.length ?? 0) >= least, `${p}: ${least} were acknowledged`);
  for (const [p, documents] of found) assert.ok([1, 4].includes(documents.length), `${p} has half a batch`);
});

test('two processes cannot open one file, and a signal ends a process cleanly', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cosmos-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'store.sqlite');
  const { child } = await start(file);
  const second = spawn(process.execPath, [main, '--port', '0', '--file', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  second.stderr.on('data', (part) => {
    complaint += String(part);
  });
  const [code] = await once(second, 'close');
  assert.notEqual(code, 0);
  assert.match(complaint, /Another process has the store/);
  child.kill('SIGTERM');
  const [ended] = await once(child, 'exit');
  assert.equal(ended, 0);
});
