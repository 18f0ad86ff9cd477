import type { Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { runAudited } from './audited-verb.ts';
import type { Arguments } from './ca-verbs.ts';
import { findPlace } from './place.ts';

type Options = Omit<Arguments, 'verb' | 'group'>;

/** Runs a command that is about the whole fleet. */
export function onFleet(verb: 'show' | 'check' | 'root') {
  return (context: Context, options: Options) => runVerb(context, { ...options, verb });
}

/** Runs a command that is about a group. `register` without one is about the root. */
export function onGroup(verb: 'register' | 'unregister' | 'csr' | 'import' | 'rollover') {
  return (context: Context, group: string | undefined, options: Options) =>
    runVerb(context, { ...options, verb, group });
}

async function runVerb(context: Context, args: Arguments): Promise<number> {
  const { text, json, failed = false } = await runAudited(await findPlace(context, args), args);
  await context.output.one(json, () => text.split('\n'));
  return failed ? exitCodes.failed : exitCodes.ok;
}
