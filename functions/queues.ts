import { app } from '@azure/functions';
import { attemptDelivery, parseDeliveryMessage } from '../lib/events/delivery.ts';
import { defaultDps } from '../lib/groups/dps-instance.ts';
import { parseBlockMessage, parseChunkMessage, parseEnrollmentMessage } from '../lib/jobs/messages.ts';
import { runExclusively } from '../lib/lock.ts';
import { currentLog } from '../lib/log.ts';
import { enrollDevices } from '../lib/pipeline/enroll-devices.ts';
import { continueFleetAct } from '../lib/pipeline/fleet-acts.ts';
import { provisionChunk } from '../lib/pipeline/provision-chunk.ts';
import { receiveOrders, receiveUploads } from '../lib/pipeline/receive-messages.ts';
import { recordDeadLetter } from '../lib/pipeline/record-dead-letter.ts';
import { continueBlock } from '../lib/pipeline/settle-block.ts';
import { poisonQueue, queueNames, queues } from '../lib/resource-names.ts';
import { onMessage, onPoisonMessage } from './on-message.ts';

const connection = 'AzureWebJobsStorage';

app.storageQueue('ingest-manifest', {
  connection,
  queueName: queues.uploads,
  handler: onMessage(queues.uploads, receiveUploads),
});

app.storageQueue('ingest-order', {
  connection,
  queueName: queues.orders,
  handler: onMessage(queues.orders, receiveOrders),
});

app.storageQueue('provision-chunk', {
  connection,
  queueName: queues.chunks,
  handler: onMessage(queues.chunks, (body, services) => provisionChunk(parseChunkMessage(body), services)),
});

// A DPS instance has one quota for all processes, and host.json cannot limit one function to one process; docs/host.md.
app.storageQueue('enroll-individuals', {
  connection,
  queueName: queues.enrollments,
  handler: onMessage(queues.enrollments, async (body, services) => {
    const message = parseEnrollmentMessage(body);
    await runExclusively(message, () => enrollDevices(message, services), {
      lock: services.dps.enrollmentLock(message.dps ?? defaultDps),
      queue: services.enrollmentQueue,
      secondsPerMessage: services.secondsPerChunk,
      random: services.random,
    });
  }),
});

// Likewise: a hub has one quota for all instances.
app.storageQueue('settle-blocks', {
  connection,
  queueName: queues.blocks,
  handler: onMessage(queues.blocks, async (body, services) => {
    const message = parseBlockMessage(body);
    const work = () =>
      'actId' in message ? continueFleetAct(message.actId, services) : continueBlock(message.deviceId, services);
    await runExclusively(message, work, {
      lock: services.blockLock,
      queue: services.blockQueue,
      secondsPerMessage: services.secondsPerBlock,
      random: services.random,
    });
  }),
});

app.storageQueue('deliver-events', {
  connection,
  queueName: queues.deliveries,
  handler: onMessage(queues.deliveries, (body, { events }) =>
    attemptDelivery(parseDeliveryMessage(body), events.deliveries),
  ),
});

for (const queue of queueNames) {
  app.storageQueue(`record-dead-letter-${queue}`, {
    connection,
    queueName: poisonQueue(queue),
    handler: onPoisonMessage(async (body, services) => {
      const { code, message: reason } = await recordDeadLetter(queue, body, services);
      // infra/azure/app/alerts.bicep waits for this event.
      currentLog().error('dead letter recorded', { queue, code, reason });
    }),
  });
}
