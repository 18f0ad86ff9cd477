/**
 * What an operator does about certificate authorities: `npm run ca -- --help`.
 */
import { FleetError } from '../../lib/errors.ts';
import { parseArguments, UsageError, usage } from './ca/arguments.ts';
import { findPlace } from './ca/place.ts';
import { runVerb } from './ca/verbs.ts';

const say = (text: string) => process.stderr.write(`${text}\n`);

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args === 'help') {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const place = await findPlace(args);
  const { text, json } = await runVerb[args.verb](place, args);
  process.stdout.write(`${args.json ? JSON.stringify(json, undefined, 2) : text}\n`);
}

try {
  await main();
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  if (error instanceof FleetError) {
    say(`error: ${error.message}`);
    say(`hint: ${error.hint}`);
  } else if (error instanceof UsageError) {
    say(`error: ${error.message}`);
    say('hint: npm run ca -- --help');
  } else {
    // Files that are not there, a stack that does not run: the system's own words, without a stack trace.
    say(`error: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}
// Clients keep connections and timers; what was to be done is done.
process.exit();
