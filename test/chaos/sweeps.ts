import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient, RestError } from '@azure/storage-blob';
import type { ChaosStack } from './chaos-stack.ts';
import { openDocuments } from './stores.ts';

export interface FindingDocument {
  readonly id: string;
  readonly kind: string;
  readonly subject: { readonly id: string };
  readonly state: string;
  readonly seen: unknown;
  readonly acts: readonly { readonly act: string; readonly reason?: string }[];
}

/** Milliseconds for one sweep of these small fleets, with kills in between. */
const longest = 180_000;

/** Waits for the end of a sweep that began after this call, so that it has looked at everything as it is now. */
export async function sweptOnce({ stack }: Pick<ChaosStack, 'stack'>): Promise<void> {
  const asked = new Date().toISOString();
  const reports = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient('reports');
  const state = reports.getBlobClient('_sweep.json');
  for (const since = Date.now(); Date.now() - since < longest; await sleep(100)) {
    if (!(await state.exists())) continue;
    // One request: `downloadToBuffer` asks for the size first, and the blob can change in between.
    const { readableStreamBody } = await state.download();
    const { latest } = (await json(readableStreamBody ?? Readable.from('{}'))) as { latest?: { began: string } };
    if (latest !== undefined && latest.began > asked) return;
  }
  throw new Error(`No sweep began and ended within ${longest / 1000} s.`);
}

export async function readFindings({ stack }: Pick<ChaosStack, 'stack'>): Promise<readonly FindingDocument[]> {
  const documents = openDocuments(stack);
  try {
    return (await documents.all('findings')) as unknown as FindingDocument[];
  } finally {
    documents.close();
  }
}

/**
 * Breaks the leases that a killed host has left: of its timers and of the sweep. They would end by themselves within a minute.
 * https://learn.microsoft.com/rest/api/storageservices/lease-blob
 */
export async function breakLeases({ stack }: Pick<ChaosStack, 'stack'>): Promise<void> {
  const service = BlobServiceClient.fromConnectionString(stack.storageConnectionString);
  for (const name of ['azure-webjobs-hosts', 'locks']) {
    const container = service.getContainerClient(name);
    if (!(await container.exists())) continue;
    for await (const blob of container.listBlobsFlat()) {
      if (blob.properties.leaseState !== 'leased') continue;
      const lease = container.getBlobClient(blob.name).getBlobLeaseClient();
      // It can have ended since it was listed.
      await lease.breakLease(0).catch((error: unknown) => {
        if (!(error instanceof RestError) || error.code !== 'LeaseNotPresentWithLeaseOperation') throw error;
      });
    }
  }
}
