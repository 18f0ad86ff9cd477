import type { MessageQueue } from './storage.ts';

/** Work that only one process does at a time, wherever it runs. Adapter: lib/azure/blob-lease.ts. */
export interface Lock {
  /** Runs `work` alone. @returns false, without having run it, when another process is at it */
  take(work: () => Promise<void>): Promise<boolean>;
}

export interface LockOptions<Message> {
  readonly lock: Lock;
  /** The queue that messages come from and are put back on. */
  readonly queue: MessageQueue<Message> & {
    /** Messages that are there, hidden ones too; about. */
    waiting(): Promise<number>;
  };
  /** How long the work of one message takes. */
  readonly secondsEach: number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** A message may stay hidden for 7 days; ten minutes keep the queue moving when those before it end early. */
const longestSeconds = 600;
const shortestSeconds = 5;

/**
 * Works on a message when it is this process's turn; else puts it back for later. How much later is drawn evenly from the
 * time that all that wait will take: so they come back about as fast as they are worked on, none of them uses up its
 * deliveries by waiting, and no instance is paid for standing in line.
 */
export async function runExclusively<Message>(
  message: Message,
  work: () => Promise<void>,
  { lock, queue, secondsEach, random }: LockOptions<Message>,
): Promise<void> {
  if (await lock.take(work)) return;
  const seconds = (await queue.waiting()) * secondsEach * random();
  const delaySeconds = Math.ceil(Math.min(longestSeconds, Math.max(shortestSeconds, seconds)));
  // Put back first, then the host takes this one away: a crash in between leaves two, and the second finds nothing to do.
  await queue.send([message], { delaySeconds });
}
