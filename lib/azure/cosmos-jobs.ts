import { BulkOperationType, type Container, type JSONObject, type PatchOperation } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { Job, JobChange, JobStore, Part } from '../jobs/job.ts';
import { type SystemProperties, withoutSystemProperties } from './cosmos.ts';
import { calling, statusOf } from './service-errors.ts';

/*
 * Container `jobs`, partition key `/jobId`: the job is document `job`, each counted part a document of the part's name.
 * One partition a job lets a part and the job's counters move in one transactional batch.
 */
const jobDocumentId = 'job';

type JobDocument = Job & {
  readonly id: string;
  readonly type: 'job';
  readonly listKey: string;
} & SystemProperties;
type PartDocument = Part & { readonly id: string; readonly jobId: string; readonly type: 'part' } & SystemProperties;

/** Tries of a write that others overtook; each try reads anew, so more than a few mean a fault. */
const maxTries = 20;

export function createCosmosJobStore(container: Container): JobStore {
  async function read(jobId: string): Promise<Job | undefined> {
    return toJob((await readItem<JobDocument>(container, jobDocumentId, jobId))?.document);
  }

  async function count(jobId: string, part: Part): Promise<Job> {
    const counters = Object.entries(part.outcome).filter(([, value]) => value !== 0);
    const operations: PatchOperation[] = counters.map(([name, value]) => ({
      op: 'incr',
      path: `/counts/${name}`,
      value,
    }));
    // A patch needs an operation even where no counter moves.
    operations.push({ op: 'set', path: '/lastPartAt', value: part.finishedAt });
    const document = { ...part, id: part.part, jobId, type: 'part' };
    for (let tries = 1; tries <= maxTries; tries++) {
      const { result, code } = await calling('Cosmos DB', () =>
        container.items.batch(
          [
            { operationType: BulkOperationType.Create, resourceBody: document as unknown as JSONObject },
            { operationType: BulkOperationType.Patch, id: jobDocumentId, resourceBody: { operations } },
          ],
          jobId,
        ),
      );
      const [created, patched] = result ?? [];
      const overtaken = created?.statusCode === 449 || patched?.statusCode === 449 || code === 449;
      const throttled = created?.statusCode === 429 || patched?.statusCode === 429 || code === 429;
      if (throttled) throw new FleetError('throttled', 'Cosmos DB asks to wait.', { retryAfter: 1 });
      if (overtaken) continue;
      // 409: the part was counted before; both operations were left undone.
      const job =
        created?.statusCode === 409
          ? await read(jobId)
          : toJob(patched?.resourceBody as unknown as JobDocument | undefined);
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
      try {
        await calling('Cosmos DB', () => container.items.create(document));
        return true;
      } catch (error) {
        if (statusOf(error) === 409) return false;
        throw error;
      }
    },

    async readWithPart(jobId, part) {
      const [job, counted] = await Promise.all([
        readItem<JobDocument>(container, jobDocumentId, jobId),
        readItem<PartDocument>(container, part, jobId),
      ]);
      return { job: toJob(job?.document), part: counted && toPart(counted.document) };
    },

    async update(jobId, from, change) {
      for (let tries = 1; tries <= maxTries; tries++) {
        const current = await readItem<JobDocument>(container, jobDocumentId, jobId);
        if (current === undefined) return undefined;
        if (!from.includes(current.document.status)) return toJob(current.document);
        try {
          const options = { accessCondition: { type: 'IfMatch', condition: current.etag } };
          const item = container.item(jobDocumentId, jobId);
          const { resource } = await calling('Cosmos DB', () => item.patch<JobDocument>(patchOf(change), options));
          return toJob(resource);
        } catch (error) {
          // Overtaken by a counter or by another status; look again.
          if (statusOf(error) !== 412) throw error;
        }
      }
      throw new FleetError('concurrent-change', `Job ${jobId} changes faster than it can be written.`);
    },

    async *parts(jobId) {
      const spec = {
        query: "SELECT * FROM c WHERE c.jobId = @job AND c.type = 'part' ORDER BY c.id",
        parameters: [{ name: '@job', value: jobId }],
      };
      const query = container.items.query<PartDocument>(spec, { partitionKey: jobId, maxItemCount: 1000 });
      while (query.hasMoreResults()) {
        const { resources } = await calling('Cosmos DB', () => query.fetchNext());
        for (const document of resources ?? []) yield toPart(document);
      }
    },

    async list({ size, continuation }) {
      // Pages by a key of our own, for the reason given in cosmos-devices.ts.
      const before = continuation === undefined ? '' : ' AND c.listKey < @before';
      const spec = {
        query: `SELECT * FROM c WHERE c.type = 'job'${before} ORDER BY c.listKey DESC`,
        parameters: continuation === undefined ? [] : [{ name: '@before', value: continuation }],
      };
      const query = container.items.query<JobDocument>(spec, { maxItemCount: size + 1 });
      const documents: JobDocument[] = [];
      while (query.hasMoreResults() && documents.length <= size) {
        const { resources } = await calling('Cosmos DB', () => query.fetchNext());
        documents.push(...(resources ?? []));
      }
      const items = documents.slice(0, size).flatMap((document) => toJob(document) ?? []);
      const last = items.at(-1);
      return documents.length > size && last !== undefined ? { items, continuation: listKey(last) } : { items };
    },
  };
}

async function readItem<T extends SystemProperties>(container: Container, id: string, partition: string) {
  const { resource, statusCode } = await calling('Cosmos DB', () =>
    container.item(id, partition).read<T & { id: string }>(),
  );
  return statusCode === 404 || resource === undefined ? undefined : { document: resource as T, etag: resource._etag };
}

function patchOf({ total, ...members }: JobChange): PatchOperation[] {
  const operations: PatchOperation[] = Object.entries(members).map(([name, value]) => ({
    op: 'set',
    path: `/${name}`,
    // A patch cannot remove what may not be there; null says the same and is left out when the job is read.
    value: value ?? null,
  }));
  if (total !== undefined) operations.push({ op: 'set', path: '/counts/total', value: total });
  return operations;
}

function toJob(document: JobDocument | undefined): Job | undefined {
  if (document === undefined) return undefined;
  const { id: _id, type: _type, listKey: _key, ...job } = withoutSystemProperties(document);
  return Object.fromEntries(Object.entries(job).filter(([, value]) => value !== null)) as unknown as Job;
}

/** Sorts by time, and is unique where two jobs are received in one millisecond. */
function listKey({ receivedAt, jobId }: Job): string {
  return `${receivedAt}~${jobId}`;
}

function toPart(document: PartDocument): Part {
  const { id: _id, type: _type, jobId: _jobId, ...part } = withoutSystemProperties(document) as PartDocument;
  return part;
}
