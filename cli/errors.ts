/*
 * What a verb can end with. Every error has the exit code, a hint, and where it helps the next command.
 */

export const exitCodes = {
  ok: 0,
  /** The verb failed, or found something that has to be fixed. */
  failed: 1,
  /** The command line is invalid. */
  usage: 2,
  notFound: 3,
  /** Not signed in, or the role does not allow it. */
  access: 4,
  /** The job ended with rejected or failed rows. */
  failedRows: 5,
  /** `--timeout` was over before the job ended. */
  timedOut: 6,
  /** `--detailed-exitcode`: there are changes. Not 2, which is a mistyped option. */
  changes: 7,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export interface ErrorDetails {
  readonly hint?: string | undefined;
  /** A command to run next. */
  readonly next?: string | undefined;
  /** The code of the API, such as `group-invalid`. */
  readonly code?: string | undefined;
  /** Finds the request in the log of the deployment. */
  readonly traceId?: string | undefined;
  readonly faults?: readonly { readonly path: string; readonly message: string }[] | undefined;
  readonly cause?: unknown;
}

/** A failure with a message for people. It is shown without a stack trace. */
export class CliError extends Error {
  readonly exitCode: number;
  readonly details: ErrorDetails;

  constructor(exitCode: number, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.exitCode = exitCode;
    this.details = details;
  }
}

/** The command line is invalid. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(exitCodes.usage, message, { hint });
}

/** The lines that say what went wrong. */
export function errorLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [`error: ${String(error)}`];
  if (!(error instanceof CliError)) {
    // Errors of the operator verbs carry a hint too.
    const { hint } = error as Error & { hint?: string };
    return [`error: ${error.message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
  }
  const { code, hint, next, traceId, faults = [] } = error.details;
  // A single fault is the message already.
  const listed = faults.length > 1 ? faults.map(({ path, message }) => `  ${path}: ${message}`) : [];
  return [
    `error: ${error.message}${code === undefined ? '' : ` (${code})`}`,
    ...listed,
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ...(next === undefined ? [] : [`next: ${next}`]),
    ...(traceId === undefined ? [] : [`trace: ${traceId}`]),
  ];
}
