import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { differences } from '../../infra/snapshot-difference.ts';

/** What the compiler of a test answers, by its command: exit code, and what it writes. */
interface Answers {
  readonly version?: string;
  readonly restore?: Answer;
  readonly build?: Answer;
  readonly lint?: Answer;
  /** By the name of the parameter file: resources and diagnostics. */
  readonly snapshot?: Readonly<Record<string, object>>;
}

interface Answer {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** A compiler of the same command line: it writes its arguments down, and answers as it is told. */
const compiler = `#!${process.execPath}
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const { basename } = require('node:path');
const { answers, calls } = JSON.parse(readFileSync(__dirname + '/told.json', 'utf8'));
const [command, file] = process.argv.slice(2);
appendFileSync(calls, JSON.stringify(process.argv.slice(2)) + '\\n');
if (command === '--version') console.log('Bicep CLI version ' + (answers.version ?? '0.49.2') + ' (abcdef)');
else if (command === 'snapshot') {
  const told = (answers.snapshot ?? {})[basename(file, '.bicepparam')];
  if (told === undefined) process.exit(1);
  writeFileSync(file.replace('.bicepparam', '.snapshot.json'), JSON.stringify(told));
} else {
  const { code = 0, stdout = command === 'build' ? '{"resources": []}' : '', stderr = '' } = answers[command] ?? {};
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
}
`;

const [account, vault] = [
  {
    id: '/subscriptions/a/storageAccounts/st1',
    type: 'Microsoft.Storage/storageAccounts',
    properties: { minimumTlsVersion: 'TLS1_2' },
  },
  { id: '/subscriptions/a/vaults/kv1', type: 'Microsoft.KeyVault/vaults', properties: { sku: { name: 'standard' } } },
];
const evaluated = { predictedResources: [vault, account], diagnostics: [] };

describe('npm run check:infra', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fleet-infra-'));
    for (const name of ['bin', 'empty', 'azure/test/snapshots']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'azure/main.bicep'), '');
    writeFileSync(join(folder, 'azure/test/defaults.bicepparam'), '');
    writeFileSync(join(folder, 'bin/package.json'), '{"type": "commonjs"}');
    writeFileSync(join(folder, 'bin/bicep'), compiler, { mode: 0o755 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const snapshotPath = () => join(folder, 'azure/test/snapshots/defaults.json');

  /** @param path folders of the PATH, below the folder of the test */
  function check(args: readonly string[], answers: Answers = {}, path: readonly string[] = ['bin']) {
    const calls = join(folder, 'calls');
    writeFileSync(calls, '');
    for (const bin of ['bin', 'home/.azure/bin']) {
      if (existsSync(join(folder, bin)))
        writeFileSync(join(folder, bin, 'told.json'), JSON.stringify({ answers, calls }));
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['infra/check-infra.ts', ...args, join(folder, 'azure')],
      { encoding: 'utf8', env: { PATH: path.map((name) => join(folder, name)).join(':'), HOME: join(folder, 'home') } },
    );
    const lines = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
    return { status, stdout, stderr, calls: lines.map((line) => JSON.parse(line) as string[]) };
  }

  it('says in one line what is missing, and is content unless a compiler is required', () => {
    const without = check([], {}, ['empty']);
    assert.deepEqual(
      [without.status, without.stdout, without.stderr],
      [0, 'not compiled: the PATH has neither bicep nor az\n', ''],
    );
    assert.equal(check(['--required'], {}, ['empty']).status, 1);
    writeFileSync(join(folder, 'empty/az'), '#!/bin/sh\n', { mode: 0o755 });
    assert.match(check([], {}, ['empty']).stdout, /^not compiled: .*run az bicep install\n$/);
    const old = check([], { version: '0.40.9' });
    assert.deepEqual(
      [old.status, old.stdout],
      [0, 'not compiled: Bicep 0.40.9 has no snapshots; 0.41.2 or newer has\n'],
    );
    for (const version of ['0.41.2', '0.42.0', '1.0.0']) {
      assert.match(check([], { version, snapshot: { defaults: evaluated } }).stdout, /in order\n$/, version);
    }
  });

  it('says so when the modules of the registry cannot be restored', () => {
    const stderr =
      'main.bicep(1,1) : Error BCP192: Unable to restore the artifact with reference "br:x": no such host\n';
    const { status, stdout, calls } = check([], { restore: { code: 1, stderr } });
    assert.deepEqual([status, stdout.split('\n').length], [0, 2]);
    assert.match(stdout, /^not compiled: modules cannot be restored: .*no such host\n$/);
    assert.deepEqual(
      calls.map(([command]) => command),
      ['--version', 'restore'],
    );
    assert.equal(check(['--required'], { restore: { code: 1, stderr } }).status, 1);
  });

  it('finds the compiler of the Azure CLI', () => {
    mkdirSync(join(folder, 'home/.azure/bin'), { recursive: true });
    writeFileSync(join(folder, 'home/.azure/bin/package.json'), '{"type": "commonjs"}');
    writeFileSync(join(folder, 'home/.azure/bin/bicep'), compiler, { mode: 0o755 });
    const { status, stdout } = check([], { snapshot: { defaults: evaluated } }, ['empty']);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^Bicep 0\.49\.2: in order$/m);
  });

  it('fails for an error of the compiler and a warning of the linter, each said once, and evaluates nothing then', () => {
    const warning =
      '/x/main.bicep(3,7) : Warning no-unused-params: Parameter "a" is declared but never used. [https://aka.ms]\n';
    const error = '/x/main.bicep(9,1) : Error BCP018: Expected the "}" character at this location.\n';
    const broken = check([], {
      build: { code: 1, stderr: warning + error },
      lint: { code: 1, stderr: warning + error },
    });
    assert.equal(broken.status, 1);
    assert.deepEqual(broken.stderr, warning + error);
    assert.match(broken.stdout, /: 2 to fix\n$/);
    assert.equal(
      broken.calls.some(([command]) => command === 'snapshot'),
      false,
    );
    const unclean = check([], { lint: { stderr: warning }, snapshot: { defaults: evaluated } });
    assert.deepEqual([unclean.status, unclean.stderr], [1, warning]);
    const silent = check([], { build: { code: 134, stderr: 'Segmentation fault' }, snapshot: { defaults: evaluated } });
    assert.deepEqual([silent.status, silent.stderr], [1, 'bicep build ended with 134: Segmentation fault\n']);
  });

  it('only shows what depends on the day', () => {
    const newer = '/x/main.bicep(3,7) : Warning use-recent-module-versions: Use a more recent version\n';
    const { status, stdout, stderr } = check([], { lint: { stderr: newer }, snapshot: { defaults: evaluated } });
    assert.deepEqual([status, stderr], [0, '']);
    assert.ok(stdout.includes(newer));
  });

  it('refuses a template that is longer than Azure takes', () => {
    const stdout = JSON.stringify({ text: 'x'.repeat(4 * 1024 * 1024) }, null, 2);
    const { status, stderr } = check([], { build: { stdout }, snapshot: { defaults: evaluated } });
    assert.deepEqual([status, stderr], [1, 'template: 4.00 of 4 MB: too large\n']);
  });

  it('evaluates every parameter file at the same place, and leaves no file beside it', () => {
    writeFileSync(join(folder, 'azure/test/everything.bicepparam'), '');
    const { status, stdout, calls } = check([], { snapshot: { defaults: evaluated, everything: evaluated } });
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^defaults: 2 resources; compared with nothing, since .*defaults\.json does not exist \(--update writes it\)$/m,
    );
    const snapshots = calls.filter(([command]) => command === 'snapshot');
    assert.deepEqual(
      snapshots.map((call) => call[1]),
      ['defaults', 'everything'].map((name) => join(folder, `azure/test/${name}.bicepparam`)),
    );
    const [first, second] = snapshots.map((call) => call.slice(2));
    assert.deepEqual(first, second);
    for (const option of ['--mode', '--subscription-id', '--tenant-id', '--location', '--deployment-name']) {
      assert.ok(first?.includes(option), option);
    }
    assert.equal(existsSync(join(folder, 'azure/test/defaults.snapshot.json')), false);
    assert.equal(existsSync(snapshotPath()), false);
  });

  it('compares with the committed snapshot, whatever the order of the resources, and names each difference', () => {
    assert.equal(check(['--update'], { snapshot: { defaults: evaluated } }).status, 0);
    const { predictedResources } = JSON.parse(readFileSync(snapshotPath(), 'utf8'));
    assert.deepEqual(predictedResources, [account, vault]);
    const other = { predictedResources: [account, vault], diagnostics: [] };
    assert.equal(check([], { snapshot: { defaults: other } }).status, 0);

    const open = { ...account, properties: { minimumTlsVersion: 'TLS1_0' } };
    const topic = { id: '/subscriptions/a/topics/t1' };
    const changed = check([], { snapshot: { defaults: { predictedResources: [open, topic], diagnostics: [] } } });
    assert.equal(changed.status, 1);
    assert.deepEqual(changed.stderr.split('\n').slice(0, 3), [
      'defaults: ~ /subscriptions/a/storageAccounts/st1: properties.minimumTlsVersion: "TLS1_2" -> "TLS1_0"',
      'defaults: + /subscriptions/a/topics/t1',
      'defaults: - /subscriptions/a/vaults/kv1',
    ]);
    assert.match(changed.stderr, /if this is meant, run npm run check:infra -- --update/);
  });

  it('fails for what the evaluation reports, and for a file that cannot be evaluated', () => {
    const diagnostics = [{ level: 'Error', message: 'Name is too long' }];
    const reported = check([], { snapshot: { defaults: { ...evaluated, diagnostics } } });
    assert.equal(reported.status, 1);
    assert.match(reported.stderr, /^defaults: .*Name is too long/);
    const none = check([], {});
    assert.deepEqual([none.status, none.stderr], [1, 'defaults: bicep snapshot ended with 1: it wrote nothing\n']);
  });
});

describe('differences', () => {
  it('are none between a list and itself in another order', () => {
    assert.deepEqual(differences([account, vault], [vault, account]), []);
  });

  it('name members that come, go and change, also in lists', () => {
    const before = { id: 'a', properties: { one: 1, list: [{ x: 1 }, { x: 2 }], gone: true } };
    const after = { id: 'a', properties: { one: 2, list: [{ x: 1 }, { x: 3 }], come: null } };
    assert.deepEqual(differences([before], [after]), [
      '~ a: properties.come: nothing -> null',
      '~ a: properties.gone: true -> nothing',
      '~ a: properties.list[1].x: 2 -> 3',
      '~ a: properties.one: 1 -> 2',
    ]);
    const longer = { id: 'a', properties: { ...before.properties, list: [] } };
    assert.deepEqual(differences([before], [longer]), ['~ a: properties.list: [{"x":1},{"x":2}] -> []']);
  });

  it('see a resource that is there twice', () => {
    assert.deepEqual(differences([{ id: 'a' }], [{ id: 'a' }, { id: 'a' }]), ['+ a (again)']);
  });
});
