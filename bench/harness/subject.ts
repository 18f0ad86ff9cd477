import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Does the measured work `times` times. */
export type Work = (times: number) => void | Promise<void>;

/**
 * A measured program: the file in bench/subjects/ whose `prepare` returns the work. It runs in its own process, so that
 * subjects share neither compiled code nor heap.
 */
export interface SubjectOptions {
  readonly name: string;
  readonly argument?: string;
  /** Number of cores that the process may use. Default: 1. */
  readonly cores?: number;
  /** Pieces of work between two readings of the clock. Default: 1. */
  readonly batch?: number;
  readonly nodeOptions?: readonly string[];
}

export interface Slice {
  readonly perSecond: number;
  /** User and system time of the subject's process, per piece of work. */
  readonly cpuMicroseconds: number;
}

export interface Subject {
  /** Works for this many milliseconds, by the clock of the subject. */
  measure(milliseconds: number): Promise<Slice>;
  end(): Promise<void>;
}

const program = join(import.meta.dirname, 'subject-process.ts');

export async function startSubject({
  name,
  argument = '',
  cores = 1,
  batch = 1,
  nodeOptions = [],
}: SubjectOptions): Promise<Subject> {
  const file = join(import.meta.dirname, '../subjects', `${name}.ts`);
  const child = spawnOn(cores, [...nodeOptions, program, file, String(batch), argument]);
  const ended = once(child, 'exit');
  await answer(child, name);
  return {
    async measure(milliseconds) {
      child.send(milliseconds);
      return (await answer(child, name)) as Slice;
    },
    async end() {
      child.disconnect();
      await ended;
    },
  };
}

/** Starts Node on the last cores, because the first ones serve interrupts. Only Linux can choose cores. */
function spawnOn(cores: number, args: readonly string[]): ChildProcess {
  const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc'];
  const last = availableParallelism() - 1;
  if (process.platform !== 'linux' || cores > last + 1) return spawn(process.execPath, args, { stdio });
  return spawn('taskset', ['-c', `${last - cores + 1}-${last}`, process.execPath, ...args], { stdio });
}

async function answer(child: ChildProcess, name: string): Promise<unknown> {
  const gone = new AbortController();
  try {
    return await Promise.race([
      once(child, 'message', { signal: gone.signal }).then(([message]) => message),
      once(child, 'exit', { signal: gone.signal }).then(([code]) => {
        throw new Error(`The subject ${name} ended with code ${code}.`);
      }),
    ]);
  } finally {
    gone.abort();
  }
}
