import { createHash } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { JobStore } from '../jobs/job.ts';
import { type Job, noRows } from '../jobs/job.ts';
import { type Order, orderDigest, orderRows } from '../orders/order.ts';
import type { BlobStore } from '../storage.ts';
import { describeJob } from './ingest-manifest.ts';

export interface OrderServices {
  readonly jobs: JobStore;
  readonly manifests: BlobStore;
  readonly now: () => Date;
}

/**
 * Stores an order as an NDJSON manifest; its BlobCreated event starts the work. The blob's name follows from the order
 * id, and it is only ever created: the same order again finds it, another order of that id is recorded as refused.
 */
export async function ingestOrder(order: Order, { jobs, manifests, now }: OrderServices): Promise<Job> {
  const digest = orderDigest(order);
  // An order id is free text; its digest is a name that cannot be a path.
  const blob = `_orders/${createHash('sha256').update(order.orderId).digest('hex').slice(0, 40)}.ndjson`;
  const metadata = {
    orderid: Buffer.from(order.orderId).toString('base64url'),
    orderdigest: digest,
    onconflict: order.onConflict ?? 'reject',
  };
  const at = now().toISOString();
  // Looked for first: a range can be a gigabyte, and a second delivery need not send it to find that it is there.
  if ((await manifests.properties(blob)) === undefined) {
    await manifests.createFrom(blob, orderRows(order), { contentType: 'application/x-ndjson', metadata });
  }
  const stored = await manifests.properties(blob);
  if (stored === undefined)
    throw new FleetError('unavailable', 'The manifest of the order vanished while it was stored.');
  const job = describeJob({ blob, ...stored, at });
  if (stored.metadata['orderdigest'] === digest) {
    await jobs.create(job);
    return job;
  }
  const refused = refuse(order, digest, job, at);
  await jobs.create(refused);
  return refused;
}

/** The record of an order whose id was used before with other content; the same refusal again is the same record. */
function refuse(order: Order, digest: string, first: Job, at: string): Job {
  const error = new FleetError(
    'order-conflict',
    `Order "${order.orderId}" is job ${first.jobId} already, with other content.`,
  );
  const jobId = createHash('sha256').update(`${order.orderId}\n${digest}`).digest('hex').slice(0, 24);
  return {
    ...first,
    jobId,
    status: 'failed',
    reason: { code: error.code, message: error.message, hint: error.hint },
    counts: noRows,
    receivedAt: at,
    finishedAt: at,
  };
}
