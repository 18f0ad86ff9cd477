import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/*
 * The command line of every npm script: `--help`, exit codes and error messages in one place.
 */

/** The command line is invalid. The message says what was found and what was expected. */
export class UsageError extends Error {}

export interface CommandLine<Options extends ParseArgsOptionsConfig> {
  /** The text of `--help`. Shown after a usage error too. */
  readonly usage: string;
  /** Options besides `--help`. */
  readonly options?: Options;
  /**
   * Arguments without a name, in order, such as `['FILE']`. `[DIRECTORY]` may be missing; `[WORD...]` may be missing or
   * repeated.
   */
  readonly operands?: readonly string[];
}

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true }>
>['values'];

export interface CommandArguments<Options extends ParseArgsOptionsConfig> {
  readonly values: Values<Options>;
  readonly operands: readonly string[];
}

/**
 * Reads a command line.
 * @throws UsageError for an unknown option, a missing value, and missing or surplus operands
 * @example
 * parseCommandLine(['a.csv', '--group', 'line7'], { usage, operands: ['FILE'], options: { group: { type: 'string' } } });
 * // { values: { group: 'line7' }, operands: ['a.csv'] }
 */
export function parseCommandLine<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  { options, operands: names = [] }: CommandLine<Options>,
): CommandArguments<Options> | 'help' {
  if (args.includes('--help') || args.includes('-h')) return 'help';
  const { values, positionals } = readArguments(args, (options ?? {}) as Options);
  const isOptional = (name: string) => name.startsWith('[');
  const isRepeated = (name: string) => name.endsWith('...]');
  const missing = names.find((name, index) => !isOptional(name) && positionals[index] === undefined);
  if (missing !== undefined) throw new UsageError(`${missing} is missing.`);
  const surplus = names.some(isRepeated) ? undefined : positionals[names.length];
  if (surplus !== undefined) throw new UsageError(`Unexpected argument "${surplus}".`);
  return { values, operands: positionals };
}

function readArguments<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError unless the text is a whole number of at most nine digits, and at least `least` */
export function wholeNumber(option: string, text: string, least = 0): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least) return value;
  throw new UsageError(`Invalid value "${text}" for --${option}. Expected a whole number of at least ${least}.`);
}

/**
 * Runs a command with the arguments of this process.
 *
 * `--help` prints the usage to stdout. A UsageError prints its message and the usage to stderr. Any other error prints its
 * message and its hint, without a stack trace: it is about a file or a service that the user can fix.
 *
 * Exit codes: 0 for `--help`, 2 for a UsageError, 1 for another error, otherwise what `run` returns.
 * @param run returns the exit code, which ends the process at once: open connections would keep it running. A command that
 *   goes on, such as a server, returns nothing
 */
export async function runCommand<Options extends ParseArgsOptionsConfig>(
  line: CommandLine<Options>,
  run: (given: CommandArguments<Options>) => Promise<number | undefined>,
): Promise<void> {
  try {
    const given = parseCommandLine(process.argv.slice(2), line);
    if (given === 'help') {
      process.stdout.write(`${line.usage}\n`);
      return;
    }
    const exitCode = await run(given);
    if (exitCode !== undefined) process.exit(exitCode);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    process.stderr.write(`error: ${errorText(error)}\n${isUsage ? `\n${line.usage}\n` : ''}`);
    process.exit(isUsage ? 2 : 1);
  }
}

/** The message of an error, and its hint on a line of its own if it has one. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, hint } = error as Error & { hint?: string };
  return hint === undefined ? message : `${message}\nhint: ${hint}`;
}
