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
  /** Folder of the timer's status. The real host uses a blob. */
  readonly stateDirectory: string;
  /** The lock of the host that runs the timer. */
  readonly singleton: Singleton;
  readonly invoke: Invoke;
  readonly log: HostLog;
}

export interface RunningTimer {
  stop(): Promise<void>;
}

/** The stored status of a timer. It shows whether a run was missed while no host was running. */
interface TimerStatus {
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

/** Milliseconds. The status of more frequent schedules is not stored (TimerTriggerAttribute.cs, UseMonitor). */
const minMonitoredInterval = 60_000;

/** Longest delay of setTimeout in Node. A longer one would fire at once. */
const maxDelay = 2 ** 31 - 1;

/**
 * Runs a timer function by its schedule. Runs never overlap. A failed run does not stop the schedule. If runs were missed while no
 * host was running, one late run is made at once.
 */
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
    // The next time after the start of this run. If it has passed, the next run starts at once.
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
    timer = setTimeout(wait > maxDelay ? () => arm(next) : fire, Math.min(wait, maxDelay));
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
  return first !== undefined && second !== undefined && second.getTime() - first.getTime() >= minMonitoredInterval;
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
 * A lock for work of one host. As on the real host, it is the lease of a blob (`azure-webjobs-hosts/locks/<host id>/…`). A killed
 * host holds it until the lease expires.
 */

/** Seconds: the shortest lease of Azure Storage. The real host uses 60 s. https://learn.microsoft.com/rest/api/storageservices/lease-blob */
const leaseSeconds = 15;
/** A call without an answer has failed when the lease that it asks for would be over. */
const inTime = () => ({ abortSignal: AbortSignal.timeout(leaseSeconds * 1000) });
/** Milliseconds between two attempts to acquire or renew the lease. */
const renewInterval = 5_000;

export interface Singleton {
  isHeld(): boolean;
  /** Releases the lock, so that another host can take over at once. */
  stop(): Promise<void>;
}

/** Tries to acquire the lock, and to keep it, until `stop`. @returns after the first attempt */
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
        await container.createIfNotExists(inTime());
        // The upload fails if the blob exists or is leased. Both are fine.
        await blob.upload('', 0, { conditions: { ifNoneMatch: '*' }, ...inTime() }).catch(() => undefined);
        const wanted = blob.getBlobLeaseClient();
        await wanted.acquireLease(leaseSeconds, inTime());
        lease = wanted;
      } else {
        await lease.renewLease(inTime());
      }
      heldUntil = asked + leaseSeconds * 1000;
    } catch {
      // Another host holds the lease, or storage is unavailable. An acquired lease is valid until it expires.
      if (Date.now() >= heldUntil) lease = undefined;
    }
  }

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(renewInterval, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await attempt();
    }
    await lease?.releaseLease(inTime()).catch(() => undefined);
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
