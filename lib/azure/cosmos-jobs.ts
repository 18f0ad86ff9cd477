import { BulkOperationType, type Container, type JSONObject, type PatchOperation } from '@azure/cosmos';
import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import {
  changedJob,
  currentStatus,
  endedAt,
  isFinished,
  isSettled,
  type Job,
  type JobChange,
  type JobCount,
  type JobStatus,
  type JobStore,
  jobStatuses,
  type Part,
  type PartClaims,
  type SerialNumbers,
} from '../jobs/job.ts';
import { withOwedEvents } from '../jobs/job-events.ts';
import { canonicalJson } from '../json.ts';
import {
  type Condition,
  callingCosmos,
  createDocument,
  ifMatch,
  maxWriteAttempts,
  measuredQuery,
  pageByKey,
  readDocument,
  replaceDocument,
  whereClause,
  withoutSystemProperties,
} from './cosmos.ts';
import { unlessStatus } from './service-errors.ts';

/*
 * Container `jobs`, partition key `/jobId`: the job is document `job`, and each counted part is a document named after the
 * part. One partition per job lets a part and the job's counters change in one transactional batch. The serial numbers that a
 * part fixed for its new devices are a document too: one write for the part, where claims in the records cost one per device.
 */
const jobDocumentId = 'job';

type JobDocument = Job & ListMembers & { readonly id: string; readonly type: 'job' };

/** Indexed members by which jobs are listed and counted. */
interface ListMembers {
  /** Sorts by time. The id makes it unique when two jobs arrive in the same millisecond. */
  readonly listKey: string;
  /**
   * The status of a settled job, and `open` for any other one. The status of an open job follows from its counters, which a
   * part changes in one batch with this member; so no query misses a job whose stored status is late. Absent on jobs of earlier
   * versions until they change, which are handled as open.
   */
  readonly listStatus?: JobStatus | typeof open | typeof removing;
  /** `allowedGroups`, sorted, as JSON; empty for a job without a limit. */
  readonly listGroups?: string;
  /** The hour of `receivedAt`: `2026-11-27T18`. */
  readonly listHour?: string;
}

const open = 'open';

/** A job that `removeEnded` has begun to delete. Its parts can be gone, so nobody may take it up. */
const removing = 'removing';

/** Documents of a job that are deleted at once. */
const deletesAtOnce = 16;

/** Open jobs are read to know their status. One call reads at most this many jobs, and then gives a short page. */
const maxJobsRead = 1000;

/** The members from which the status of an open job follows. */
type OpenJob = Pick<Job, 'status' | 'counts' | 'retrying' | 'allowedGroups' | 'receivedAt'>;

interface CountedJobs {
  readonly listStatus: JobStatus;
  readonly listGroups: string;
  readonly listHour: string;
  readonly jobs: number;
}
type PartDocument = Part & { readonly id: string; readonly jobId: string; readonly type: 'part' };

interface ClaimsDocument {
  readonly id: string;
  readonly jobId: string;
  readonly type: 'claims';
  readonly serialNumbers: readonly (readonly [deviceId: string, serialNumber: string])[];
}

const claimsId = (part: string) => `claims-${part}`;

export function createCosmosJobStore(container: Container): JobStore {
  const readAny = (jobId: string) => readDocument<JobDocument>(container, { id: jobDocumentId, partition: jobId });

  async function readJob(jobId: string): ReturnType<typeof readAny> {
    const found = await readAny(jobId);
    return found?.value.listStatus === removing ? undefined : found;
  }

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
    operations.push({ op: 'set', path: '/listStatus', value: open });
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

  /** @returns false for a job that did not end before that time, or that changes now */
  async function removeOne(jobId: string, before: string): Promise<boolean> {
    const found = await readAny(jobId);
    if (found === undefined) return false;
    const item = container.item(jobDocumentId, jobId);
    if (found.value.listStatus !== removing) {
      const job = toJob(found.value);
      // A job that was refused before it was split can have no other time.
      if (!isSettled(job) || job.owedSince !== undefined || (endedAt(job) ?? job.receivedAt) >= before) return false;
      const mark: PatchOperation[] = [{ op: 'set', path: '/listStatus', value: removing }];
      const options = { accessCondition: ifMatch(found.etag) };
      const marked = await unlessStatus([404, 412], () => callingCosmos(() => item.patch(mark, options)));
      if (marked === undefined) return false;
    }
    const remove = (id: string) =>
      unlessStatus([404], () => callingCosmos(() => container.item(id, jobId).delete())).then(() => {});
    const query = {
      query: `SELECT VALUE c.id FROM c WHERE c.jobId = @jobId`,
      parameters: [{ name: '@jobId', value: jobId }],
    };
    const { resources: ids } = await callingCosmos(() =>
      container.items.query<string>(query, { partitionKey: jobId, maxItemCount: 1000 }).fetchAll(),
    );
    const others = ids.filter((id) => id !== jobDocumentId);
    await pMap(others, remove, { concurrency: deletesAtOnce });
    // The last one: by it a removal that was cut short is found again.
    await remove(jobDocumentId);
    return true;
  }

  const readClaims = (jobId: string, part: string) =>
    readDocument<ClaimsDocument>(container, { id: claimsId(part), partition: jobId });

  async function claim(jobId: string, part: string, serialNumbers: SerialNumbers): Promise<PartClaims> {
    const document: ClaimsDocument = { id: claimsId(part), jobId, type: 'claims', serialNumbers: [...serialNumbers] };
    for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
      if ((await createDocument(container, document)) !== undefined) return { serialNumbers, hasPriorClaims: false };
      const found = await readClaims(jobId, part);
      if (found === undefined) continue;
      const all = new Map([...serialNumbers, ...found.value.serialNumbers]);
      const value = { ...document, serialNumbers: [...all] };
      const isStored = all.size === found.value.serialNumbers.length;
      if (isStored || (await replaceDocument(container, jobId, { value, etag: found.etag })) !== undefined)
        return { serialNumbers: all, hasPriorClaims: true };
    }
    throw new FleetError(
      'concurrent-change',
      `The claims of ${part} of job ${jobId} change faster than they can be written.`,
    );
  }

  return {
    read,
    count,
    claim,

    async claimed(jobId, part) {
      const found = await readClaims(jobId, part);
      return found && new Map(found.value.serialNumbers);
    },

    async create(job) {
      const document = { ...withOwedEvents(undefined, job), id: jobDocumentId, type: 'job', ...listMembers(job) };
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
          callingCosmos(() => item.patch<JobDocument>(patchOf(toJob(current.value), change), options)),
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
        callingCosmos(() => item.patch<JobDocument>(patchOf(value, change), options)),
      );
      return patched?.resource && toJob(patched.resource);
    },

    async *parts(jobId, from) {
      const { text, parameters } = whereClause([
        ['c.jobId = ?', jobId],
        ['c.type = ?', 'part'],
        ['c.id >= ?', from],
      ]);
      const spec = { query: `SELECT * FROM c${text} ORDER BY c.id`, parameters };
      const query = container.items.query<PartDocument>(spec, { partitionKey: jobId, maxItemCount: 1000 });
      while (query.hasMoreResults()) {
        const { resources } = await callingCosmos(() => query.fetchNext());
        for (const document of resources ?? []) yield toPart(document);
      }
    },

    async list(asked) {
      const { size, status, source, since, until } = asked;
      const where: Condition[] = [
        ['c.type = ?', 'job'],
        ['(c.listStatus IN (?) OR NOT IS_DEFINED(c.listStatus))', status && [...status, open]],
        ['c.source = ?', source],
        ['c.listKey >= ?', since],
        ['c.listKey < ?', until],
      ];
      const items: Job[] = [];
      let continuation = asked.continuation;
      let read = 0;
      do {
        const page = { size: size - items.length, continuation };
        const found = await pageByKey<JobDocument>(container, { where, orderBy: 'c.listKey DESC' }, page);
        const jobs = found.items.filter(({ listStatus }) => listStatus !== removing).map(toJob);
        items.push(...jobs.filter((job) => status === undefined || status.includes(currentStatus(job))));
        continuation = found.continuation;
        read += found.items.length;
      } while (continuation !== undefined && items.length < size && read < maxJobsRead);
      return continuation === undefined ? { items } : { items, continuation };
    },

    async removeEnded(before, limit) {
      const where: Condition[] = [
        ['c.type = ?', 'job'],
        ['c.listStatus IN (?)', [...jobStatuses.filter(isFinished), removing]],
        ['c.listKey < ?', before],
      ];
      let removed = 0;
      let continuation: string | undefined;
      do {
        const page = { size: 100, continuation };
        const query = { where, orderBy: 'c.listKey ASC', fields: ['jobId', 'listKey'] } as const;
        const found = await pageByKey<JobDocument>(container, query, page);
        for (const { jobId } of found.items) {
          if (removed === limit) return removed;
          if (await removeOne(jobId, before)) removed += 1;
        }
        continuation = found.continuation;
      } while (continuation !== undefined);
      return removed;
    },

    async unsettled(page) {
      const where: Condition[] = [
        ['c.type = ?', 'job'],
        ['c.listStatus = ?', open],
      ];
      const found = await pageByKey<JobDocument>(container, { where, orderBy: 'c.listKey DESC' }, page);
      return { ...found, items: found.items.map(toJob) };
    },

    async countByStatus(since) {
      const settledWhere = whereClause([
        ['c.type = ?', 'job'],
        ['c.listStatus IN (?)', jobStatuses],
        ['c.listKey >= ?', since],
      ]);
      const fields = 'c.listStatus, c.listGroups, c.listHour';
      const settled = await measuredQuery<CountedJobs>(container, {
        query: `SELECT ${fields}, COUNT(1) AS jobs FROM c${settledWhere.text} GROUP BY ${fields}`,
        parameters: settledWhere.parameters,
      });
      const openWhere = whereClause([
        ['c.type = ?', 'job'],
        [`(c.listStatus = '${open}' OR (NOT IS_DEFINED(c.listStatus) AND c.listKey >= ?))`, since],
      ]);
      const unsettled = await measuredQuery<OpenJob>(container, {
        query: `SELECT c.status, c.counts, c.retrying, c.allowedGroups, c.receivedAt FROM c${openWhere.text}`,
        parameters: openWhere.parameters,
      });
      const rows = [...settled.value, ...unsettled.value.map(asCounted)];
      return { value: countsOf(rows), requestUnits: settled.requestUnits + unsettled.requestUnits };
    },
  };
}

function asCounted(job: OpenJob): CountedJobs {
  return { listStatus: currentStatus(job), listGroups: listGroups(job), listHour: listHour(job), jobs: 1 };
}

function countsOf(rows: readonly CountedJobs[]): JobCount[] {
  const alike = Map.groupBy(rows, ({ jobs: _jobs, ...members }) => canonicalJson(members));
  return [...alike.values()].flatMap((each) => {
    const [first] = each;
    if (first === undefined) return [];
    const { listStatus: status, listHour: hour, listGroups: groups } = first;
    const jobs = each.reduce((sum, row) => sum + row.jobs, 0);
    return [{ status, hour, ...(groups !== '' && { allowedGroups: JSON.parse(groups) as string[] }), jobs }];
  });
}

/** @param before the job to which the change is made; a write with another version is refused */
function patchOf(before: Job, change: JobChange): PatchOperation[] {
  const after = withOwedEvents(before, changedJob(before, change));
  const { total, ...members } = change;
  const owed = { end: after.end, outbox: after.outbox, owedSince: after.owedSince };
  const operations: PatchOperation[] = Object.entries({ ...members, ...owed })
    .filter(([name, value]) => name in members || value !== before[name as keyof Job])
    .map(([name, value]) => ({
      op: 'set',
      path: `/${name}`,
      // A patch cannot remove a member that may be absent. It is set to null, which `toJob` leaves out.
      value: value ?? null,
    }));
  if (total !== undefined) operations.push({ op: 'set', path: '/counts/total', value: total });
  operations.push({ op: 'set', path: '/listStatus', value: listStatus(after) });
  return operations;
}

function toJob(document: JobDocument): Job {
  const {
    id: _id,
    type: _type,
    listKey: _key,
    listStatus: _status,
    listGroups: _groups,
    listHour: _hour,
    ...job
  } = withoutSystemProperties(document);
  return Object.fromEntries(Object.entries(job).filter(([, value]) => value !== null)) as unknown as Job;
}

function listMembers(job: Job): ListMembers {
  return {
    listKey: `${job.receivedAt}~${job.jobId}`,
    listStatus: listStatus(job),
    listGroups: listGroups(job),
    listHour: listHour(job),
  };
}

function listGroups({ allowedGroups }: Pick<Job, 'allowedGroups'>): string {
  return allowedGroups === undefined ? '' : JSON.stringify([...allowedGroups].sort());
}

function listHour({ receivedAt }: Pick<Job, 'receivedAt'>): string {
  return receivedAt.slice(0, 'yyyy-mm-ddThh'.length);
}

function listStatus(job: Pick<Job, 'status' | 'counts' | 'retrying'>): JobStatus | typeof open {
  return isSettled(job) ? job.status : open;
}

function toPart(document: PartDocument): Part {
  const { id: _id, type: _type, jobId: _jobId, ...part } = withoutSystemProperties(document);
  return part;
}
