import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BlobLeaseClient, BlobServiceClient } from '@azure/storage-blob';
import { Cron } from 'croner';
import type { RegisteredFunction } from './functions-core.ts';
import type { HostLog, Invoke } from './invocation.ts';

export interface TimerOptions {
  readonly target: RegisteredFunction;
  /** Six-field NCRONTAB, in UTC as on Flex Consumption. */
  readonly schedule: string;
  /** Where the timer's status is kept, as the real host keeps it in a blob. */
  readonly stateDirectory: string;
  /** Held by the one host that runs the timer. */
  readonly singleton: Singleton;
  readonly invoke: Invoke;
  readonly log: HostLog;
}

export interface RunningTimer {
  stop(): Promise<void>;
}

/** What the host remembers of a timer: a run that was due while it was down is made up for, once. */
interface TimerStatus {
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

/** Schedules more frequent than this are not remembered (TimerTriggerAttribute.cs, UseMonitor). */
const leastMonitored = 60_000;

/** A delay beyond this would fire at once (Node's setTimeout). */
const longestDelay = 2 ** 31 - 1;

/** Runs a timer function by its schedule. It never overlaps itself; a run that fails does not stop the schedule. */
export function startTimer(options: TimerOptions): RunningTimer {
  const { target, schedule, stateDirectory, singleton, invoke, log } = options;
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true });
  const file = isMonitored(cron) ? join(stateDirectory, 'timers', `${target.name}.json`) : undefined;
  let status = file === undefined ? undefined : readStatus(file);
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function run(isPastDue: boolean): Promise<void> {
    const started = new Date();
    if (singleton.isHeld()) await invokeOnce(isPastDue);
    const next = cron.nextRun(started) ?? started;
    if (file !== undefined && singleton.isHeld()) {
      status = { Last: started.toISOString(), Next: next.toISOString(), LastUpdated: started.toISOString() };
      writeStatus(file, status);
    }
    // The first occurrence after the run began; if that has passed meanwhile, one late run follows at once.
    arm(next);
  }

  async function invokeOnce(isPastDue: boolean): Promise<void> {
    const info = { Schedule: { AdjustForDST: true }, ScheduleStatus: status ?? null, IsPastDue: isPastDue };
    try {
      await invoke(target, { data: { json: JSON.stringify(info) }, metadata: {} });
    } catch (error) {
      const message = `Result: Failure\nException: ${error instanceof Error ? error.stack : String(error)}`;
      log({ level: 'error', category: 'host', functionName: target.name, message });
    }
  }

  function arm(next: Date): void {
    if (stopped) return;
    const wait = Math.max(0, next.getTime() - Date.now());
    const fire = () => {
      running = run(false);
    };
    timer = setTimeout(wait > longestDelay ? () => arm(next) : fire, Math.min(wait, longestDelay));
  }

  if (status !== undefined && new Date(status.Next) < new Date()) running = run(true);
  else arm(cron.nextRun() ?? new Date());

  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function isMonitored(cron: Cron): boolean {
  const [first, second] = cron.nextRuns(2);
  return first !== undefined && second !== undefined && second.getTime() - first.getTime() >= leastMonitored;
}

function readStatus(file: string): TimerStatus | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TimerStatus;
  } catch {
    return undefined;
  }
}

function writeStatus(file: string, status: TimerStatus): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(status));
  renameSync(`${file}.new`, file);
}

/*
 * What may run in one host only runs in the one that holds a blob's lease, as on the real host, which locks the listener
 * of a timer so (`azure-webjobs-hosts/locks/<host id>/…`). A host that is killed holds it until its time is up.
 */

/** The shortest lease that storage grants; the real host takes 60 s. https://learn.microsoft.com/rest/api/storageservices/lease-blob */
const leaseSeconds = 15;
const renewEvery = 5_000;

export interface Singleton {
  isHeld(): boolean;
  /** Lets go, so that another host can take over at once. */
  stop(): Promise<void>;
}

/** Tries for the lease until `stop`. @returns when the first try is over */
export async function holdSingleton(connectionString: string, name: string): Promise<Singleton> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('azure-webjobs-hosts');
  const blob = container.getBlockBlobClient(`locks/local/${name}.Listener`);
  const stopping = new AbortController();
  let lease: BlobLeaseClient | undefined;
  let heldUntil = 0;

  async function attempt(): Promise<void> {
    const asked = Date.now();
    try {
      if (lease === undefined) {
        await container.createIfNotExists();
        // Overwriting a leased blob is refused, which is as good as finding it there.
        await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }).catch(() => undefined);
        const wanted = blob.getBlobLeaseClient();
        await wanted.acquireLease(leaseSeconds);
        lease = wanted;
      } else {
        await lease.renewLease();
      }
      heldUntil = asked + leaseSeconds * 1000;
    } catch {
      // Held by another host, or storage is away: what is held lasts until its time is up.
      if (Date.now() >= heldUntil) lease = undefined;
    }
  }

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(renewEvery, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await attempt();
    }
    await lease?.releaseLease().catch(() => undefined);
  }

  await attempt();
  const kept = keep();
  return {
    isHeld: () => Date.now() < heldUntil,
    async stop() {
      stopping.abort();
      await kept;
    },
  };
}
