import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { diskProblem } from './disk.ts';

export interface ChildOptions {
  readonly name: string;
  /** Arguments of Node: its options, the script, and the arguments of the script. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Output is appended to it. A file of more than 10 MB is first renamed to `<name>.1`. */
  readonly logFile: string;
  /** Matches its output once it is ready. */
  readonly ready: RegExp;
  /** Called when it ends without `kill` or `restart`. `ranMs` is the time since it was ready, in milliseconds. */
  readonly onUnexpectedEnd?: ((child: Child, how: string, ranMs: number) => void) | undefined;
  /** Kills a process that is not ready yet. `startChild` then rejects. */
  readonly signal?: AbortSignal | undefined;
}

/** One process of the stack. It can be killed and restarted alone. */
export interface Child {
  readonly name: string;
  readonly logFile: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** Sends the signal and waits until the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it if it runs, starts it, and waits until it is ready. @throws Error with the end of its log */
  restart(): Promise<void>;
}

/** Milliseconds. A start takes long on a busy machine, but never this long. */
const startTimeout = 60_000;
/** Milliseconds between two reads of the log. */
const pollInterval = 25;
/** Node's cache of compiled code. It halves the time of the next start. */
const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/node', import.meta.url));
/** Bytes. A larger log is renamed to `<name>.log.1` when its process starts. It replaces an earlier one of that name. */
const maxLogBytes = 10 * 1024 * 1024;
/** The part of a log that an error message shows, in bytes. */
const tailBytes = 2_000;

/**
 * Starts a process and waits until it is ready. It ends when this process ends, even after a `kill -9`.
 * @throws Error with the end of its log, if it ends or is not ready within 60 seconds
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, args, env, logFile, ready, onUnexpectedEnd, signal } = options;
  let running: ChildProcess | undefined;
  /** Whether the running process was asked to end. */
  let isStopping = false;

  function launch(): { process: ChildProcess; offset: number } {
    mkdirSync(dirname(logFile), { recursive: true });
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > maxLogBytes) renameSync(logFile, `${logFile}.1`);
    const log = openSync(logFile, 'a', 0o600);
    const offset = fstatSync(log).size;
    const started = spawn(process.execPath, args, {
      // Its standard input closes when this process ends: see `exitWithParent`. Its own process group keeps Ctrl-C from
      // reaching all processes at once, which would stop the stores before the host has finished.
      stdio: ['pipe', log, log],
      detached: true,
      // On Windows a detached process would open a console window.
      windowsHide: true,
      env: { NODE_COMPILE_CACHE: compileCache, ...env, EXIT_WITH_PARENT: '1' },
    });
    closeSync(log);
    return { process: started, offset };
  }

  async function start(): Promise<void> {
    const { process: started, offset } = launch();
    running = started;
    isStopping = false;
    let ended: string | undefined;
    let readyAt: number | undefined;
    started.once('error', (error) => {
      ended = error.message;
      running = undefined;
    });
    started.once('exit', (code, signal) => {
      ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
      running = undefined;
      if (readyAt !== undefined && !isStopping) onUnexpectedEnd?.(child, ended, performance.now() - readyAt);
    });
    for (const deadline = Date.now() + startTimeout; ; await sleep(pollInterval)) {
      const output = await readFrom(logFile, offset);
      if (ready.test(output)) break;
      // A process that cannot write its log never shows that it is ready.
      const problem = await diskProblem(dirname(logFile));
      const isStopped = signal?.aborted === true;
      if (ended === undefined && problem === undefined && !isStopped && Date.now() <= deadline) continue;
      await kill('SIGKILL');
      if (problem !== undefined) throw new Error(`${name} cannot start. ${problem}`);
      if (isStopped) throw new Error(`${name} was stopped while it started.`);
      const reason = ended === undefined ? `was not ready within ${startTimeout / 1000} s` : `ended (${ended})`;
      throw new Error(`${name} ${reason}. See ${logFile}:\n${output.slice(-tailBytes)}`);
    }
    readyAt = performance.now();
  }

  async function kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const process = running;
    if (process === undefined) return;
    isStopping = true;
    const exited = once(process, 'exit');
    process.kill(signal);
    await exited;
  }

  const child: Child = {
    name,
    logFile,
    get pid() {
      return running?.pid;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      await start();
    },
  };
  await start();
  return child;
}

/** The end of a log, at most 2,000 bytes. */
export async function logTail(file: string): Promise<string> {
  const { size } = await stat(file);
  return readFrom(file, Math.max(size - tailBytes, 0));
}

async function readFrom(file: string, offset: number): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    return buffer.toString('utf8');
  } finally {
    await handle.close();
  }
}
