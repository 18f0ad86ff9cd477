import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { exitCodes } from './errors.ts';

/** What the help of a verb says besides its arguments and options. */
export interface Notes {
  readonly examples: readonly string[];
  /** Exit codes besides 0, 1, 2, 4 and 130, which every verb has. */
  readonly exits?: readonly (keyof typeof exitCodes)[];
  /** A paragraph, in lines. */
  readonly about?: readonly string[];
}

const notesOfCommands = new WeakMap<object, Notes>();

/** Adds notes to a verb. @returns the verb */
export function withNotes<Verb extends object>(verb: Verb, notes: Notes): Verb {
  notesOfCommands.set(verb, notes);
  (verb as unknown as CommandUnknownOpts).addHelpText('after', `\n${helpText(notes)}`);
  return verb;
}

export function notesOf(verb: object): Notes | undefined {
  return notesOfCommands.get(verb);
}

/** Exit codes with their meaning, as the help and docs/cli.md say it. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'success',
  failed: 'failure or something to fix',
  usage: 'invalid command line',
  notFound: 'not found',
  access: 'no access',
  failedRows: 'rows are rejected or failed',
  timedOut: 'the time was over',
  changes: 'changes (with --detailed-exitcode)',
  interrupted: 'Ctrl-C',
};

const everywhere: readonly (keyof typeof exitCodes)[] = ['ok', 'failed', 'usage', 'access', 'interrupted'];

function helpText({ about = [], exits = [], examples }: Notes): string {
  const codes = Object.keys(exitMeanings) as (keyof typeof exitCodes)[];
  const named = codes.filter((name) => everywhere.includes(name) || exits.includes(name));
  const lines = [
    ...about,
    ...(about.length > 0 ? [''] : []),
    ...filled(`Exit codes: ${named.map((name) => `${exitCodes[name]} ${exitMeanings[name]}`).join(', ')}.`),
    '',
    `Example${examples.length === 1 ? '' : 's'}:`,
    ...examples.map((line) => `  ${line}`),
  ];
  return lines.join('\n');
}

/** Breaks a text into lines of at most 112 characters. */
function filled(text: string): string[] {
  return text.match(/.{1,110}(?:, |$)/g)?.map((line) => line.trimEnd()) ?? [];
}
