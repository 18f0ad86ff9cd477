import { type Api, createApi } from './api.ts';
import { CliError, exitCodes, usageError } from './errors.ts';
import { createOutput, type Format, type Output } from './output.ts';
import { findTarget } from './target.ts';
import { ask, type Terminal } from './terminal.ts';

/** Options that every verb has. */
export interface GlobalOptions {
  readonly profile?: string | undefined;
  readonly url?: string | undefined;
  readonly output: Format;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
  readonly color: boolean;
}

/** What a verb works with. */
export interface Context {
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
  readonly output: Output;
  /** Talks to people, on stderr. Nothing is said with --quiet. */
  say(text: string): void;
  /** The API of the deployment that is meant. @throws CliError */
  api(): Promise<Api>;
  /** Asks before something that is not easily undone. @throws CliError unless the answer is yes, or --yes was given */
  confirm(question: string, given: { readonly yes?: true | undefined }): Promise<void>;
}

export function createContext(terminal: Terminal, options: GlobalOptions): Context {
  const format = options.json ? 'json' : options.output;
  let api: Promise<Api> | undefined;
  return {
    terminal,
    options,
    output: createOutput(terminal, format, { color: options.color }),
    say(text) {
      if (!options.quiet) terminal.stderr.write(`${text}\n`);
    },
    api() {
      api ??= findTarget(options, terminal.env).then((target) => createApi(target, terminal));
      return api;
    },
    async confirm(question, { yes }) {
      if (yes) return;
      if (!terminal.isTerminal.stdin)
        throw usageError(
          'This has to be confirmed, and there is no terminal to ask on.',
          'Add --yes when you are sure.',
        );
      const answer = await ask(terminal, `${question} [y/N] `);
      if (!/^y(es)?$/i.test(answer)) throw new CliError(exitCodes.failed, 'Not confirmed. Nothing was done.');
    },
  };
}
