import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { Child } from '../../../../infra/local/stack/child.ts';
import { morePorts } from '../../../../infra/local/stack/ports.ts';
import { type BlobCreated, parseBlobCreated } from '../../../../lib/manifest/upload-event.ts';
import { until } from '../../../until.ts';
import { startAzurite, startProgram } from '../../local/azurite.ts';

const program = fileURLToPath(import.meta.resolve('fleet-emulators/bin/event-grid-emulator'));

let directory: string;
let azurite: Awaited<ReturnType<typeof startAzurite>>;
let events: Child;
let manifests: ContainerClient;
let queue: QueueClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-'));
  azurite = await startAzurite(directory);
  manifests = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('manifests');
  queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('manifest-uploads');
  await manifests.create();
  await queue.create();
  const args = [
    ...['--connection', azurite.connectionString, '--state', join(directory, 'events'), '--interval', '50'],
    ...['--container', 'manifests', '--queue', 'manifest-uploads'],
    ...['--ends-with', '.csv', '--ends-with', '.ndjson', '--ends-with', '.jsonl'],
  ];
  events = await startProgram('events', { program, args, directory });
});

after(async () => {
  await events?.kill('SIGKILL');
  await azurite?.close();
  await rm(directory, { recursive: true, force: true });
});

async function upload(name: string, text: string): Promise<string> {
  const { etag = '' } = await manifests.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
  return etag.replaceAll('"', '');
}

interface Announced extends BlobCreated {
  readonly container: string;
  readonly contentLength: number;
}

/** Waits for a number of events, and parses them as the app does. */
async function receive(count: number): Promise<Announced[]> {
  const found: Announced[] = [];
  return until(async () => {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
    for (const { messageId, popReceipt, messageText } of receivedMessageItems) {
      const event = JSON.parse(Buffer.from(messageText, 'base64').toString('utf8'));
      const { subject, data } = event;
      found.push({ ...parseBlobCreated(event), container: subject.split('/')[4], contentLength: data.contentLength });
      await queue.deleteMessage(messageId, popReceipt);
    }
    return found.length >= count && found;
  });
}

const limit = { timeout: 120_000 };

test('a new blob is announced with its name and etag', limit, async () => {
  const etag = await upload('line7/ä list (1).csv', 'deviceId\na\n');
  const [event] = await receive(1);
  assert.deepEqual(
    [event?.container, event?.blobName, event?.etag, event?.contentLength],
    ['manifests', 'line7/ä list (1).csv', etag, 11],
  );
});

test('a replaced blob is announced again with its new etag', limit, async () => {
  const first = await upload('twice.ndjson', '{"deviceId":"a"}\n');
  assert.equal((await receive(1))[0]?.etag, first);
  const second = await upload('twice.ndjson', '{"deviceId":"b"}\n');
  assert.equal((await receive(1))[0]?.etag, second);
});

test('a blob with another suffix is not announced', limit, async () => {
  await upload('notes.txt', 'text');
  await upload('behind-it.jsonl', '{"deviceId":"a"}\n');
  assert.deepEqual(
    (await receive(1)).map(({ blobName }) => blobName),
    ['behind-it.jsonl'],
  );
});

test('a kill -9 between two listings loses and repeats no event', limit, async () => {
  await upload('before.csv', 'deviceId\na\n');
  await receive(1);
  // An event that was sent but not recorded yet would be sent again.
  const note = join(directory, 'events', 'announced.json');
  await until(async () => (await readFile(note, 'utf8')).includes('before.csv'));
  await events.kill('SIGKILL');
  const names = Array.from({ length: 12 }, (_, index) => `while-away/${index}.csv`);
  for (const name of names) await upload(name, 'deviceId\na\n');
  await events.restart();
  assert.deepEqual((await receive(names.length)).map(({ blobName }) => blobName).sort(), names.toSorted());
  // After two more listings the queue is still empty.
  await upload('the-last.csv', 'deviceId\na\n');
  assert.deepEqual(
    (await receive(1)).map(({ blobName }) => blobName),
    ['the-last.csv'],
  );
});

test('a request makes it look at once', limit, async () => {
  await events.kill('SIGKILL');
  const [port = 0] = await morePorts(1, Object.values(azurite.ports));
  const args = [
    ...['--connection', azurite.connectionString, '--state', join(directory, 'asked')],
    ...['--container', 'manifests', '--queue', 'manifest-uploads', '--ends-with', '.asked'],
    ...['--port', String(port), '--interval', '3600000'],
  ];
  const asked = await startProgram('asked', { program, args, directory });
  try {
    for (const name of ['one.asked', 'two.asked']) {
      await upload(name, 'text');
      assert.equal((await fetch(`http://127.0.0.1:${port}`, { method: 'POST' })).status, 202);
      assert.equal((await receive(1))[0]?.blobName, name);
    }
  } finally {
    await asked.kill('SIGKILL');
  }
});

test('Azurite tells of each write to a blob of a container', limit, async () => {
  let told = 0;
  const server = createServer((_, response) => {
    told += 1;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const own = join(directory, 'telling');
  await mkdir(own);
  const telling = await startAzurite(own, ['--tell', `http://127.0.0.1:${port}`, '--writes-to', 'watched']);
  try {
    const service = BlobServiceClient.fromConnectionString(telling.connectionString);
    const [watched, other] = [service.getContainerClient('watched'), service.getContainerClient('other')];
    await Promise.all([watched.create(), other.create()]);
    await other.getBlockBlobClient('a.csv').upload('text', 4);
    const blob = watched.getBlockBlobClient('folder/a.csv');
    await blob.upload('text', 4);
    await blob.createSnapshot();
    await blob.stageBlock('MQ==', 'more', 4);
    await blob.commitBlockList(['MQ==']);
    await until(() => told >= 2);
    assert.equal(told, 2);
  } finally {
    await telling.close();
    server.close();
  }
});
