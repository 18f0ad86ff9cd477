import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { portNames } from '../../../../infra/local/settings.ts';
import { freePorts, morePorts, requireFree } from '../../../../infra/local/stack/ports.ts';

test('a used port is named with the variable that changes it', async () => {
  const ports = await freePorts();
  await requireFree(ports, portNames);
  const server = createServer().listen(ports.cosmos, '127.0.0.1');
  await once(server, 'listening');
  try {
    await assert.rejects(
      requireFree(ports, portNames),
      new RegExp(`^Error: Port ${ports.cosmos} \\(cosmos\\) is in use\\. Set COSMOS_PORT to another`),
    );
    await requireFree(ports, ['functions', 'dps']);
  } finally {
    server.close();
  }
});

test('stacks that start at the same time get ports of their own, also before they listen', async () => {
  // 400 of 12,000 ports: without a note of what was chosen, some seven would be chosen twice.
  const chosen = (await Promise.all(Array.from({ length: 40 }, () => morePorts(10)))).flat();
  assert.equal(new Set(chosen).size, 400);
});
