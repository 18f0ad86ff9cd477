import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ChildOptions {
  readonly name: string;
  /** Arguments of Node, the script first. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where its output goes, behind what is there unless that is long. */
  readonly logFile: string;
  /** What a line of its output says once it is ready. */
  readonly ready: RegExp;
  /** Called when it ends without having been told to. */
  readonly onUnexpectedEnd?: (child: Child, how: string) => void;
}

/** One process of the stack, which can be killed and started again by itself. */
export interface Child {
  readonly name: string;
  readonly logFile: string;
  /** Absent while it does not run. */
  readonly pid: number | undefined;
  /** Sends the signal and waits until the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it, or kills it and starts it again, and waits until it is ready. @throws Error with the end of its log */
  restart(): Promise<void>;
}

/** Starting on a busy machine may take a while; a process that is not ready by then will not be. */
const readyWithin = 60_000;
const lookEvery = 25;
/** Where Node keeps what it compiled: the next start of the same code takes half the time. */
const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/node', import.meta.url));
/** A log that has grown beyond this becomes `<name>.log.1` when its process starts, in the place of the one before. */
const longestLog = 10 * 1024 * 1024;
/** Enough of a log to show what went wrong. */
const tailBytes = 2_000;

/** @returns the child when it is ready. It is ended with `kill`; it ends by itself when this process is gone. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, args, env, logFile, ready, onUnexpectedEnd } = options;
  let running: ChildProcess | undefined;
  /** Whether the one that runs was told to end. */
  let told = false;

  function launch(): { process: ChildProcess; offset: number } {
    mkdirSync(dirname(logFile), { recursive: true });
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > longestLog) renameSync(logFile, `${logFile}.1`);
    const log = openSync(logFile, 'a', 0o600);
    const offset = fstatSync(log).size;
    const started = spawn(process.execPath, args, {
      // Its standard input is how it learns that we are gone: see die-with-parent.ts. A process group of its own keeps a
      // Ctrl-C from reaching all at once, which would take the stores away from the host before it is done.
      stdio: ['pipe', log, log],
      detached: true,
      // With a group of its own, Windows would also give it a window of its own.
      windowsHide: true,
      env: { NODE_COMPILE_CACHE: compileCache, ...env, DIE_WITH_PARENT: '1' },
    });
    closeSync(log);
    return { process: started, offset };
  }

  async function start(): Promise<void> {
    const { process: started, offset } = launch();
    running = started;
    told = false;
    let ended: string | undefined;
    let isReady = false;
    started.once('error', (error) => {
      ended = error.message;
      running = undefined;
    });
    started.once('exit', (code, signal) => {
      ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
      running = undefined;
      if (isReady && !told) onUnexpectedEnd?.(child, ended);
    });
    for (const deadline = Date.now() + readyWithin; ; await sleep(lookEvery)) {
      const output = await readFrom(logFile, offset);
      if (ready.test(output)) break;
      if (ended !== undefined || Date.now() > deadline) {
        const reason = ended === undefined ? `was not ready within ${readyWithin / 1000} s` : `ended (${ended})`;
        await kill('SIGKILL');
        throw new Error(`${name} ${reason}. See ${logFile}:\n${output.slice(-tailBytes)}`);
      }
    }
    isReady = true;
  }

  async function kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const process = running;
    if (process === undefined) return;
    told = true;
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
