import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../../infra/local/stack.ts';
import { openDocuments } from './stores.ts';

const outcomes = ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled'] as const;
type Outcome = (typeof outcomes)[number];

export interface JobDocument {
  readonly id: string;
  readonly jobId: string;
  readonly type: 'job' | 'part';
  readonly status: string;
  readonly finishedAt?: string | null;
  readonly counts: Readonly<Record<Outcome | 'total', number>>;
}

export interface PartDocument {
  readonly id: string;
  readonly jobId: string;
  readonly type: 'part';
  readonly part: string;
  readonly chunk: number;
  readonly outcome: Readonly<Record<Outcome, number>>;
  readonly report?: string;
}

export interface JobObserver {
  /** Reads all jobs and their parts, as of one moment, and checks the counters. @returns the jobs */
  observe(): Promise<JobDocument[]>;
  /** How often the counters were read. */
  readonly observations: number;
  /** Broken invariants, at most 20 or so. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

/** Milliseconds between two observations. */
const interval = 100;
const maxProblems = 20;

/**
 * Watches the counters of all jobs in Cosmos DB during an attack. At every observation they are the sum of the counted
 * parts and at most the total, and only a retry has decreased one.
 */
export function createJobObserver(stack: Pick<Stack, 'cosmos'>): JobObserver {
  const documents = openDocuments(stack);
  const problems: string[] = [];
  const before = new Map<string, JobDocument>();
  let observations = 0;

  /** One observation at a time: otherwise an older one could be compared with a newer one. */
  let observing: Promise<JobDocument[]> = Promise.resolve([]);
  const observe = () => {
    observing = observing.catch(() => []).then(observeNow);
    return observing;
  };

  async function observeNow(): Promise<JobDocument[]> {
    const all = (await documents.all('jobs')) as unknown as (JobDocument | PartDocument)[];
    const jobs = all.filter((document): document is JobDocument => document.type === 'job');
    const parts = Map.groupBy(
      all.filter((document): document is PartDocument => document.type === 'part'),
      ({ jobId }) => jobId,
    );
    for (const job of jobs) {
      const found = [...problemsOf(job, parts.get(job.jobId) ?? [], before.get(job.jobId))];
      if (problems.length < maxProblems) problems.push(...found.map((problem) => `job ${job.jobId}: ${problem}`));
      before.set(job.jobId, job);
    }
    observations += 1;
    return jobs;
  }

  const ending = new AbortController();
  const watching = watch();
  async function watch(): Promise<void> {
    while (!ending.signal.aborted) {
      // A throttled observation is skipped.
      await observe().catch(() => undefined);
      await sleep(interval, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }

  return {
    observe,
    get observations() {
      return observations;
    },
    problems,
    async close() {
      ending.abort();
      await watching;
      documents.close();
    },
  };
}

function* problemsOf(
  job: JobDocument,
  parts: readonly PartDocument[],
  before: JobDocument | undefined,
): Iterable<string> {
  const { counts } = job;
  const counted = outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);
  for (const outcome of outcomes) {
    const sum = parts.reduce((all, part) => all + part.outcome[outcome], 0);
    if (sum !== counts[outcome]) yield `says ${counts[outcome]} ${outcome}, its parts say ${sum}`;
    if (counts[outcome] < 0) yield `has ${counts[outcome]} ${outcome} rows`;
    if (before !== undefined && outcome !== 'failed' && counts[outcome] < before.counts[outcome])
      yield `had ${before.counts[outcome]} ${outcome} rows and has ${counts[outcome]}`;
  }
  if (counted > counts.total) yield `has counted ${counted} of ${counts.total} rows`;
  if (job.finishedAt && job.status !== 'failed' && counted !== counts.total)
    yield `is ${job.status} with ${counted} of ${counts.total} rows counted`;
  if (before !== undefined && before.counts.total > 0 && before.counts.total !== counts.total)
    yield `had ${before.counts.total} rows and has ${counts.total}`;
}
