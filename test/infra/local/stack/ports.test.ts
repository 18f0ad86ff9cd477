import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { portNames } from '../../../../infra/local/settings.ts';
import { freePorts, requireFree } from '../../../../infra/local/stack/ports.ts';

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
