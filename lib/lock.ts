import type { CountableQueue } from './storage.ts';

/** A lock that one process holds at a time, on any instance. Adapter: lib/azure/blob-lock.ts. */
export interface Lock {
  /**
   * Runs `work` while holding the lock. Calls within one process wait for each other.
   * @returns false, without running `work`, when another process holds the lock
   * @throws FleetError `throttled`, `unavailable` from taking the lock, and any error of `work`
   */
  tryRun(work: () => Promise<void>): Promise<boolean>;
}

export interface ExclusiveOptions<Message> {
  readonly lock: Lock;
  /** The queue that the message came from. */
  readonly queue: CountableQueue<Message>;
  /** How long the work of one message takes, about. */
  readonly secondsPerMessage: number;
  /** From 0 to 1, evenly distributed. */
  readonly random: () => number;
}

/** Messages can be hidden for 7 days. Ten minutes keep the queue moving when the messages ahead finish early. */
const maxDelaySeconds = 600;
const minDelaySeconds = 5;

/**
 * Runs the work of a message while holding the lock. When another process holds it, the message goes back on the queue.
 * The delay is uniformly random over the estimated time to drain the queue: messages then come back at about the rate at
 * which they are processed, use up no deliveries, and keep no instance waiting.
 * @throws FleetError `throttled`, `unavailable` from the lock or the queue, and any error of `work`
 */
export async function runExclusively<Message>(
  message: Message,
  work: () => Promise<void>,
  { lock, queue, secondsPerMessage, random }: ExclusiveOptions<Message>,
): Promise<void> {
  if (await lock.tryRun(work)) return;
  const seconds = (await queue.waiting()) * secondsPerMessage * random();
  const delaySeconds = Math.ceil(Math.min(maxDelaySeconds, Math.max(minDelaySeconds, seconds)));
  // The copy is sent before the host deletes this message. A crash in between leaves both; the work is idempotent.
  await queue.send([message], { delaySeconds });
}
