import { createInterface } from 'node:readline/promises';
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

/** Asks a person on stderr. @returns the answer, without blanks around it */
export async function ask({ stdin, stderr, signal }: Terminal, question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return (await lines.question(question, { signal })).trim();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    lines.close();
  }
}

/** Asks for a key without showing it. */
export async function askSecret({ stdin, stderr, signal }: Terminal, question: string): Promise<string> {
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  try {
    return (await lines.question('', { signal })).trim();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    lines.close();
    stderr.write('\n');
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
