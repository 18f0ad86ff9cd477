import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { RegisteredFunction } from '../../../../infra/emulators/functions-host/functions-core.ts';
import { listenToQueue } from '../../../../infra/emulators/functions-host/queue-listener.ts';
import { until } from '../../../until.ts';

test('the trigger goes on polling after a request that gets no answer', async () => {
  let polls = 0;
  const storage = createServer((_request, response) => {
    polls += 1;
    // The first poll waits forever. Its client cannot know whether the service is slow or gone.
    if (polls > 1) response.writeHead(200, { 'content-type': 'application/xml' }).end('<QueueMessagesList/>');
  });
  storage.listen(0, '127.0.0.1');
  await once(storage, 'listening');
  const { port } = storage.address() as AddressInfo;
  const reports: string[] = [];
  const listener = listenToQueue({
    target: { name: 'work' } as RegisteredFunction,
    queueName: 'work',
    connectionString: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:${port}/a;`,
    settings: {
      ...{ batchSize: 1, newBatchThreshold: 0, maxDequeueCount: 5, maxPollingInterval: 100, visibilityTimeout: 0 },
      messageEncoding: 'base64',
    },
    ...{ leaseSeconds: 30, callTimeoutMs: 300 },
    invoke: () => Promise.reject(new Error('No message was sent.')),
    log: ({ message }) => reports.push(message),
  });
  try {
    await until(async () => polls > 3);
    assert.match(reports.join('\n'), /^Queue work could not be read: .*abort/im);
  } finally {
    await listener.stop();
    storage.closeAllConnections();
    storage.close();
  }
});
