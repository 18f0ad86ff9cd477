import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Does its work that many times. */
export type Work = (times: number) => void | Promise<void>;

/**
 * What is measured: the file in bench/subjects/ whose `prepare` gives its work, run in a process of its own, so that no
 * subject meets the compiled code or the heap of another.
 */
export interface SubjectOptions {
  readonly name: string;
  readonly argument?: string;
  /** How many cores the process may use; 1 where absent. */
  readonly cores?: number;
  /** Times a piece of work: how many before the clock is looked at. */
  readonly batch?: number;
  readonly nodeOptions?: readonly string[];
}

export interface Slice {
  readonly perSecond: number;
  /** User and system, of the subject's process. */
  readonly cpuMicroseconds: number;
}

export interface Subject {
  /** Works for so long, by its own clock. */
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

/** Node with those arguments, held to the last cores, where the system can do that: the first ones serve interrupts. */
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
