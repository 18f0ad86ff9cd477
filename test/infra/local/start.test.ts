import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { portVariables } from '../../../infra/local/settings.ts';
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
  return started;
}

const names = ['blobs', 'queues', 'cosmos', 'dps'] as const;

test('a second stack is refused with the reason, and a killed one can be started again', limit, async () => {
  const first = await environment();
  const running = await start(first.env);

  const second = await environment();
  const refused = promisify(execFile)(process.execPath, [command, '--emulators'], { env: second.env });
  await assert.rejects(refused, {
    code: 1,
    stderr: `error: A stack already runs in ${directory}. Stop it, or set LOCAL_DIR to another directory.\n`,
  });
  const elsewhere = { ...first.env, LOCAL_DIR: join(directory, 'elsewhere') };
  await assert.rejects(promisify(execFile)(process.execPath, [command, '--emulators'], { env: elsewhere }), {
    code: 1,
    stderr: new RegExp(
      `^error: ${names.map((name) => `Port ${first.ports[name]} \\(${name}\\) is in use\\. .*\n`).join('')}$`,
    ),
  });

  // The processes of a killed stack end by themselves. Then the same directory and ports can be used again.
  running.kill('SIGKILL');
  await until(() =>
    requireFree(first.ports, names).then(
      () => true,
      () => false,
    ),
  );
  const again = await start(first.env);
  again.kill('SIGTERM');
  const [code] = await once(again, 'exit');
  assert.equal(code, 0);
  await requireFree(first.ports, names);
});
