import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Child, startChild } from '../../../../infra/local/stack/child.ts';
import { until } from '../../../until.ts';

const directory = mkdtempSync(join(tmpdir(), 'child-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const limit = { timeout: 120_000 };

const exitWithParent = import.meta.resolve('fleet-emulators/exit-with-parent');
const childModule = new URL('../../../../infra/local/stack/child.ts', import.meta.url).href;

async function script(name: string, text: string): Promise<string> {
  const file = join(directory, `${name}.mjs`);
  await writeFile(file, text);
  return file;
}

async function start(name: string, text: string, onUnexpectedEnd?: (child: Child, how: string) => void) {
  const args = [await script(name, text)];
  const logFile = join(directory, `${name}.log`);
  return startChild({ name, args, env: process.env, logFile, ready: /\bready\b/, onUnexpectedEnd });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const waits = `import { exitWithParent } from '${exitWithParent}'; exitWithParent(); setInterval(() => {}, 1000);`;

test('a process that fails to start shows the end of its log', limit, async () => {
  await assert.rejects(
    start('broken', `console.error('the disk is full'); process.exit(3);`),
    /broken ended \(exit code 3\)\. See .*broken\.log:\nthe disk is full/,
  );
});

test('the output of an earlier run does not make the next one ready', limit, async () => {
  const child = await start('again', `${waits} setTimeout(() => console.log(process.pid, 'ready'), 200);`);
  const first = child.pid;
  await child.restart();
  assert.notEqual(child.pid, first);
  const lines = (await readFile(child.logFile, 'utf8')).trim().split('\n');
  assert.deepEqual(lines, [`${first} ready`, `${child.pid} ready`]);
  await child.kill();
  assert.equal(child.pid, undefined);
});

test('a long log is renamed, and replaces the one renamed before', limit, async () => {
  const long = 'x'.repeat(10 * 1024 * 1024 + 1);
  await writeFile(join(directory, 'talker.log'), long);
  await writeFile(join(directory, 'talker.log.1'), 'older still');
  const child = await start('talker', `${waits} console.log('ready');`);
  await child.restart();
  assert.equal(await readFile(`${child.logFile}.1`, 'utf8'), long);
  assert.equal(await readFile(child.logFile, 'utf8'), 'ready\nready\n');
  await child.kill();
});

test('only an unexpected end is reported', limit, async () => {
  const told: string[] = [];
  const tell = (child: Child, how: string) => void told.push(`${child.name}: ${how}`);
  const asked = await start('asked', `${waits} console.log('ready');`, tell);
  await asked.kill('SIGKILL');
  const own = await start('own', `${waits} console.log('ready'); setTimeout(() => process.exit(7), 100);`, tell);
  await until(() => own.pid === undefined);
  assert.deepEqual(told, ['own: exit code 7']);
});

test('a child that ignores SIGTERM can still be killed', limit, async () => {
  const child = await start('stubborn', `${waits} process.on('SIGTERM', () => {}); console.log('ready');`);
  const asked = child.kill('SIGTERM');
  await child.kill('SIGKILL');
  await asked;
  assert.equal(child.pid, undefined);
});

test('a child ends when the process that started it is killed', limit, async () => {
  const child = await script('child', `${waits} console.log('ready');`);
  const options = { name: 'child', args: [child], env: {}, logFile: join(directory, 'orphan.log') };
  const parent = await script(
    'parent',
    `import { startChild } from '${childModule}';
     const { pid } = await startChild({ ...${JSON.stringify(options)}, env: process.env, ready: /ready/ });
     console.log(pid);
     setInterval(() => {}, 1000);`,
  );
  const started = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = (await once(started.stdout, 'data')) as [Buffer];
  const pid = Number(output.toString());
  assert.equal(isAlive(pid), true);
  started.kill('SIGKILL');
  await until(() => !isAlive(pid));
});
