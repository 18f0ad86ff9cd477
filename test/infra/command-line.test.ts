import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseCommandLine, UsageError, wholeNumber } from '../../infra/tools/command-line.ts';

const root = join(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
/** The scripts that are programs of this project. Other scripts run tools that have their own help. */
const programs = Object.entries(scripts).filter(([, command]) => command.startsWith('node '));

function run(command: string, args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const [, ...words] = command.split(' ');
  return new Promise((resolve) => {
    execFile(process.execPath, [...words, ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

describe('every npm script', () => {
  it('is one program, so that it gets the arguments', () => {
    assert.ok(programs.length >= 13);
    for (const [name, command] of programs) assert.doesNotMatch(command, /&&|\|/, name);
  });

  for (const [name, command] of programs) {
    it(`${name} --help prints usage, options, exit codes and an example`, async () => {
      const { code, stdout, stderr } = await run(command, ['--help']);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
      const [, verb] = /^node cli\/fleet\.ts (.+)$/.exec(command) ?? [];
      const npm = name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`;
      // A script that is an old name of a verb of `fleet` has the help of that verb.
      const invocation = verb === undefined ? npm : `fleet ${verb}`;
      assert.match(stdout, /^Usage: (npm|fleet) /);
      assert.ok(stdout.includes(invocation), `does not show "${invocation}"`);
      assert.match(stdout, /-h, --help +show this text/);
      assert.match(stdout, /^Exit codes: 0 /m);
      assert.match(stdout, /^Example/m);
      for (const line of stdout.split('\n')) assert.ok(line.length <= 132, line);
    });

    it(`${name} refuses an unknown option with exit code 2, and names it`, async () => {
      const { code, stdout, stderr } = await run(command, ['--colour']);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^error: .*--colour/);
    });
  }
});

describe('npm run check', () => {
  it('is what CI runs', () => {
    // The workflow holds a token of the repository, so nothing that is installed runs there.
    const install = { '.ci/run': 'npm ci', '.github/workflows/check.yml': 'npm ci --ignore-scripts' };
    for (const [file, ci] of Object.entries(install)) {
      const commands = [...readFileSync(join(root, file), 'utf8').matchAll(/^\s*(?:- run: )?(npm .*)$/gm)];
      assert.deepEqual(
        commands.map(([, command]) => command),
        [ci, 'npm run check'],
        file,
      );
    }
    assert.equal(scripts['check'], 'npm run lint && npm run typecheck && npm run demo && npm test');
  });
});

describe('parseCommandLine', () => {
  const line = { usage: '', operands: ['FILE', '[DIRECTORY]'], options: { group: { type: 'string' } } } as const;

  it('reads options and operands', () => {
    const given = parseCommandLine(['a.csv', '--group', 'line7'], line);
    assert.notEqual(given, 'help');
    assert.deepEqual({ ...(given as object) }, { values: { __proto__: null, group: 'line7' }, operands: ['a.csv'] });
  });

  it('refuses what does not fit, and says why', () => {
    const wrong: [string[], RegExp][] = [
      [[], /^FILE is missing\.$/],
      [['a', 'b', 'c'], /^Unexpected argument "c"\.$/],
      [['a', '--group'], /--group/],
    ];
    for (const [args, message] of wrong)
      assert.throws(
        () => parseCommandLine(args, line),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    assert.throws(() => wholeNumber('rounds', '1.5'), /Invalid value "1\.5" for --rounds\. Expected a whole number/);
    assert.throws(() => wholeNumber('rounds', '0', 1), /at least 1/);
  });

  it('takes repeated operands where they are announced', () => {
    const given = parseCommandLine(['a', 'b'], { usage: '', operands: ['[WORD...]'] });
    assert.notEqual(given, 'help');
    assert.deepEqual((given as { operands: unknown }).operands, ['a', 'b']);
  });
});
