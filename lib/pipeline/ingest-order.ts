import { createHash } from 'node:crypto';
import { excerpt, FleetError } from '../errors.ts';
import { type Job, noRows } from '../jobs/job.ts';
import { writeMetadata } from '../jobs/manifest-metadata.ts';
import { mediaTypeOf } from '../manifest/formats.ts';
import { type Order, orderDigest, orderRows } from '../orders/order.ts';
import { createSubmitted, describeJob } from './ingest-manifest.ts';
import { requireKnownGroup } from './known-group.ts';
import type { Ports } from './ports.ts';

/**
 * Stores an order as an NDJSON manifest; its BlobCreated event starts the work. The blob's name follows from the order id,
 * and the blob is only ever created: the same order again finds it, another order with that id is recorded as refused. An
 * order for a group that is not declared stores nothing, so it can be sent again.
 *
 * An order with `dryRun` is only checked, and does not use up its id. Each delivery of it is a check of its own: the same order
 * may be checked again once a group was corrected.
 * @param source where the order came from, if its envelope says so; recorded on the job
 * @returns the order's job; for a refused order a failed job with reason `order-conflict`
 * @throws FleetError `group-unknown`, `throttled`, `unavailable`
 */
export async function ingestOrder(
  order: Order,
  { jobs, manifests, groups, now, newId }: Pick<Ports, 'jobs' | 'manifests' | 'groups' | 'now' | 'newId'>,
  source?: string,
): Promise<Job> {
  const { orderId, onConflict, adopt, reference, dryRun = false } = order;
  const digest = orderDigest(order);
  // An order id is free text; its digest is a name that cannot be a path.
  const name = createHash('sha256').update(orderId).digest('hex').slice(0, 40);
  const blob = dryRun ? `_orders/_checks/${newId()}.ndjson` : `_orders/${name}.ndjson`;
  const at = now().toISOString();
  // Look first: a range can be a gigabyte, and a second delivery need not send it to find that it exists.
  if ((await manifests.properties(blob)) === undefined) {
    await requireKnownGroup(order.enrollmentGroup, groups, 'group-unknown');
    const metadata = writeMetadata({ onConflict, adopt, dryRun, orderId, orderDigest: digest, reference });
    await manifests.createFrom(blob, orderRows(order), { contentType: mediaTypeOf('ndjson'), metadata });
  }
  const stored = await manifests.properties(blob);
  if (stored === undefined)
    throw new FleetError('unavailable', 'The manifest of the order was deleted while it was stored.');
  const by = source === undefined ? 'order' : `order from ${excerpt(source)}`;
  const job = { ...describeJob({ blob, ...stored, at }), submittedBy: { by, at } };
  if (stored.metadata['orderdigest'] === digest) return createSubmitted(job, jobs);
  const refused = refusedJob(order, digest, job, at);
  await jobs.create(refused);
  return refused;
}

/** The job of an order whose id was used before with other content. The same refusal again is the same job. */
function refusedJob(order: Order, digest: string, first: Job, at: string): Job {
  const message = `Order "${order.orderId}" was sent before with other content; it is job ${first.jobId}.`;
  const { reason } = new FleetError('order-conflict', message);
  const jobId = createHash('sha256').update(`${order.orderId}\n${digest}`).digest('hex').slice(0, 24);
  return {
    ...first,
    jobId,
    reference: order.reference,
    status: 'failed',
    reason,
    counts: noRows,
    receivedAt: at,
    finishedAt: at,
  };
}
