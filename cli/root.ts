import { Command, type CommandUnknownOpts, Option } from '@commander-js/extra-typings';
import type { Context } from './context.ts';
import { formats } from './output.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

/** A verb of any arguments and options. */
export type AnyVerb = CommandUnknownOpts;

export type Root = ReturnType<typeof createRoot>;

/** What a verb returns: its exit code; 0 when it returns nothing. */
type Verb<Args extends unknown[]> = (context: Context, ...args: Args) => Promise<number | undefined>;

/** Makes the action of a command from the function that loads its verb. */
export type Run = <Args extends unknown[]>(load: () => Promise<Verb<Args>>) => (...args: Args) => Promise<void>;

/** The program without verbs. */
export function createRoot({ stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'>) {
  return new Command('fleet')
    .description('Lists, jobs, devices, enrollment groups and findings of a fleet-orchestrator deployment.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this text')
    .helpCommand('help [VERB]', 'show the help of a verb')
    .option('-p, --profile <NAME>', 'deployment of this profile (FLEET_PROFILE)')
    .option('--url <URL>', 'deployment of this URL, with the key in FLEET_KEY (FLEET_URL)')
    .addOption(
      new Option('-o, --output <FORMAT>', 'form of the data on stdout').choices(formats).default('table' as const),
    )
    .option('--json', 'the same as -o json')
    .option('-q, --quiet', 'write no progress and no advice to stderr')
    .option('--no-color', 'write no colours (NO_COLOR)')
    .exitOverride()
    .showHelpAfterError('hint: Add --help to see options and examples.')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, helpWidth: 120 })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => 120,
      getErrHelpWidth: () => 120,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}
