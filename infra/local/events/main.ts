import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { dieWithParent } from '../die-with-parent.ts';
import { blobCreatedEvent } from './blob-created.ts';

/*
 * Stands for Event Grid: Azurite raises no events, so this looks at the container `manifests` twice a second and writes
 * the event of each new or replaced manifest to the queue `manifest-uploads`, in base64, as Event Grid does. What was
 * announced is noted after it was announced: a crash in between announces it twice, which readers have to bear anyway.
 */

const { values } = parseArgs({
  options: {
    connection: { type: 'string' },
    state: { type: 'string', default: '.local/events' },
    interval: { type: 'string', default: '500' },
  },
});

dieWithParent();
const connectionString = values.connection ?? process.env['AzureWebJobsStorage'] ?? '';
const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('manifests');
const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient('manifest-uploads');
const stateFile = join(values.state, 'announced.json');
await mkdir(values.state, { recursive: true });
const announced = await readAnnounced();

let stopping = false;
const stop = () => {
  stopping = true;
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

process.stdout.write('watching container manifests\n');
while (!stopping) {
  try {
    await announceNew();
  } catch (error) {
    process.stderr.write(`could not look at the manifests: ${(error as Error).message}\n`);
  }
  await sleep(Number(values.interval));
}

async function announceNew(): Promise<void> {
  let changed = false;
  for await (const { name, properties } of container.listBlobsFlat()) {
    // The subscription's filter: subject ends with one of these.
    if (!/\.(csv|ndjson|jsonl)$/i.test(name)) continue;
    const { etag, contentType = '', contentLength = 0, lastModified } = properties;
    if (announced.get(name) === etag) continue;
    const place = { account: container.accountName, container: container.containerName, url: container.url };
    const event = blobCreatedEvent({ name, etag, contentType, contentLength, lastModified }, place);
    await queue.sendMessage(Buffer.from(JSON.stringify(event)).toString('base64'));
    announced.set(name, etag);
    changed = true;
  }
  if (!changed) return;
  await writeFile(`${stateFile}.new`, JSON.stringify([...announced]));
  await rename(`${stateFile}.new`, stateFile);
}

async function readAnnounced(): Promise<Map<string, string>> {
  try {
    return new Map(JSON.parse(await readFile(stateFile, 'utf8')) as [string, string][]);
  } catch {
    return new Map();
  }
}
