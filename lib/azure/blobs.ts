import { Readable } from 'node:stream';
import type { ContainerClient } from '@azure/storage-blob';
import { FleetError } from '../errors.ts';
import type { BlobOptions, BlobStore, BlobVersion } from '../storage.ts';
import { calling, unlessStatus } from './service-errors.ts';
import { storageTimeoutMs, withInactivityTimeout, withItemTimeout } from './storage-timeouts.ts';

const service = 'Blob storage';

/**
 * One blob container as a BlobStore.
 * @param options.timeoutMs a request or transfer fails when nothing arrives for this many milliseconds
 */
export function createBlobStore(container: ContainerClient, { timeoutMs = storageTimeoutMs } = {}): BlobStore {
  const uploadOptions = ({ contentType, metadata }: BlobOptions) => ({
    blobHTTPHeaders: { blobContentType: contentType },
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
  });
  const onlyIfNew = { conditions: { ifNoneMatch: '*' } };
  /** The blob or its snapshot, and the condition of reading it. */
  const versionOf = (name: string, { snapshot, etag }: BlobVersion) => {
    const blob = container.getBlobClient(name);
    if (snapshot !== undefined) return { blob: blob.withSnapshot(snapshot), conditions: {} };
    return { blob, conditions: ifMatch(etag) };
  };

  return {
    create(name, body, options) {
      const blob = container.getBlockBlobClient(name);
      return ifAbsent(() =>
        withInactivityTimeout(timeoutMs, (abortSignal) =>
          blob.upload(body, body.length, { ...uploadOptions(options), ...onlyIfNew, abortSignal }),
        ),
      );
    },

    createFrom(name, body, options) {
      const blob = container.getBlockBlobClient(name);
      // 4 MiB blocks, 2 at a time, bound the memory of a stream of any length.
      return ifAbsent(() =>
        withInactivityTimeout(timeoutMs, (abortSignal, onProgress) =>
          blob.uploadStream(Readable.from(body, { objectMode: false }), 4 * 1024 * 1024, 2, {
            ...uploadOptions(options),
            ...onlyIfNew,
            abortSignal,
            onProgress,
          }),
        ),
      );
    },

    async write(name, body, options) {
      const blob = container.getBlockBlobClient(name);
      await calling(service, () =>
        withInactivityTimeout(timeoutMs, (abortSignal) =>
          blob.upload(body, body.length, { ...uploadOptions(options), abortSignal }),
        ),
      );
    },

    async replace(name, body, { etag, ...options }) {
      const blob = container.getBlockBlobClient(name);
      const answer = await ifPresent(() =>
        withInactivityTimeout(timeoutMs, (abortSignal) =>
          blob.upload(body, body.length, { ...uploadOptions(options), conditions: ifMatch(etag), abortSignal }),
        ),
      );
      return answer && unquoted(answer.etag);
    },

    read(name) {
      const blob = container.getBlobClient(name);
      return ifPresent(() =>
        // One request: downloadToBuffer asks for the length first, and fails when the blob is replaced in between.
        withInactivityTimeout(timeoutMs, async (abortSignal, onProgress) => {
          const answer = await blob.download(0, undefined, { abortSignal, onProgress });
          return collect(answer.readableStreamBody);
        }),
      );
    },

    async snapshot(name, { etag }) {
      const blob = container.getBlobClient(name);
      const answer = await ifPresent(() =>
        withInactivityTimeout(timeoutMs, (abortSignal) =>
          blob.createSnapshot({ conditions: ifMatch(etag), abortSignal }),
        ),
      );
      if (answer !== undefined && answer.snapshot === undefined)
        throw new FleetError('unavailable', `${service} answered without the id of a snapshot.`);
      return answer?.snapshot;
    },

    readRange(name, { offset, length, ...version }) {
      const { blob, conditions } = versionOf(name, version);
      return ifPresent(() =>
        withInactivityTimeout(timeoutMs, async (abortSignal, onProgress) => {
          const answer = await blob.download(offset, length, { conditions, abortSignal, onProgress });
          return collect(answer.readableStreamBody);
        }),
      );
    },

    async open(name, version) {
      const { blob, conditions } = versionOf(name, version);
      const controller = new AbortController();
      const abort = () => controller.abort();
      const { signal: abortSignal } = controller;
      const timer = setTimeout(abort, timeoutMs);
      const answer = await ifPresent(() => blob.download(0, undefined, { conditions, abortSignal })).finally(() =>
        clearTimeout(timer),
      );
      if (answer === undefined) return undefined;
      if (answer.readableStreamBody === undefined) throw new FleetError('unavailable', `${service} sent no body.`);
      return withItemTimeout(answer.readableStreamBody as AsyncIterable<Buffer>, timeoutMs, abort);
    },

    async *list(prefix) {
      const pages = container.listBlobsFlat({ prefix })[Symbol.asyncIterator]();
      for (;;) {
        const blob = await calling(service, () => withInactivityTimeout(timeoutMs, () => pages.next()));
        if (blob.done === true) return;
        const { name, properties } = blob.value;
        const { createdOn, lastModified, etag, contentLength = 0 } = properties;
        yield {
          name,
          createdAt: createdOn ?? lastModified,
          changedAt: lastModified,
          etag: unquoted(etag),
          bytes: contentLength,
        };
      }
    },

    async properties(name, version = {}) {
      const { blob, conditions } = versionOf(name, version);
      const answer = await ifPresent(() =>
        withInactivityTimeout(timeoutMs, (abortSignal) => blob.getProperties({ conditions, abortSignal })),
      );
      if (answer === undefined) return undefined;
      return { etag: unquoted(answer.etag), bytes: answer.contentLength ?? 0, metadata: answer.metadata ?? {} };
    },
  };
}

/** @returns the new blob's ETag, or undefined when there is a blob of that name */
async function ifAbsent(upload: () => Promise<{ etag?: string }>): Promise<string | undefined> {
  // 409 BlobAlreadyExists answers If-None-Match: *. 412 answers the later of two uploads at the same moment.
  const created = await unlessStatus([409, 412], () => calling(service, upload));
  return created && unquoted(created.etag);
}

/** @returns undefined when the blob is not there (404) or no longer has the ETag of If-Match (412) */
function ifPresent<T>(work: () => Promise<T>): Promise<T | undefined> {
  return unlessStatus([404, 412], () => calling(service, work));
}

function ifMatch(etag: string | undefined): { ifMatch?: string } {
  return etag === undefined ? {} : { ifMatch: `"${etag}"` };
}

async function collect(stream: NodeJS.ReadableStream | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
