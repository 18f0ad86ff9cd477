import { BulkOperationType, type Container, type JSONObject, type PatchOperation } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { Job, JobChange, JobStore, Part } from '../jobs/job.ts';
import {
  callingCosmos,
  createDocument,
  ifMatch,
  maxWriteAttempts,
  pageByKey,
  readDocument,
  withoutSystemProperties,
} from './cosmos.ts';
import { unlessStatus } from './service-errors.ts';

/*
 * Container `jobs`, partition key `/jobId`: the job is document `job`, and each counted part is a document named after the
 * part. One partition per job lets a part and the job's counters change in one transactional batch.
 */
const jobDocumentId = 'job';

type JobDocument = Job & { readonly id: string; readonly type: 'job'; readonly listKey: string };
type PartDocument = Part & { readonly id: string; readonly jobId: string; readonly type: 'part' };

export function createCosmosJobStore(container: Container): JobStore {
  const readJob = (jobId: string) => readDocument<JobDocument>(container, { id: jobDocumentId, partition: jobId });

  async function read(jobId: string): Promise<Job | undefined> {
    const found = await readJob(jobId);
    return found && toJob(found.value);
  }

  async function count(jobId: string, part: Part): Promise<Job> {
    const counters = Object.entries(part.outcome).filter(([, value]) => value !== 0);
    const operations: PatchOperation[] = counters.map(([name, value]) => ({
      op: 'incr',
      path: `/counts/${name}`,
      value,
    }));
    if (part.retried !== undefined) operations.push({ op: 'incr', path: '/retrying', value: -part.retried });
    // A patch needs at least one operation, also when no counter changes.
    operations.push({ op: 'set', path: '/lastPartAt', value: part.finishedAt });
    const repairs = Object.entries(part.repairs ?? {}).map(([name, value]): PatchOperation => {
      return { op: 'incr', path: `/repairs/${name}`, value };
    });
    // A patch takes at most 10 operations, so repairs have their own: there are fewer names of repairs to rows.
    const patches = repairs.length === 0 ? [operations] : [operations, repairs];
    const partDocument = { ...part, id: part.part, jobId, type: 'part' };
    for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
      const { result, code } = await callingCosmos(() =>
        container.items.batch(
          [
            { operationType: BulkOperationType.Create, resourceBody: partDocument as unknown as JSONObject },
            ...patches.map((each) => ({
              operationType: BulkOperationType.Patch,
              id: jobDocumentId,
              resourceBody: { operations: each },
            })),
          ],
          jobId,
        ),
      );
      const created = result?.[0];
      const patched = result?.at(-1);
      const answered = (status: number) => code === status || result?.some(({ statusCode }) => statusCode === status);
      const overtaken = answered(449);
      const throttled = answered(429);
      if (throttled) throw new FleetError('throttled', 'Cosmos DB is throttling this app.', { retryAfter: 1 });
      if (overtaken) continue;
      // 409: the part was counted before, and neither operation took effect.
      const document = patched?.resourceBody as unknown as JobDocument | undefined;
      const job = created?.statusCode === 409 ? await read(jobId) : document && toJob(document);
      if (job !== undefined) return job;
      throw new FleetError('unavailable', `Cosmos DB did not count ${part.part} of job ${jobId} (status ${code}).`);
    }
    throw new FleetError('concurrent-change', `The counters of job ${jobId} change faster than they can be written.`);
  }

  return {
    read,
    count,

    async create(job) {
      const document = { ...job, id: jobDocumentId, type: 'job', listKey: listKey(job) };
      return (await createDocument(container, document)) !== undefined;
    },

    async readWithPart(jobId, part) {
      const [job, counted] = await Promise.all([
        readJob(jobId),
        readDocument<PartDocument>(container, { id: part, partition: jobId }),
      ]);
      return { job: job && toJob(job.value), part: counted && toPart(counted.value) };
    },

    async update(jobId, from, change) {
      const item = container.item(jobDocumentId, jobId);
      for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
        const current = await readJob(jobId);
        if (current === undefined) return undefined;
        if (!from.includes(current.value.status)) return toJob(current.value);
        const options = { accessCondition: ifMatch(current.etag) };
        // 412: a counter or the status changed since the job was read.
        const patched = await unlessStatus([412], () =>
          callingCosmos(() => item.patch<JobDocument>(patchOf(change), options)),
        );
        if (patched !== undefined) return patched.resource && toJob(patched.resource);
      }
      throw new FleetError('concurrent-change', `Job ${jobId} changes faster than it can be written.`);
    },

    async readVersion(jobId) {
      const found = await readJob(jobId);
      return found && { value: toJob(found.value), etag: found.etag };
    },

    async updateVersion({ value, etag }, change) {
      const item = container.item(jobDocumentId, value.jobId);
      const options = { accessCondition: ifMatch(etag) };
      const patched = await unlessStatus([404, 412], () =>
        callingCosmos(() => item.patch<JobDocument>(patchOf(change), options)),
      );
      return patched?.resource && toJob(patched.resource);
    },

    async *parts(jobId) {
      const spec = {
        query: "SELECT * FROM c WHERE c.jobId = @job AND c.type = 'part' ORDER BY c.id",
        parameters: [{ name: '@job', value: jobId }],
      };
      const query = container.items.query<PartDocument>(spec, { partitionKey: jobId, maxItemCount: 1000 });
      while (query.hasMoreResults()) {
        const { resources } = await callingCosmos(() => query.fetchNext());
        for (const document of resources ?? []) yield toPart(document);
      }
    },

    async list(page) {
      const query = { where: { 'c.type =': 'job' }, orderBy: 'c.listKey DESC' } as const;
      const jobs = await pageByKey<JobDocument>(container, query, page);
      return { ...jobs, items: jobs.items.map(toJob) };
    },
  };
}

function patchOf({ total, ...members }: JobChange): PatchOperation[] {
  const operations: PatchOperation[] = Object.entries(members).map(([name, value]) => ({
    op: 'set',
    path: `/${name}`,
    // A patch cannot remove a member that may be absent. It is set to null, which `toJob` leaves out.
    value: value ?? null,
  }));
  if (total !== undefined) operations.push({ op: 'set', path: '/counts/total', value: total });
  return operations;
}

function toJob(document: JobDocument): Job {
  const { id: _id, type: _type, listKey: _key, ...job } = withoutSystemProperties(document);
  return Object.fromEntries(Object.entries(job).filter(([, value]) => value !== null)) as unknown as Job;
}

/** Sorts by time. The id makes it unique when two jobs arrive in the same millisecond. */
function listKey({ receivedAt, jobId }: Job): string {
  return `${receivedAt}~${jobId}`;
}

function toPart(document: PartDocument): Part {
  const { id: _id, type: _type, jobId: _jobId, ...part } = withoutSystemProperties(document);
  return part;
}
