import assert from 'node:assert/strict';
import { deadLetterId } from '../../../lib/jobs/dead-letters.ts';
import { parseOrder } from '../../../lib/orders/order.ts';
import { blockDevice, restoreDevice } from '../../../lib/pipeline/block-device.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { deleteGroup } from '../../../lib/pipeline/delete-group.ts';
import { discardDeadLetters } from '../../../lib/pipeline/discard-dead-letters.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { beginFleetAct, cancelFleetAct, continueFleetAct } from '../../../lib/pipeline/fleet-acts.ts';
import { ingestOrder } from '../../../lib/pipeline/ingest-order.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { redriveDeadLetters } from '../../../lib/pipeline/redrive-dead-letters.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { scrapDevice } from '../../../lib/pipeline/scrap-device.ts';
import { sendEvents } from '../../../lib/pipeline/send-events.ts';
import { continueBlock, resumeBlocks } from '../../../lib/pipeline/settle-block.ts';
import { submitManifest } from '../../../lib/pipeline/submit-manifest.ts';
import { submitOnce } from '../../../lib/pipeline/submit-once.ts';
import { restoreGroup, suspendGroup } from '../../../lib/pipeline/suspend-group.ts';
import type { World } from '../../world.ts';
import { createEventPorts } from '../events/event-ports.ts';
import { assigned, failsWithEachCall, list, provisioned, type UseCase } from './failing-ports.ts';

const ann = { by: 'Ann', reason: 'stolen' };
const actId = 'a'.repeat(24);
const cause = { code: 'unavailable', message: 'Cosmos DB did not answer.', hint: 'wait' } as const;

async function suspended(world: World): Promise<void> {
  await assigned(world);
  await blockDevice('gw-1', 'suspended', ann, world.services());
}

/** A message that failed at each delivery. */
async function deadMessage(world: World) {
  await world.upload('line7/list.csv', list);
  await world.queue.shift()?.run();
  const [dead] = world.queue.splice(0);
  const body = JSON.stringify(dead?.message);
  await world.deadLetters.noteReason(deadLetterId('chunks', body), 'chunks', cause);
  return body;
}

/** Individual enrollments that failed at each delivery. */
async function deadEnrollments(world: World) {
  await world.upload('line7/list.csv', list);
  for (let delivery = 1; delivery <= 2; delivery++) await world.queue.shift()?.run();
  const [dead] = world.queue.splice(0);
  return JSON.stringify(dead?.message);
}

/** The event of a manifest whose splitting was cut at each delivery. */
async function deadUpload(world: World) {
  await world.upload('line7/list.csv', list);
  const [dead = assert.fail()] = world.queue.splice(0);
  world.failOn('open');
  await assert.rejects(() => dead.run(), { message: 'before open' });
  const { url, etag, bytes } = dead.message as { url: string; etag: string; bytes: number };
  const subject = '/blobServices/default/containers/manifests/blobs/line7/list.csv';
  const data = { url, eTag: etag, contentLength: bytes };
  return JSON.stringify({ id: '1', eventType: 'Microsoft.Storage.BlobCreated', subject, data });
}

async function deadLetter(world: World): Promise<string> {
  const body = await deadMessage(world);
  await recordDeadLetter('chunks', body, { ...world.services(), deadLetters: world.deadLetters });
  const [job] = (await world.jobs.list({ size: 1 })).items;
  return job?.jobId ?? '';
}

const jobIn = async (world: World) => (await world.jobs.list({ size: 1 })).items[0] ?? assert.fail('no job');
const upload = () => ({ body: chunks(), format: 'csv', defaultGroup: 'line7', onConflict: 'reject' }) as const;
async function* chunks() {
  yield Buffer.from(list);
}
const order = (change: object = {}) =>
  parseOrder({ orderId: 'A1', enrollmentGroup: 'line7', devices: [{ deviceId: 'gw-1' }], ...change });
const suspendAll = { kind: 'suspend', filter: { enrollmentGroup: 'line7' }, ...ann } as const;

const useCases: readonly UseCase[] = [
  { name: 'retryJob', prepare: deadLetter, run: async (ports, world) => retryJob(await jobIn(world), ports) },
  {
    name: 'recordDeadLetter of a chunk',
    run: async (ports, world) => recordDeadLetter('chunks', await deadMessage(world), ports),
  },
  {
    name: 'recordDeadLetter of enrollments',
    prepare: (world) => world.declare('line7', { keyCustody: 'plain', enrollment: 'individual' }),
    run: async (ports, world) => recordDeadLetter('individual-enrollments', await deadEnrollments(world), ports),
  },
  {
    name: 'recordDeadLetter of an upload',
    run: async (ports, world) => recordDeadLetter('manifest-uploads', await deadUpload(world), ports),
  },
  {
    name: 'recordDeadLetter of an order',
    run: (ports) => recordDeadLetter('orders', JSON.stringify({ orderId: 'A1' }), ports),
  },
  { name: 'redriveDeadLetters of a chunk', prepare: deadLetter, run: (ports) => redriveDeadLetters({}, ports) },
  {
    name: 'redriveDeadLetters of an order',
    prepare: (world) => recordDeadLetter('orders', '{}', { ...world.services(), deadLetters: world.deadLetters }),
    run: (ports) => redriveDeadLetters({}, ports),
  },
  { name: 'discardDeadLetters', prepare: deadLetter, run: (ports) => discardDeadLetters({ all: true }, ports, 'Ann') },
  {
    name: 'cancelJob',
    prepare: async (world) => {
      await world.upload('line7/list.csv', list);
      await world.queue.shift()?.run();
    },
    run: async (ports, world) => cancelJob((await jobIn(world)).jobId, ports, 'Ann'),
  },
  { name: 'submitManifest', run: (ports) => submitManifest(upload(), ports, 'Ann') },
  { name: 'submitOnce', run: (ports) => submitOnce('key', upload(), ports, 'Ann') },
  { name: 'ingestOrder', run: (ports) => ingestOrder(order(), ports) },
  {
    name: 'ingestOrder of an id that was used',
    prepare: (world) => ingestOrder(order(), world.services()),
    run: (ports) => ingestOrder(order({ devices: [{ deviceId: 'gw-9' }] }), ports),
  },
  { name: 'downloadBundle', prepare: provisioned, run: (ports) => downloadBundle('gw-1', 'Ann', ports) },
  { name: 'blockDevice', prepare: assigned, run: (ports) => blockDevice('gw-1', 'suspended', ann, ports) },
  { name: 'restoreDevice', prepare: suspended, run: (ports) => restoreDevice('gw-1', ann, ports) },
  { name: 'continueBlock', prepare: suspended, run: (ports) => continueBlock('gw-1', ports) },
  {
    name: 'resumeBlocks',
    prepare: suspended,
    run: (ports) => resumeBlocks({ ...ports, now: () => new Date('2027-06-01T00:00:00Z') }),
  },
  {
    name: 'scrapDevice of one that reached no hub',
    prepare: provisioned,
    run: (ports) => scrapDevice('gw-1', ann, ports),
  },
  { name: 'scrapDevice of one at a hub', prepare: assigned, run: (ports) => scrapDevice('gw-1', ann, ports) },
  { name: 'deleteGroup', run: (ports) => deleteGroup('line7', 'Ann', ports) },
  { name: 'beginFleetAct', prepare: assigned, run: (ports) => beginFleetAct(actId, suspendAll, ports) },
  {
    name: 'continueFleetAct',
    prepare: async (world) => {
      await assigned(world);
      await beginFleetAct(actId, suspendAll, world.services());
    },
    run: (ports) => continueFleetAct(actId, ports),
  },
  {
    name: 'cancelFleetAct',
    prepare: async (world) => {
      await assigned(world);
      await beginFleetAct(actId, suspendAll, world.services());
    },
    run: (ports) => cancelFleetAct(actId, 'Ann', ports),
  },
  { name: 'suspendGroup', prepare: assigned, run: (ports) => suspendGroup('line7', actId, ann, ports) },
  {
    name: 'restoreGroup',
    prepare: async (world) => {
      await assigned(world);
      await suspendGroup('line7', actId, ann, world.services());
    },
    run: (ports) => restoreGroup('line7', ann, ports),
  },
  {
    name: 'sendEvents',
    prepare: provisioned,
    run: (_, world, { port }) => {
      const events = createEventPorts();
      const eventQueue = port('eventQueue', { send: async () => {} });
      return sendEvents({ ...events.ports, outbox: port('outbox', world.outbox), eventQueue } as never);
    },
  },
];

failsWithEachCall(useCases);
