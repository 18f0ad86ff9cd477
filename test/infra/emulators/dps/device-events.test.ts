import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type DpsEmulatorOptions, wellKnownKey } from 'fleet-emulators/dps';
import { UsageError } from '../../../../infra/emulators/command-line.ts';
import { readCommandLine } from '../../../../infra/emulators/dps/command-line.ts';
import { until } from '../../../until.ts';
import { startAzurite } from '../../local/azurite.ts';
import { makeCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type RunningDps, startDps } from './running-dps.ts';

/*
 * Events about created and deleted devices in a storage queue.
 */

const limit = { timeout: 120_000 };
const hubs = ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey }));

let directory: string;
let azurite: Awaited<ReturnType<typeof startAzurite>>;
let queue: QueueClient;
let queues = 0;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'device-events-'));
  azurite = await startAzurite(directory);
}, limit);
after(async () => {
  await azurite?.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  queues += 1;
  queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(`events-${queues}`);
  await queue.create();
});

async function withDps(options: Partial<DpsEmulatorOptions>, work: (dps: RunningDps) => Promise<void>): Promise<void> {
  const deviceEvents = { connectionString: azurite.connectionString, queue: queue.name };
  const dps = await startDps({ hubs, deviceEvents, ...options });
  try {
    await work(dps);
  } finally {
    await dps.stop();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into the events
async function receive(count: number): Promise<any[]> {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into the events
  const found: any[] = [];
  return until(async () => {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
    for (const { messageId, popReceipt, messageText } of receivedMessageItems) {
      found.push(JSON.parse(Buffer.from(messageText, 'base64').toString('utf8')));
      await queue.deleteMessage(messageId, popReceipt);
    }
    return found.length >= count && found;
  });
}

test('creating and deleting a device are announced, an update is not', limit, async () => {
  await withDps({}, async (dps) => {
    await dps.registry.create({ deviceId: 'announced', status: 'disabled' } as never);
    await dps.registry.update({ deviceId: 'announced', status: 'enabled' } as never);
    await dps.registry.delete('announced');
    const [created, deleted] = await receive(2);
    assert.deepEqual(
      [created.eventType, deleted.eventType],
      ['Microsoft.Devices.DeviceCreated', 'Microsoft.Devices.DeviceDeleted'],
    );
    assert.equal(created.subject, 'devices/announced');
    assert.match(created.topic, /^\/SUBSCRIPTIONS\/.*\/PROVIDERS\/MICROSOFT\.DEVICES\/IOTHUBS\/HUB-1$/);
    const { hubName, deviceId, twin } = created.data;
    assert.deepEqual([hubName, deviceId], ['hub-1', 'announced']);
    // The twin has defaults, not the values of the device.
    assert.deepEqual([twin.status, twin.authenticationType], ['enabled', 'sas']);
    assert.notEqual(created.id, deleted.id);
  });
});

test('a device that DPS moves is announced by both hubs, also as a CloudEvent', limit, async () => {
  const deviceEvents = {
    connectionString: azurite.connectionString,
    queue: queue.name,
    schema: 'cloudEvents',
  } as const;
  await withDps({ deviceEvents }, async (dps) => {
    const ca = await makeCertificate({ name: 'events CA', ca: true });
    await uploadVerifiedCa(dps.port, 'ca', ca.pem);
    const group = (hub: string) => ({
      enrollmentGroupId: 'events',
      attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } },
      allocationPolicy: 'static',
      iotHubs: [hub],
    });
    const leaf = await makeCertificate({ name: 'mover', issuer: ca });
    const identity = { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
    const { responseBody } = await dps.service.createOrUpdateEnrollmentGroup(group('hub-1.localhost') as never);
    await dps.register('mover', identity);
    // Registers again in the same hub: no event.
    await dps.register('mover', identity);
    await dps.service.createOrUpdateEnrollmentGroup({ ...group('hub-2.localhost'), etag: responseBody.etag } as never);
    await dps.register('mover', identity);
    const events = await receive(3);
    assert.deepEqual(
      events.map(({ specversion, type, source, subject, data }) => [
        specversion,
        type.split('.').at(-1),
        source.split('/').at(-1),
        subject,
        data.hubName,
      ]),
      [
        ['1.0', 'DeviceCreated', 'HUB-1', 'devices/mover', 'hub-1'],
        ['1.0', 'DeviceCreated', 'HUB-2', 'devices/mover', 'hub-2'],
        ['1.0', 'DeviceDeleted', 'HUB-1', 'devices/mover', 'hub-1'],
      ],
    );
  });
});

test('events that were not sent are sent by the next process', limit, async () => {
  const dataFile = join(directory, 'outbox.sqlite');
  // This queue does not exist.
  const missing = { connectionString: azurite.connectionString, queue: 'missing' };
  await withDps({ dataFile, deviceEvents: missing }, async (dps) => {
    await dps.registry.create({ deviceId: 'late' });
  });
  await withDps({ dataFile }, async () => {
    const [event] = await receive(1);
    assert.equal(event.data.deviceId, 'late');
  });
  // Event Grid drops an event after 24 hours.
  await withDps({ dataFile, deviceEvents: missing }, async (dps) => {
    await dps.registry.create({ deviceId: 'too-late' });
  });
  const tomorrow = new Date(Date.now() + 25 * 3_600_000);
  await withDps({ dataFile, now: () => tomorrow }, async (dps) => {
    const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
    const body = JSON.stringify({ deviceId: 'in-time' });
    await dps.raw('/devices/in-time?api-version=2021-04-12', { method: 'PUT', headers, body });
    assert.deepEqual(
      (await receive(1)).map(({ data }) => data.deviceId),
      ['in-time'],
    );
  });
});

test('the command line needs a storage account for the queue', () => {
  const read = (...args: string[]) => readCommandLine(['--device-events', 'q', ...args]).options.deviceEvents;
  assert.throws(() => read(), UsageError);
  assert.throws(() => read('--storage', 'x', '--device-events-schema', 'xml'), UsageError);
  assert.deepEqual(read('--storage', 'x'), { connectionString: 'x', queue: 'q', schema: 'eventGrid' });
});
