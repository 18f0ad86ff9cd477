import { globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Compiler, type CompilerRun, findCompiler } from './bicep-compiler.ts';
import { differences, type PredictedResource } from './snapshot-difference.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run check:infra -- [--required] [--update] [DIRECTORY]

Compiles main.bicep, lints it, and evaluates it with each parameter file of DIRECTORY/test, without a subscription. What would be
deployed is compared with DIRECTORY/test/snapshots. Without a Bicep compiler or its modules, says what is missing.

  --required    fail where nothing can be compiled
  --update      write the snapshots
  [DIRECTORY]   folder of main.bicep (default: infra/azure)
  -h, --help    show this text

Exit codes: 0 in order or not compiled, 1 something to fix, 2 invalid command line.

Example: npm run check:infra -- --update`;

/** Findings that depend on the day: a newer version of a module can come out without a commit. They are shown only. */
const ofTheDay = new Set(['use-recent-module-versions']);

/** Bytes of a template that Azure takes, as it is sent. https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits */
const maxTemplateBytes = 4 * 1024 * 1024;

/** Where the evaluated deployment would be. Names of resources derive from it, so it is always the same. */
const place = {
  '--subscription-id': '00000000-0000-4000-8000-00000000000a',
  '--tenant-id': '00000000-0000-4000-8000-00000000000b',
  '--location': 'westeurope',
  '--deployment-name': 'fleet-check',
};

/** Differences that are shown. */
const shownDifferences = 50;

interface Outcome {
  readonly notes: readonly string[];
  readonly findings: readonly string[];
}

await runCommand(
  { usage, operands: ['[DIRECTORY]'], options: { required: { type: 'boolean' }, update: { type: 'boolean' } } },
  async ({ values: { required = false, update = false }, operands: [directory = 'infra/azure'] }) => {
    const main = join(directory, 'main.bicep');
    const compiler = await findCompiler();
    const missing = 'missing' in compiler ? compiler.missing : await missingModules(compiler, main);
    if ('missing' in compiler || missing !== undefined) {
      process.stdout.write(`not compiled: ${missing}\n`);
      return required ? 1 : 0;
    }
    const outcomes = [await compile(compiler, main), diagnosticsOf(await compiler.run(['lint', main]), 'lint')];
    // What does not compile cannot be evaluated.
    if (outcomes.every(({ findings }) => findings.length === 0)) {
      for (const file of globSync('*.bicepparam', { cwd: join(directory, 'test') }).sort()) {
        outcomes.push(
          await evaluate(compiler, join(directory, 'test'), { name: basename(file, '.bicepparam'), update }),
        );
      }
    }
    // build and lint say the same of one line.
    const findings = [...new Set(outcomes.flatMap((outcome) => outcome.findings))];
    for (const line of new Set(outcomes.flatMap(({ notes }) => notes))) process.stdout.write(`${line}\n`);
    for (const line of findings) process.stderr.write(`${line}\n`);
    process.stdout.write(
      `Bicep ${compiler.version}: ${findings.length === 0 ? 'in order' : `${findings.length} to fix`}\n`,
    );
    return findings.length === 0 ? 0 : 1;
  },
);

/** @returns why the modules of the registry are not there; undefined if they are, or if something else is wrong */
async function missingModules(compiler: Compiler, main: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await compiler.run(['restore', main]);
  // BCP190 and BCP192: a module was not restored, or cannot be.
  const line = `${stderr}\n${stdout}`.split('\n').find((each) => /BCP19[02]|[Uu]nable to restore/.test(each));
  return code === 0 || line === undefined ? undefined : `modules cannot be restored: ${line.trim()}`;
}

async function compile(compiler: Compiler, main: string): Promise<Outcome> {
  const run = await compiler.run(['build', main, '--stdout']);
  const findings = diagnosticsOf(run, 'build');
  if (run.code !== 0) return findings;
  const bytes = Buffer.byteLength(JSON.stringify(JSON.parse(run.stdout)));
  const size = `template: ${(bytes / 1024 / 1024).toFixed(2)} of ${maxTemplateBytes / 1024 / 1024} MB`;
  return {
    notes: [size],
    findings: [...findings.findings, ...(bytes > maxTemplateBytes ? [`${size}: too large`] : [])],
  };
}

/** Errors and warnings of a run: `main.bicep(1,7) : Warning no-unused-params: text`. */
function diagnosticsOf({ code, stdout, stderr }: CompilerRun, command: string): Outcome {
  const lines = `${stderr}\n${command === 'build' ? '' : stdout}`.split('\n');
  const found = lines.filter((line) => / : (?:Error|Warning) [\w-]+: /.test(line)).map((line) => line.trim());
  const isOfTheDay = (line: string) => ofTheDay.has(/ : Warning ([\w-]+): /.exec(line)?.[1] ?? '');
  const findings = [...new Set(found)].filter((line) => !isOfTheDay(line));
  const silent = code !== 0 && findings.length === 0;
  const text = (stderr || stdout).trim().slice(0, 2000) || 'it wrote nothing';
  return {
    notes: found.filter(isOfTheDay),
    findings: silent ? [`bicep ${command} ended with ${code}: ${text}`] : findings,
  };
}

interface Snapshot {
  readonly predictedResources: readonly PredictedResource[];
  readonly diagnostics: readonly unknown[];
}

/** Evaluates a parameter file, and compares what it makes with the snapshot that is committed. */
async function evaluate(
  compiler: Compiler,
  folder: string,
  { name, update }: { readonly name: string; readonly update: boolean },
): Promise<Outcome> {
  // The compiler writes beside the parameter file.
  const written = join(folder, `${name}.snapshot.json`);
  const args = ['snapshot', join(folder, `${name}.bicepparam`), '--mode', 'overwrite', ...Object.entries(place).flat()];
  const run = await compiler.run(args);
  const text = await readFile(written, 'utf8').catch(() => undefined);
  await rm(written, { force: true });
  if (run.code !== 0 || text === undefined) {
    const { findings } = diagnosticsOf({ ...run, code: run.code || 1 }, 'snapshot');
    return { notes: [], findings: findings.map((line) => `${name}: ${line}`) };
  }
  const { predictedResources = [], diagnostics = [] } = JSON.parse(text) as Partial<Snapshot>;
  const found = `${name}: ${predictedResources.length} resources`;
  const faults = diagnostics.map((each) => `${name}: ${JSON.stringify(each)}`);
  const committed = join(folder, 'snapshots', `${name}.json`);
  if (update) {
    const resources = predictedResources.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    await mkdir(join(folder, 'snapshots'), { recursive: true });
    await writeFile(committed, `${JSON.stringify({ predictedResources: resources }, null, 2)}\n`);
    return { notes: [`${found}, written to ${committed}`], findings: faults };
  }
  const before = await readFile(committed, 'utf8').catch(() => undefined);
  if (before === undefined) {
    return {
      notes: [`${found}; compared with nothing, since ${committed} does not exist (--update writes it)`],
      findings: faults,
    };
  }
  const different = differences((JSON.parse(before) as Snapshot).predictedResources, predictedResources);
  const more = different.length - shownDifferences;
  const lines = different.slice(0, shownDifferences).map((line) => `${name}: ${line}`);
  if (more > 0) lines.push(`${name}: ${more} more differences`);
  if (lines.length > 0)
    lines.push(`${name}: if this is meant, run npm run check:infra -- --update, and look at the difference`);
  return { notes: [found], findings: [...faults, ...lines] };
}
