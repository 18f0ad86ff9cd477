import { CommanderError } from '@commander-js/extra-typings';
import { completionCommands } from './commands/completion.ts';
import { delegatedCaCommands } from './commands/delegated-cas.ts';
import { deviceCommands } from './commands/devices.ts';
import { doctorCommand } from './commands/doctor.ts';
import { entraCommands } from './commands/entra.ts';
import { findingCommands } from './commands/findings.ts';
import { groupCommands } from './commands/groups.ts';
import { jobCommands } from './commands/jobs.ts';
import { listCommands } from './commands/lists.ts';
import { operatorCommands } from './commands/operator.ts';
import { profileCommands } from './commands/profiles.ts';
import { renewalCommands } from './commands/renewals.ts';
import { watchFolderCommand } from './commands/watch-folder.ts';
import { exitCodes } from './errors.ts';
import { notesOf, withNotes } from './help.ts';
import { createRoot, type Root, type Run } from './root.ts';
import type { Terminal } from './terminal.ts';

/*
 * The tree of verbs. Only names, options and help are here and in commands/; a verb itself is loaded when it is called, so
 * that `--help` is as fast with forty verbs as with one.
 */

/** Runs one command line. @param args without the program. @returns the exit code */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.ok;
  const root = createProgram(terminal, (load) => async (...given) => {
    // Loaded with the verb: the client of the API takes longer to load than the help takes to print.
    const [verb, { createContext }] = await Promise.all([load(), import('./context.ts')]);
    code = (await verb(createContext(terminal, root.opts()), ...given)) ?? exitCodes.ok;
  });
  try {
    await root.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // commander has written its message. Help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    throw error;
  }
}

/** The tree of verbs, for one command line, for the documentation and for completion. */
export function createProgram(terminal: Pick<Terminal, 'stdout' | 'stderr'>, run: Run): Root {
  const root = createRoot(terminal);
  listCommands(root, run);
  jobCommands(root, run);
  watchFolderCommand(root, run);
  deviceCommands(root, run);
  groupCommands(root, run);
  delegatedCaCommands(root, run);
  findingCommands(root, run);
  renewalCommands(root, run);
  operatorCommands(root, run);
  entraCommands(root, run);
  profileCommands(root, run);
  doctorCommand(root, run);
  completionCommands(root, run);
  // A noun has the first example of each of its verbs.
  for (const noun of root.commands.filter(({ commands }) => commands.length > 0)) {
    withNotes(noun, { examples: noun.commands.flatMap((verb) => notesOf(verb)?.examples[0] ?? []) });
  }
  return withNotes(root, {
    exits: ['notFound', 'failedRows', 'timedOut', 'changes'],
    examples: [
      'fleet profile add plant --url https://APP.azurewebsites.net',
      'fleet check gateways.csv --group line7',
      'fleet submit gateways.csv --group line7 --watch',
    ],
  });
}
