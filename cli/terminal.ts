import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { CliError, exitCodes } from './errors.ts';

/** The process as the verbs see it, so that a test can be one. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream;
  /** Data. */
  readonly stdout: NodeJS.WritableStream;
  /** Talk: progress, questions, errors. */
  readonly stderr: NodeJS.WritableStream;
  /** Whether a person is there to read and to answer. */
  readonly isTerminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** IANA name. Tables show times in it. */
  readonly timeZone: string;
  /** Ends what is going on: Ctrl-C. */
  readonly signal: AbortSignal;
  now(): Date;
  /** @throws CliError `interrupted` when the signal comes first */
  sleep(milliseconds: number): Promise<void>;
  /** A random UUID. */
  newId(): string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interruption = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => interruption.abort(new CliError(exitCodes.interrupted, 'Interrupted.')));
  const { signal } = interruption;
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: {
      stdin: process.stdin.isTTY === true,
      stdout: process.stdout.isTTY === true,
      stderr: process.stderr.isTTY === true,
    },
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    signal,
    now: () => new Date(),
    sleep: (milliseconds) =>
      pause(milliseconds, undefined, { signal }).catch(() => {
        throw signal.reason;
      }),
    newId: () => crypto.randomUUID(),
  };
}

/** Asks a person on stderr. @returns the answer, without blanks around it. @throws CliError when there is none */
export function ask({ stdin, stderr, signal }: Terminal, question: string): Promise<string> {
  return answerOf(createInterface({ input: stdin, output: stderr }), question, signal);
}

/** Asks for a key without showing it. @throws CliError when there is no answer */
export async function askSecret({ stdin, stderr, signal }: Terminal, question: string): Promise<string> {
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return await answerOf(createInterface({ input: stdin, output: nowhere, terminal: true }), '', signal);
  } finally {
    stderr.write('\n');
  }
}

async function answerOf(lines: Interface, question: string, signal: AbortSignal): Promise<string> {
  // While it waits, readline takes Ctrl-C and Ctrl-D itself, and its promise would wait forever.
  const { promise: ended, reject } = Promise.withResolvers<never>();
  lines.once('SIGINT', () => reject(new CliError(exitCodes.interrupted, 'Interrupted.')));
  lines.once('close', () => reject(new CliError(exitCodes.failed, 'There was no answer. Nothing was done.')));
  try {
    return (await Promise.race([lines.question(question, { signal }), ended])).trim();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    ended.catch(() => {});
    lines.close();
  }
}

/** Most bytes of a key or a list of ids that comes by stdin. */
const maxInputBytes = 16 * 1024 * 1024;

/** All of stdin as text. @throws CliError when it is longer than 16 MiB */
export async function readInput({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > maxInputBytes) throw new CliError(exitCodes.failed, 'The input is longer than 16 MiB.');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
