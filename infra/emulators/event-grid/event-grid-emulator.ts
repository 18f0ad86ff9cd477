import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { blobCreatedEvent } from './blob-created.ts';

export interface EventGridEmulatorOptions {
  /** Of the storage account that has both the container and the queue. */
  readonly connectionString: string;
  readonly container: string;
  readonly queue: string;
  /** Announce only blobs whose name ends with one of these, in any case. Default: all blobs. */
  readonly suffixes?: readonly string[] | undefined;
  /** Folder of `announced.json`; it is created. */
  readonly stateDirectory: string;
  /** Milliseconds between two listings of the container. Default: 300. */
  readonly intervalMs?: number;
  readonly log?: (line: string) => void;
}

export interface EventGridEmulator {
  /** Lists the container now. Without it, a new blob is seen at the next interval. */
  look(): void;
  /** Stops after the listing in progress. */
  close(): Promise<void>;
}

/**
 * Emulates one Event Grid subscription to the blobs of a container. Azurite raises no events, so this lists the container
 * repeatedly, and when it is told to, and writes an event for each new or replaced blob to a queue, in base64, as Event Grid does.
 *
 * A blob is recorded as announced after its event was sent. A crash in between sends the event twice, as Event Grid may.
 */
export async function createEventGridEmulator(options: EventGridEmulatorOptions): Promise<EventGridEmulator> {
  const { connectionString, suffixes, stateDirectory, intervalMs = 300, log = () => {} } = options;
  // The next listing is the retry.
  const retryOptions = { maxTries: 1 };
  const blobs = BlobServiceClient.fromConnectionString(connectionString, { retryOptions });
  const queues = QueueServiceClient.fromConnectionString(connectionString, { retryOptions });
  const container = blobs.getContainerClient(options.container);
  const queue = queues.getQueueClient(options.queue);
  const stateFile = join(stateDirectory, 'announced.json');
  await mkdir(stateDirectory, { recursive: true });
  let announced = await readAnnounced(stateFile);
  const stopping = new AbortController();
  /** Ends the pause between two listings. */
  let wake = () => {};
  /** `look` was called during a listing, which may have passed the new blob. */
  let isAsked = false;
  const stopped = watch();

  async function watch(): Promise<void> {
    let lastError = '';
    while (!stopping.signal.aborted) {
      isAsked = false;
      try {
        await announceNew();
        lastError = '';
      } catch (error) {
        const text = (error as Error).message.split('\n')[0] ?? '';
        // An error that lasts is logged once.
        if (text !== lastError) log(`could not announce blobs: ${text}`);
        lastError = text;
      }
      if (!isAsked) await pause();
    }
  }

  async function pause(): Promise<void> {
    const pausing = new AbortController();
    wake = () => pausing.abort();
    const signal = AbortSignal.any([pausing.signal, stopping.signal]);
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }

  async function announceNew(): Promise<void> {
    const listed = new Map<string, string>();
    let isChanged = false;
    try {
      for await (const { name, properties } of container.listBlobsFlat()) {
        if (!isWatched(name)) continue;
        const { etag, contentType = '', contentLength = 0, lastModified } = properties;
        if (announced.get(name) !== etag) {
          const source = { account: container.accountName, container: container.containerName, url: container.url };
          const event = blobCreatedEvent({ name, etag, contentType, contentLength, lastModified }, source);
          await queue.sendMessage(Buffer.from(JSON.stringify(event)).toString('base64'));
          log(`announced ${JSON.stringify(name)} ${etag}`);
          isChanged = true;
        }
        listed.set(name, etag);
      }
    } catch (error) {
      // Keep what was announced in this listing. The rest of the container follows in the next one.
      if (isChanged) await save(new Map([...announced, ...listed]));
      throw error;
    }
    // Deleted blobs are forgotten.
    if (isChanged || listed.size !== announced.size) await save(listed);
  }

  function isWatched(name: string): boolean {
    const lower = name.toLowerCase();
    return suffixes === undefined || suffixes.some((suffix) => lower.endsWith(suffix.toLowerCase()));
  }

  async function save(blobsByName: Map<string, string>): Promise<void> {
    await writeFile(`${stateFile}.new`, JSON.stringify([...blobsByName]));
    await rename(`${stateFile}.new`, stateFile);
    announced = blobsByName;
  }

  return {
    look() {
      isAsked = true;
      wake();
    },
    async close() {
      stopping.abort();
      await stopped;
    },
  };
}

/** @returns etags by blob name; empty if the file is missing or damaged, so that every blob is announced again */
async function readAnnounced(file: string): Promise<Map<string, string>> {
  try {
    return new Map(JSON.parse(await readFile(file, 'utf8')) as [string, string][]);
  } catch {
    return new Map();
  }
}
