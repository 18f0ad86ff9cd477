import { Readable } from 'node:stream';
import { BlobServiceClient, ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob';

/** A blob container that a job reads or writes. */
export interface JobContainer {
  /** @throws an error of the storage service */
  checkReadable(blobName: string): Promise<void>;
  /** Writes a blob and deletes it. @throws an error of the storage service */
  checkWritable(): Promise<void>;
  /** The lines of a blob, with the share of the blob that is read: 0 to 1. */
  lines(blobName: string, signal: AbortSignal): AsyncGenerator<BlobLine>;
  write(blobName: string, lines: AsyncIterable<string> | Iterable<string>, signal: AbortSignal): Promise<void>;
}

export interface BlobLine {
  readonly text: string;
  readonly progress: number;
}

export interface JobContainerOptions {
  /** With a shared access signature, or without one for the identity of the hub. */
  readonly uri: string;
  readonly identityBased: boolean;
  /** The storage account that the hub may use with its identity. */
  readonly storageConnectionString: string | undefined;
}

const pipeline: StoragePipelineOptions = { retryOptions: { maxTries: 2, tryTimeoutInMs: 30_000 } };
/** A line holds one device, which has at most 72 KB of twin. */
const maxLineLength = 1024 * 1024;
const uploadPartBytes = 1024 * 1024;

/** @throws Error if the hub has no access to the container by its identity */
export function openJobContainer({ uri, identityBased, storageConnectionString }: JobContainerOptions): JobContainer {
  const container = identityBased
    ? ownContainer(uri, storageConnectionString)
    : new ContainerClient(uri, undefined, pipeline);

  return {
    async checkReadable(blobName) {
      await container.getBlobClient(blobName).getProperties();
    },
    async checkWritable() {
      const probe = container.getBlockBlobClient('hub-write-check');
      await probe.upload('', 0);
      await probe.deleteIfExists();
    },
    async *lines(blobName, signal) {
      const { readableStreamBody, contentLength = 0 } = await container
        .getBlobClient(blobName)
        .download(0, undefined, { abortSignal: signal });
      let read = 0;
      for await (const text of linesOf(readableStreamBody as AsyncIterable<Buffer> | undefined)) {
        read += Buffer.byteLength(text) + 1;
        yield { text, progress: Math.min(1, read / Math.max(1, contentLength)) };
      }
    },
    async write(blobName, lines, signal) {
      const bytes = Readable.from(withLineEnds(lines), { objectMode: false });
      await container.getBlockBlobClient(blobName).uploadStream(bytes, uploadPartBytes, 1, { abortSignal: signal });
    },
  };
}

/** The account key stands for the managed identity of the hub. */
function ownContainer(uri: string, connectionString: string | undefined): ContainerClient {
  if (connectionString === undefined) throw new Error('The hub has no storage account. Start it with --storage.');
  const service = BlobServiceClient.fromConnectionString(connectionString, pipeline);
  const root = `${service.url.replace(/\/$/, '')}/`;
  const [, name] = /^([^/?]+)\/?$/.exec(uri.startsWith(root) ? uri.slice(root.length) : '') ?? [];
  if (name === undefined) throw new Error(`Expected a container of ${root}.`);
  return service.getContainerClient(decodeURIComponent(name));
}

async function* withLineEnds(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Buffer> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}

async function* linesOf(parts: AsyncIterable<Buffer> | undefined): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of parts ?? []) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength) throw new Error(`A line has more than ${maxLineLength} characters.`);
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
