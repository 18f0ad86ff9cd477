import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { dieWithParent } from '../die-with-parent.ts';
import { blobCreatedEvent } from './blob-created.ts';

/*
 * Stands for Event Grid: `node infra/local/events/main.ts --connection TEXT --state DIR`. Azurite raises no events, so
 * this looks at the container `manifests` again and again and writes the event of each new or replaced manifest to the
 * queue `manifest-uploads`, in base64, as Event Grid does. What was announced is noted after it was announced: a crash in
 * between announces it twice, which readers have to bear anyway.
 */

const { values } = parseArgs({
  options: {
    connection: { type: 'string' },
    state: { type: 'string', default: '.local/events' },
    /** Milliseconds between two looks. */
    interval: { type: 'string', default: '300' },
  },
});

dieWithParent();
const connectionString = values.connection ?? process.env['AzureWebJobsStorage'] ?? '';
// The next look is the retry.
const retryOptions = { maxTries: 1 };
const container = BlobServiceClient.fromConnectionString(connectionString, { retryOptions }).getContainerClient(
  'manifests',
);
const queue = QueueServiceClient.fromConnectionString(connectionString, { retryOptions }).getQueueClient(
  'manifest-uploads',
);
const stateFile = join(values.state, 'announced.json');
await mkdir(values.state, { recursive: true });
let announced = await readAnnounced();

const stopping = new AbortController();
process.on('SIGTERM', () => stopping.abort());
process.on('SIGINT', () => stopping.abort());

process.stdout.write('events ready: watching container manifests\n');
let trouble = '';
while (!stopping.signal.aborted) {
  try {
    await announceNew();
    trouble = '';
  } catch (error) {
    const text = (error as Error).message.split('\n')[0] ?? '';
    if (text !== trouble) process.stderr.write(`${new Date().toISOString()} could not announce manifests: ${text}\n`);
    trouble = text;
  }
  await sleep(Number(values.interval), undefined, { signal: stopping.signal }).catch(() => undefined);
}

async function announceNew(): Promise<void> {
  const listed = new Map<string, string>();
  let changed = false;
  try {
    for await (const { name, properties } of container.listBlobsFlat()) {
      // The filter of the subscription in infra/azure/app/events.bicep.
      if (!/\.(csv|ndjson|jsonl)$/i.test(name)) continue;
      const { etag, contentType = '', contentLength = 0, lastModified } = properties;
      if (announced.get(name) !== etag) {
        const place = { account: container.accountName, container: container.containerName, url: container.url };
        const event = blobCreatedEvent({ name, etag, contentType, contentLength, lastModified }, place);
        await queue.sendMessage(Buffer.from(JSON.stringify(event)).toString('base64'));
        process.stdout.write(`${new Date().toISOString()} announced ${JSON.stringify(name)} ${etag}\n`);
        changed = true;
      }
      listed.set(name, etag);
    }
  } catch (error) {
    // What was not reached is still to be announced, and what was is not again.
    if (changed) await note(new Map([...announced, ...listed]));
    throw error;
  }
  // Blobs that are gone are forgotten.
  if (changed || listed.size !== announced.size) await note(listed);
}

async function note(seen: Map<string, string>): Promise<void> {
  await writeFile(`${stateFile}.new`, JSON.stringify([...seen]));
  await rename(`${stateFile}.new`, stateFile);
  announced = seen;
}

/** A note that is not there or cannot be read announces everything once more. */
async function readAnnounced(): Promise<Map<string, string>> {
  try {
    return new Map(JSON.parse(await readFile(stateFile, 'utf8')) as [string, string][]);
  } catch {
    return new Map();
  }
}
