/**
 * `npm run ca`: manages certificate authorities. `npm run ca -- --help` lists the commands.
 */
import { FleetError } from '../../lib/errors.ts';
import { parseArguments, UsageError, usage } from './ca/arguments.ts';
import { runAudited } from './ca/audited-verb.ts';
import { findPlace } from './ca/place.ts';

const say = (text: string) => process.stderr.write(`${text}\n`);

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2));
  if (args === 'help') {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const place = await findPlace(args);
  const { text, json, failed = false } = await runAudited(place, args);
  process.stdout.write(`${args.json ? JSON.stringify(json, undefined, 2) : text}\n`);
  if (failed) process.exitCode = 1;
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
    // Such as a missing file or a stack that does not run. The message is enough, without a stack trace.
    say(`error: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}
// Open connections and timers of clients would keep the process running.
process.exit();
