import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { CosmosClient } from '@azure/cosmos';
import { emulatorKey } from 'fleet-emulators/cosmos';

/*
 * The package fleet-emulators as its users get it: the programs in this repository (npx), and the built package, packed and
 * installed in a folder outside.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');
const programs = ['cosmos-emulator', 'dps-emulator', 'key-vault-emulator', 'event-grid-emulator', 'functions-host'];
const limit = { timeout: 120_000 };

async function outcomeOf(program: string, ...args: string[]) {
  const path = join(root, 'node_modules/.bin', program);
  return run(path, args, { cwd: tmpdir() }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
  );
}

describe('programs', () => {
  it('are the bin entries of the package', async () => {
    const { bin } = JSON.parse(await readFile(join(root, 'infra/emulators/package.json'), 'utf8'));
    assert.deepEqual(Object.keys(bin).sort(), programs.toSorted());
  });

  for (const program of programs) {
    it(`${program} --help shows usage, defaults and an example`, limit, async () => {
      const { code, text } = await outcomeOf(program, '--help');
      assert.equal(code, 0);
      assert.match(text, new RegExp(`^Usage: ${program}`));
      assert.match(text, /\(default: /);
      assert.match(text, new RegExp(`^Example: .*${program}`, 'm'));
    });

    it(`${program} names an unknown option and shows usage`, limit, async () => {
      const { code, text } = await outcomeOf(program, '--riddle');
      assert.equal(code, 2);
      assert.match(text, /^error: .*--riddle/);
      assert.match(text, /^Usage: /m);
    });
  }

  for (const [program, args, message] of [
    [
      'cosmos-emulator',
      ['--port', '70000'],
      'Invalid value "70000" for --port. Expected a whole number from 0 to 65535.',
    ],
    ['cosmos-emulator', ['--ru-per', 'planet'], 'Invalid value "planet" for --ru-per. Expected container or database.'],
    [
      'cosmos-emulator',
      ['--ru-per-second', '0'],
      'Invalid value "0" for --ru-per-second. Expected a number greater than 0.',
    ],
    ['cosmos-emulator', ['--key', 'not base64'], 'Invalid value for --key. Expected base64.'],
    ['dps-emulator', ['--hub', 'a b'], 'Invalid value "a b" for --hub. Expected a host name.'],
    ['event-grid-emulator', ['--connection', 'x', '--queue', 'q'], 'No container to watch. Set --container NAME.'],
    [
      'functions-host',
      ['--lease', 'long'],
      'Invalid value "long" for --lease. Expected a whole number from 1 to 604800.',
    ],
  ] as const) {
    it(`${program} ${args.join(' ')}: says what was expected`, limit, async () => {
      const { code, text } = await outcomeOf(program, ...args);
      assert.equal(code, 2);
      assert.equal(text.split('\n')[0], `error: ${message}`);
    });
  }
});

describe('the packed package', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'emulators-package-'));
    await run('npm', ['run', 'build', '-w', 'fleet-emulators'], { cwd: root });
    await run('npm', ['pack', './infra/emulators/dist', '--pack-destination', folder], { cwd: root });
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', './fleet-emulators-0.1.0.tgz'], {
      cwd: folder,
    });
  }, limit);
  after(() => rm(folder, { recursive: true, force: true }));

  it('needs no other package', async () => {
    const installed = await readdir(join(folder, 'node_modules'));
    assert.deepEqual(
      installed.filter((name) => !name.startsWith('.')),
      ['fleet-emulators'],
    );
  });

  it('has every program', limit, async () => {
    for (const program of programs) {
      const { stdout } = await run(join(folder, 'node_modules/.bin', program), ['--help'], { cwd: folder });
      assert.match(stdout, new RegExp(`^Usage: ${program}`));
    }
  });

  it('runs a program that the official client talks to', limit, async () => {
    const program = join(folder, 'node_modules/.bin/cosmos-emulator');
    const child = spawn(program, ['--port', '0', '--file', join(folder, 'store.sqlite')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const endpoint = /http:\S+/.exec(line)?.[0] ?? '';
      const client = new CosmosClient({ endpoint, key: emulatorKey });
      const { database } = await client.databases.create({ id: 'fleet' });
      const { container } = await database.containers.create({ id: 'devices', partitionKey: '/id' });
      await container.items.create({ id: 'gw-1', slot: 7 });
      assert.equal((await container.item('gw-1', 'gw-1').read()).resource?.slot, 7);
      client.dispose();
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('exports its emulators to a program', limit, async () => {
    const script = `
      import { createCosmosEmulator } from 'fleet-emulators/cosmos';
      import { createDpsEmulator } from 'fleet-emulators/dps';
      import { verifyChain } from 'fleet-emulators/dps/x509';
      import { createEventGridEmulator } from 'fleet-emulators/event-grid';
      import { exitWithParent } from 'fleet-emulators/exit-with-parent';
      import { startFunctionsHost } from 'fleet-emulators/functions-host';
      import { createKeyVaultEmulator } from 'fleet-emulators/key-vault';
      import { ensureLocalTls } from 'fleet-emulators/tls';
      const tls = await ensureLocalTls({ directory: 'tls' });
      for (const emulator of [createCosmosEmulator(), createDpsEmulator({ tls }), createKeyVaultEmulator({ tls })]) {
        await emulator.listen(0);
        await emulator.close();
      }
      const others = [verifyChain, createEventGridEmulator, exitWithParent, startFunctionsHost];
      console.log(others.every((each) => typeof each === 'function'));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    assert.equal(stdout.trim(), 'true');
  });

  it('cannot be packed from the sources, which Node would not run', limit, async () => {
    await assert.rejects(run('npm', ['pack', '--dry-run', '-w', 'fleet-emulators'], { cwd: root }), {
      stderr: /npm pack \.\/infra\/emulators\/dist/,
    });
  });
});
