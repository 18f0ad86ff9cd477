import {
  changedJob,
  currentStatus,
  endedAt,
  isSettled,
  type Job,
  type JobChange,
  type JobStore,
  type Part,
  type RowCounts,
  type SerialNumbers,
} from '../../lib/jobs/job.ts';
import { withOwedEvents } from '../../lib/jobs/job-events.ts';
import { type MemoryPlace, withOwing } from './outbox.ts';

/** Jobs in memory, held to the same contract as the real store. */
export function createMemoryJobStore(): JobStore & { readonly place: MemoryPlace } {
  const jobs = new Map<string, Job>();
  const etags = new Map<string, string>();
  let version = 0;
  const put = (job: Job) => {
    jobs.set(job.jobId, job);
    etags.set(job.jobId, `"${++version}"`);
  };
  const changed = (job: Job, change: JobChange): Job => withOwedEvents(job, changedJob(job, change));
  const parts = new Map<string, Map<string, Part>>();
  const claims = new Map<string, SerialNumbers>();
  const listKey = ({ receivedAt, jobId }: Job) => `${receivedAt}~${jobId}`;

  return {
    place: {
      documents: () => [...jobs].map(([id, value]) => ({ id, etag: etags.get(id) ?? '', value })),
      put: (id, owing) => put(withOwing(jobs.get(id) as Job, owing)),
    },
    async create(job) {
      if (jobs.has(job.jobId)) return false;
      put(withOwedEvents(undefined, structuredClone(job)));
      return true;
    },
    async read(jobId) {
      return structuredClone(jobs.get(jobId));
    },
    async readWithPart(jobId, part) {
      return structuredClone({ job: jobs.get(jobId), part: parts.get(jobId)?.get(part) });
    },
    async update(jobId, from, change) {
      const job = jobs.get(jobId);
      if (job === undefined) return undefined;
      if (from.includes(job.status)) put(changed(job, structuredClone(change)));
      return structuredClone(jobs.get(jobId));
    },
    async readVersion(jobId) {
      const value = structuredClone(jobs.get(jobId));
      return value && { value, etag: etags.get(jobId) ?? '' };
    },
    async updateVersion({ value: { jobId }, etag }, change) {
      const job = jobs.get(jobId);
      if (job === undefined || etags.get(jobId) !== etag) return undefined;
      put(changed(job, structuredClone(change)));
      return structuredClone(jobs.get(jobId));
    },
    async count(jobId, part) {
      const job = jobs.get(jobId);
      if (job === undefined) throw new Error(`no job ${jobId}`);
      const counted = parts.get(jobId) ?? new Map<string, Part>();
      parts.set(jobId, counted);
      if (!counted.has(part.part)) {
        counted.set(part.part, structuredClone(part));
        const counts: Record<string, number> = { ...job.counts };
        for (const [name, value] of Object.entries(part.outcome)) counts[name] = (counts[name] ?? 0) + value;
        const { retried } = part;
        const repairs: Record<string, number> = { ...job.repairs };
        for (const [name, value] of Object.entries(part.repairs ?? {})) repairs[name] = (repairs[name] ?? 0) + value;
        put({
          ...job,
          counts: counts as unknown as RowCounts,
          lastPartAt: part.finishedAt,
          ...(retried !== undefined && { retrying: (job.retrying ?? 0) - retried }),
          ...(job.repairs !== undefined && { repairs }),
        });
      }
      return structuredClone(jobs.get(jobId)) as Job;
    },
    async claim(jobId, part, serialNumbers) {
      const name = `${jobId}/${part}`;
      const before = claims.get(name);
      const all = new Map([...serialNumbers, ...(before ?? [])]);
      claims.set(name, all);
      return { serialNumbers: new Map(all), hasPriorClaims: before !== undefined };
    },
    async claimed(jobId, part) {
      const found = claims.get(`${jobId}/${part}`);
      return found && new Map(found);
    },
    async *parts(jobId, from = '') {
      const counted = [...(parts.get(jobId)?.values() ?? [])].filter(({ part }) => part >= from);
      yield* structuredClone(counted.sort((a, b) => (a.part < b.part ? -1 : 1)));
    },
    async list(asked) {
      const { size, continuation, status, source, since = '', until } = asked;
      const sorted = [...jobs.values()].sort((a, b) => (listKey(a) > listKey(b) ? -1 : 1));
      const found = sorted.filter(
        (job) =>
          (continuation === undefined || listKey(job) < continuation) &&
          (status === undefined || status.includes(currentStatus(job))) &&
          (source === undefined || source === job.source) &&
          job.receivedAt >= since &&
          (until === undefined || job.receivedAt < until),
      );
      const items = structuredClone(found.slice(0, size));
      const last = items.at(-1);
      return found.length > size && last !== undefined ? { items, continuation: listKey(last) } : { items };
    },
    async removeEnded(before, limit) {
      const ended = [...jobs.values()]
        .filter((job) => isSettled(job) && job.owedSince === undefined && (endedAt(job) ?? job.receivedAt) < before)
        .sort((a, b) => (listKey(a) < listKey(b) ? -1 : 1))
        .slice(0, limit);
      for (const { jobId } of ended) {
        jobs.delete(jobId);
        parts.delete(jobId);
        for (const name of claims.keys()) if (name.startsWith(`${jobId}/`)) claims.delete(name);
      }
      return ended.length;
    },
    async unsettled({ size, continuation }) {
      const open = [...jobs.values()]
        .filter((job) => !isSettled(job))
        .sort((a, b) => (listKey(a) > listKey(b) ? -1 : 1));
      const found = open.filter((job) => continuation === undefined || listKey(job) < continuation);
      const items = structuredClone(found.slice(0, size));
      const last = items.at(-1);
      return found.length > size && last !== undefined ? { items, continuation: listKey(last) } : { items };
    },
    async countByStatus(since) {
      const counted = [...jobs.values()].filter((job) => job.receivedAt >= since || !isSettled(job));
      const members = counted.map((job) => ({
        status: currentStatus(job),
        hour: job.receivedAt.slice(0, 13),
        ...(job.allowedGroups !== undefined && { allowedGroups: [...job.allowedGroups].sort() }),
      }));
      const alike = Map.groupBy(members, (each) => JSON.stringify(each));
      const value = [...alike.values()].flatMap((each) => (each[0] ? { ...each[0], jobs: each.length } : []));
      return { value, requestUnits: 0 };
    },
  };
}
