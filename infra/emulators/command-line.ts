import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** A mistake in the command line. The message names the option and says what was expected. */
export class UsageError extends Error {}

/**
 * Reads the command line of a program.
 * @returns the values of the options
 * @throws UsageError for an unknown option, a missing value or a positional argument
 */
export function parseOptions<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError unless the text is a whole number of at most nine digits within the bounds */
export function wholeNumber(option: string, text: string, [least, most]: [number, number] = [0, 999_999_999]): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`Invalid value "${text}" for --${option}. Expected a whole number from ${least} to ${most}.`);
}

/** @throws UsageError unless the text is a port; 0 stands for any free one */
export const portNumber = (text: string): number => wholeNumber('port', text, [0, 65_535]);

/** @throws UsageError unless the text is one of the choices */
export function oneOf<const Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`Invalid value "${text}" for --${option}. Expected ${choices.join(' or ')}.`);
}

export interface Program<Options> {
  /** Shown for --help and after a usage error. */
  readonly usage: string;
  /** @throws UsageError */
  readonly read: (args: readonly string[]) => Options;
  /** Starts the server and prints that it is ready. @returns the function that stops it */
  readonly start: (options: Options) => Promise<() => Promise<void>>;
}

/**
 * Runs a program until SIGTERM or SIGINT. A second signal ends it at once.
 * Exit codes: 0 after a signal or --help, 1 if it cannot start or is ended at once, 2 for a usage error.
 */
export async function runProgram<Options>({ usage, read, start }: Program<Options>): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return;
  }
  try {
    const stop = await start(read(args));
    let isStopping = false;
    const end = async () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      await stop();
      process.exit(0);
    };
    process.on('SIGTERM', () => void end());
    process.on('SIGINT', () => void end());
  } catch (error) {
    const isUsage = error instanceof UsageError;
    process.stderr.write(`error: ${startError(error)}\n${isUsage ? `\n${usage}` : ''}`);
    process.exit(isUsage ? 2 : 1);
  }
}

function startError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Choose another port with --port, or stop the program that uses this one.`;
  }
  return error.cause instanceof Error ? `${error.message}: ${error.cause.stack ?? error.cause.message}` : error.message;
}
