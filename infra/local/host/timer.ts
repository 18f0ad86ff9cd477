import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cron } from 'croner';
import type { RegisteredFunction } from './functions-core.ts';
import type { HostLog, Invoke } from './invocation.ts';

export interface TimerOptions {
  readonly target: RegisteredFunction;
  /** Six-field NCRONTAB, in UTC as on Flex Consumption. */
  readonly schedule: string;
  /** Where the timer's status is kept, as the real host keeps it in a blob. */
  readonly stateDirectory: string;
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

/** Runs a timer function by its schedule. It never overlaps itself; a run that fails does not stop the schedule. */
export function startTimer({ target, schedule, stateDirectory, invoke, log }: TimerOptions): RunningTimer {
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true });
  const file = join(stateDirectory, 'timers', `${target.name}.json`);
  let status = readStatus(file);
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function run(isPastDue: boolean): Promise<void> {
    const started = new Date();
    const data = { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus: status ?? null, IsPastDue: isPastDue }) };
    try {
      await invoke(target, { data, metadata: {} });
    } catch (error) {
      log({ level: 'error', category: 'host', functionName: target.name, message: `Exception: ${(error as Error)?.stack ?? String(error)}` });
    }
    const next = cron.nextRun(started) ?? started;
    status = { Last: started.toISOString(), Next: next.toISOString(), LastUpdated: started.toISOString() };
    writeStatus(file, status);
    // The first occurrence after the run began; if that has passed meanwhile, one late run follows at once.
    arm(next);
  }

  function arm(next: Date): void {
    if (stopped) return;
    const wait = Math.max(0, next.getTime() - Date.now());
    // A delay beyond 2^31 - 1 ms would fire at once (Node's setTimeout); look again after that time.
    const longest = 2 ** 31 - 1;
    timer = setTimeout(() => {
      if (wait > longest) return arm(next);
      running = run(false);
    }, Math.min(wait, longest));
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

function readStatus(file: string): TimerStatus | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TimerStatus;
  } catch {
    return undefined;
  }
}

function writeStatus(file: string, status: TimerStatus): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(status));
  renameSync(`${file}.new`, file);
}
