import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { announceStack } from '../../infra/local/stack/running-stack.ts';
import { type Stack, startStack } from '../../infra/local/stack.ts';
import { commandsOf, missingLine } from './page-commands.ts';

/*
 * Every command of docs/for-*.md runs, in the order of the page, in one shell per page, on one local stack. A page shows
 * what a command prints, and which exit code it has when that is not 0.
 *
 * The pages are written for a clone with `npm start` in another terminal. The stack here has free ports, so the address is replaced.
 * The commands of a device (sudo, id, chown, iotedge) are stand-ins: install.sh itself runs, into a folder.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = globSync('for-*.md', { cwd: join(root, 'docs') }).sort();
/** Milliseconds of one command. */
const commandTimeout = 60_000;

let directory: string;
let stack: Stack;
let timers: NodeJS.Timeout;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pages-'));
  stack = await startStack({ directory: join(directory, 'stack'), ports: 'free', reconcileSchedule: '*/2 * * * * *' });
  await announceStack(join(directory, 'stack'), stack);
  // Their schedules are once per minute.
  timers = setInterval(() => void runTimers(['send-events', 'sequence-audit']), 1_000);
});
after(async () => {
  clearInterval(timers);
  await stack?.kill();
  await rm(directory, { recursive: true, force: true });
});

async function runTimers(names: readonly string[]): Promise<void> {
  const headers = { 'x-functions-key': 'local-master-key', 'content-type': 'application/json' };
  for (const name of names)
    await fetch(`${stack.urls.functions}/admin/functions/${name}`, { method: 'POST', headers, body: '{}' }).catch(
      () => {},
    );
}

describe('the commands of the pages', { timeout: 400_000 }, () => {
  for (const page of pages) {
    it(`docs/${page}`, async (t) => {
      const text = readFileSync(join(root, 'docs', page), 'utf8');
      const blocks = commandsOf(text.replaceAll('http://localhost:7071', stack.urls.functions));
      assert.notEqual(blocks.length, 0);
      using shell = new Shell(prepareFolder(page.replace('.md', '')));
      for (const { commands, output } of blocks) {
        const printed: string[] = [];
        for (const { text: command, line, exitCode } of commands) {
          const ended = await shell.run(command);
          printed.push(...ended.lines);
          const at = `docs/${page}:${line}: ${command}\n${ended.lines.join('\n')}\n`;
          assert.equal(ended.code, exitCode, at);
          t.diagnostic(`${line}: ${command.split('\n')[0]} (${ended.milliseconds} ms)`);
        }
        if (output === undefined) continue;
        const first = commands[0]?.line;
        const missing = missingLine(output, printed);
        const where = `docs/${page}:${first} does not print: ${missing}`;
        assert.equal(missing, undefined, `${where}\nIt printed:\n${printed.join('\n')}\n`);
      }
    });
  }
});

/** A folder like a clone, with the commands that the pages use. @returns its environment */
function prepareFolder(name: string): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
  const cwd = join(directory, name);
  const device = join(cwd, '.device');
  const commands = join(cwd, '.bin');
  for (const folder of [cwd, device, commands]) mkdirSync(folder);
  symlinkSync(join(root, 'samples'), join(cwd, 'samples'));
  const node = process.execPath;
  const command = (name: string, body: string) => {
    writeFileSync(join(commands, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(commands, name), 0o755);
  };
  command(
    'npx',
    `case $1 in fleet) shift; exec ${node} ${join(root, 'cli/fleet.ts')} "$@" ;; node) shift; exec ${node} "$@" ;; esac; exit 127`,
  );
  command(
    'npm',
    `[ "$1 $2 $3" = "run register --" ] && shift 3 && exec ${node} ${join(root, 'infra/local/register.ts')} "$@"; exit 127`,
  );
  const places = String.raw`s#\(^\|[ =']\)/\(etc\|var\|snap\)/#\1${device}/\2/#g`;
  command('sudo', `shift 2; sed -i "${places}" install.sh; exec sh ./install.sh "$@"`);
  command('id', `[ "$*" = -u ] && echo 0; exit 0`);
  command('chown', '');
  command('iotedge', `case $1 in --version) echo 'iotedge 1.6.0' ;; esac`);
  mkdirSync(join(device, 'etc'));
  writeFileSync(join(device, 'etc/os-release'), 'ID=debian\nVERSION_ID="12"\n');
  const env = {
    ...process.env,
    PATH: `${commands}${delimiter}${process.env['PATH']}`,
    LOCAL_DIR: join(directory, 'stack'),
    XDG_CONFIG_HOME: join(directory, 'config'),
    NO_COLOR: '1',
  };
  return { cwd, env };
}

interface Ended {
  readonly code: number;
  /** Of stdout and stderr, as on a terminal. */
  readonly lines: readonly string[];
  readonly milliseconds: number;
}

/** One shell, so that variables and the folder stay from command to command. */
class Shell implements Disposable {
  readonly #cwd: string;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #count = 0;

  constructor({ cwd, env }: ReturnType<typeof prepareFolder>) {
    this.#cwd = cwd;
    this.#process = spawn('sh', [], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    const { stdout } = this.#process;
    assert.ok(stdout !== null);
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async run(command: string): Promise<Ended> {
    this.#count += 1;
    const file = join(this.#cwd, `.command-${this.#count}`);
    writeFileSync(file, `${command}\n`);
    const began = Date.now();
    const timeout = setTimeout(() => this[Symbol.dispose](), commandTimeout);
    this.#process.stdin?.write(`. ${file} </dev/null >${file}.out 2>&1; echo $?\n`);
    const { value } = await this.#answers.next();
    clearTimeout(timeout);
    const printed = readFileSync(`${file}.out`, 'utf8').replaceAll(join(this.#cwd, '.device'), '');
    assert.notEqual(
      value,
      undefined,
      `The shell ended, or took more than ${commandTimeout / 1000} s: ${command}\n${printed}`,
    );
    return { code: Number(value), lines: printed.split('\n'), milliseconds: Date.now() - began };
  }

  [Symbol.dispose](): void {
    const { pid, exitCode, signalCode } = this.#process;
    // With the command that it runs.
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
  }
}
