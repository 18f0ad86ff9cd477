import { CliError, errorLines, exitCodes } from './errors.ts';
import { runProgram } from './program.ts';
import type { Terminal } from './terminal.ts';
import { safe } from './text.ts';

/** Runs one command line and says what went wrong. @returns the exit code */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  let isClosed = false;
  // Such as `fleet jobs | head -1`: the reader has what it wants.
  terminal.stdout.on('error', (error: NodeJS.ErrnoException) => {
    isClosed = error.code === 'EPIPE';
  });
  try {
    return await runProgram(args, terminal);
  } catch (error) {
    if (isClosed || (error as NodeJS.ErrnoException).code === 'EPIPE') return exitCodes.ok;
    const reason = terminal.signal.aborted ? terminal.signal.reason : error;
    terminal.stderr.write(
      `${errorLines(reason)
        .flatMap((line) => line.split('\n'))
        .map(safe)
        .join('\n')}\n`,
    );
    return reason instanceof CliError ? reason.exitCode : exitCodes.failed;
  }
}
