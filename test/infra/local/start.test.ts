import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { portVariables } from '../../../infra/local/settings.ts';
import { lockDirectory } from '../../../infra/local/stack/lock-directory.ts';
import { freePorts, requireFree } from '../../../infra/local/stack/ports.ts';
import { until } from '../../until.ts';

/*
 * The command of `npm run services` and `npm start`. The test starts the emulators only, which need no build.
 */

const command = join(import.meta.dirname, '../../../infra/local/start.ts');
const limit = { timeout: 120_000 };
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'start-'));
});
after(() => rm(directory, { recursive: true, force: true }));

async function environment() {
  const ports = await freePorts();
  const set = Object.entries(portVariables).map(([name, variable]) => [variable, String(ports[name as 'dps'])]);
  // Without this variable the command does not watch its parent.
  const { npm_lifecycle_event: _, ...inherited } = process.env;
  return { ports, env: { ...inherited, LOCAL_DIR: directory, ...Object.fromEntries(set) } };
}

/** Starts the command and waits until it is ready. */
async function start(env: NodeJS.ProcessEnv) {
  const started = spawn(process.execPath, [command, '--emulators'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  after(() => started.kill('SIGKILL'));
  let told = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (part) => (told += part));
  await until(() => {
    assert.equal(started.exitCode, null, told);
    return told.includes('The emulators are ready');
  });
  return { started, output: () => told };
}

const names = ['blobs', 'queues', 'cosmos', 'dps'] as const;

test('a second stack is refused with the reason, and a killed one can be started again', limit, async () => {
  const first = await environment();
  const { started: running } = await start(first.env);

  const second = await environment();
  const refused = promisify(execFile)(process.execPath, [command, '--emulators'], { env: second.env });
  await assert.rejects(refused, {
    code: 1,
    stderr: `error: A stack already runs in ${directory} (process ${running.pid}). Stop it, or set LOCAL_DIR to another directory.\n`,
  });
  const elsewhere = { ...first.env, LOCAL_DIR: join(directory, 'elsewhere') };
  await assert.rejects(promisify(execFile)(process.execPath, [command, '--emulators'], { env: elsewhere }), {
    code: 1,
    stderr: new RegExp(
      `^error: ${names.map((name) => `Port ${first.ports[name]} \\(${name}\\) is in use\\. .*\n`).join('')}$`,
    ),
  });

  // The processes of a killed stack end by themselves. The same directory and ports can be used again at once.
  running.kill('SIGKILL');
  await once(running, 'exit');
  const { started: again } = await start(first.env);
  again.kill('SIGTERM');
  const [code] = await once(again, 'exit');
  assert.equal(code, 0);
  await requireFree(first.ports, names);
});

test('an emulator that is killed is started again with its data', limit, async () => {
  const { env } = await environment();
  const own = join(directory, 'killed');
  const { started, output } = await start({ ...env, LOCAL_DIR: own });
  for (const name of ['cosmos', 'dps', 'blobs']) {
    process.kill(await processOf(own, name), 'SIGKILL');
    await until(() => output().includes(`${name} was restarted.`));
  }
  assert.match(output(), /cosmos ended \(signal SIGKILL\)\. See .*cosmos\.log\ncosmos is started again in 0\.5 s\.\n/);
  assert.equal(started.exitCode, null);

  // Ctrl-C ends it, and the directory is free at once.
  started.kill('SIGINT');
  const [code] = await once(started, 'exit');
  assert.equal(code, 0);
  (await lockDirectory(own)).release();
});

/** The process of the stack in a directory whose arguments name that service's folder. */
async function processOf(stackDirectory: string, service: string): Promise<number> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(join(stackDirectory, service))) return Number(pid);
  }
  throw new Error(`No process of ${service} runs.`);
}
