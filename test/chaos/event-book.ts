import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ChaosStack } from './chaos-stack.ts';
import { queueOf } from './fleet.ts';
import { openDocuments } from './stores.ts';

/*
 * The events of the queue `fleet-events` against the jobs and dead letters that they are about. Uses no code of lib/.
 */

/** The queue of events. Nothing of the app reads it, so it has messages at the end. */
export const eventQueue = 'fleet-events';

interface Event {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface JobDocument {
  readonly type: string;
  readonly jobId: string;
  readonly source: string;
  readonly status: string;
  readonly dryRun?: boolean;
  readonly startedAt?: string | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** Milliseconds in which what is owed is sent: the timer runs once per minute. */
const sendingTimeout = 100_000;

/** The messages of each stack so far: reading takes them off the queue, and the check can be made twice. */
const books = new WeakMap<ChaosStack, Event[]>();

/**
 * Each end of each job was announced, with revisions without a gap, and nothing else; each order was accepted or refused; what
 * was sent twice is the same.
 * @returns how many events there are, and how many were sent again
 */
export async function checkEvents(chaos: ChaosStack, addProblem: (problem: string) => void) {
  const owing = await waitUntilSent(chaos);
  for (const place of owing) addProblem(`events of ${place} were not sent`);
  const sent = [...(books.get(chaos) ?? []), ...(await takeMessages(chaos))];
  books.set(chaos, sent);
  const events = new Map<string, Event>();
  for (const event of sent) {
    const known = events.get(event.id);
    if (known !== undefined && !isDeepStrictEqual(known, event))
      addProblem(`event ${event.id} was sent with two contents`);
    events.set(event.id, event);
  }

  const documents = openDocuments(chaos.stack);
  const all = (await documents.all('jobs')) as unknown as JobDocument[];
  const letters = (await documents.all('dead-letters')).filter(
    ({ type, queue }) => type === 'letter' && queue === 'orders',
  );
  documents.close();
  const jobs = new Map(all.filter(({ type }) => type === 'job').map((job) => [job.jobId, job]));
  const ofJobs = Map.groupBy(events.values(), ({ data }) => data['jobId']);
  for (const jobId of ofJobs.keys()) {
    if (jobId !== undefined && !jobs.has(String(jobId)))
      addProblem(`there are events of job ${jobId}, which does not exist`);
  }
  for (const job of jobs.values()) checkJob(job, ofJobs.get(job.jobId) ?? [], addProblem);
  const refused = [...events.values()].filter(({ type, data }) => type === 'fleet.order.refused' && !data['jobId']);
  if (refused.length < letters.length) {
    addProblem(`${letters.length} orders could not be read, and ${refused.length} were announced as refused`);
  }
  return { events: events.size, sentAgain: sent.length - events.size };
}

function checkJob(job: JobDocument, events: readonly Event[], addProblem: (problem: string) => void): void {
  const of = (type: string) => events.filter((event) => event.type === type);
  const ends = of('fleet.job.ended');
  const revisions = ends.map(({ data }) => Number(data['revision'])).sort((a, b) => a - b);
  if (!revisions.every((revision, index) => revision === index + 1) || revisions.length === 0) {
    addProblem(`job ${job.jobId} is ${job.status}, and its ends have the revisions ${revisions.join(', ') || 'none'}`);
  }
  const last = ends.find(({ data }) => data['revision'] === revisions.at(-1))?.data;
  if (last !== undefined && (last['status'] !== job.status || !isDeepStrictEqual(last['counts'], job.counts))) {
    addProblem(`job ${job.jobId} has ${JSON.stringify(job.counts)}, its last event ${JSON.stringify(last['counts'])}`);
  }
  const isOrder = job.source === 'order' && job.dryRun !== true;
  const [accepted, refused] = [of('fleet.order.accepted').length, of('fleet.order.refused').length];
  if (accepted + refused !== (isOrder ? 1 : 0)) {
    addProblem(`job ${job.jobId} from ${job.source} was accepted ${accepted} times and refused ${refused} times`);
  }
  const finished = of('fleet.order.finished')
    .map(({ data }) => Number(data['revision']))
    .sort((a, b) => a - b);
  if (!isDeepStrictEqual(finished, accepted > 0 ? revisions : [])) {
    addProblem(
      `order of job ${job.jobId} finished with the revisions ${finished.join(', ')}, its job with ${revisions.join(', ')}`,
    );
  }
}

/** @returns the documents that still owe events, or will */
async function waitUntilSent({ stack }: ChaosStack): Promise<string[]> {
  const documents = openDocuments(stack);
  try {
    for (let since = Date.now(); ; await sleep(500)) {
      const owing: string[] = [];
      for (const container of ['jobs', 'devices', 'findings', 'dead-letters', 'events']) {
        const all = await documents.all(container);
        owing.push(
          ...all.filter(({ owedSince }) => owedSince != null).map(({ id, jobId }) => `${container} ${jobId ?? id}`),
          // A job of a hostile request can end at any time, and owes its events only then.
          ...all
            .filter(({ type, finishedAt }) => type === 'job' && finishedAt == null)
            .map(({ jobId }) => `job ${jobId}`),
        );
      }
      if (owing.length === 0 || Date.now() - since > sendingTimeout) return owing;
    }
  } finally {
    documents.close();
  }
}

async function takeMessages(chaos: ChaosStack): Promise<Event[]> {
  const queue = queueOf(chaos, eventQueue);
  const events: Event[] = [];
  for (;;) {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 60 });
    if (receivedMessageItems.length === 0) {
      // Messages that were sent with a delay count, and cannot be received yet.
      const { approximateMessagesCount } = await queue.getProperties();
      if (approximateMessagesCount === 0) return events;
      await sleep(250);
    }
    for (const { messageId, popReceipt, messageText } of receivedMessageItems) {
      const body = JSON.parse(messageText) as Event | Event[];
      events.push(...(Array.isArray(body) ? body : [body]));
      await queue.deleteMessage(messageId, popReceipt);
    }
  }
}
