import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * Stryker asks the process of a test which mutants it ran, and tries those only. Commands, emulators and hosts are processes that a
 * test starts: without this, their mutants would count as code that no test runs. Node loads it first, in the test and in what the
 * test starts, while Stryker learns which test runs what.
 */

/** How often each mutant was run, by its id. */
type Hits = Record<string, number>;
type Recording = { mutantCoverage?: { static: Hits; perTest: Record<string, Hits> } };

const { env } = process;
const variable = 'MUTANTS_OF_CHILDREN';
const unfinished = '.part';
/** What instrumented code writes to. */
const recording = (): Recording => {
  const all = globalThis as { __stryker__?: Recording };
  all.__stryker__ ??= {};
  return all.__stryker__;
};

if (env['STRYKER_DRY_RUN'] === 'true') {
  const directory = env[variable];
  if (directory === undefined) collectFromChildren();
  else writeTo(directory);
}

function collectFromChildren(): void {
  const directory = mkdtempSync(join(tmpdir(), 'mutants-'));
  env[variable] = directory;
  env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} --import=${import.meta.url}`.trim();
  // Before Stryker writes its own, also at the end.
  process.prependListener('exit', () => {
    const all = recording();
    all.mutantCoverage ??= { static: {}, perTest: {} };
    const { static: hits } = all.mutantCoverage;
    for (const file of readdirSync(directory)) {
      if (file.endsWith(unfinished)) continue;
      const more = JSON.parse(readFileSync(join(directory, file), 'utf8')) as Hits;
      for (const [id, count] of Object.entries(more)) hits[id] = (hits[id] ?? 0) + count;
    }
    rmSync(directory, { recursive: true });
  });
}

/** A killed process has no end, so it writes now and then. */
function writeTo(directory: string): void {
  const file = join(directory, String(process.pid));
  const write = () => {
    const hits = recording().mutantCoverage?.static;
    // A process that outlives the test has nobody to tell.
    if (hits === undefined || !existsSync(directory)) return;
    writeFileSync(`${file}${unfinished}`, JSON.stringify(hits));
    renameSync(`${file}${unfinished}`, file);
  };
  setInterval(write, 500).unref();
  process.on('exit', write);
}
