import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { assertEvery } from '../../assert-every.ts';
import { until } from '../../until.ts';

/*
 * `npm run demo` as a process of its own, with the files of a user.
 */

const program = join(import.meta.dirname, '../../../infra/local/demo.ts');
const directory = mkdtempSync(join(tmpdir(), 'demo-test-'));
after(() => rmSync(directory, { recursive: true }));

interface Run {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param temporary folder for the temporary files of the demo */
function environment(temporary: string): NodeJS.ProcessEnv {
  mkdirSync(temporary, { recursive: true });
  return { ...process.env, TMPDIR: temporary };
}

function demo(args: readonly string[], temporary = join(directory, 'tmp')): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: environment(temporary) }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('npm run demo', () => {
  const limit = { timeout: 180_000 };

  for (const [name, delimiter] of [
    ['comma', ','],
    ['semicolon', ';'],
    ['tab', '\t'],
  ] as const) {
    test(`provisions a manifest with the delimiter ${name} and one invalid row`, limit, async () => {
      const rows = [
        ['deviceId', 'tags.note'],
        [`${name}-1`, '"first"'],
        ['GW 2', 'invalid'],
      ];
      const manifest = file(`${name}.csv`, rows.map((row) => row.join(delimiter)).join('\n'));
      const out = join(directory, `${name}-out`);
      const { code, stdout, stderr } = await demo(['--manifest', manifest, '--out', out]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /3 +│ device-id-invalid +│ Device id "GW 2"/);
      assert.match(stdout, new RegExp(`${name}-1 +│ hub-`));
      assert.match(readFileSync(join(out, 'errors.csv'), 'utf8'), /device-id-invalid/);
      assert.deepEqual(readdirSync(join(out, 'devices')), [`${name}-1`]);
      assert.deepEqual(leftovers(), []);
    });
  }

  test('deletes its folder on Ctrl-C, while the stack starts', limit, async () => {
    const temporary = join(directory, 'interrupted');
    const running = spawn(process.execPath, [program], {
      env: environment(temporary),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    running.stderr.on('data', (part) => (output += part));
    await until(() => readdirSync(temporary).length > 0);
    running.kill('SIGINT');
    const [code] = await once(running, 'exit');
    assert.equal(code, 130, output);
    assert.deepEqual(readdirSync(temporary), []);
  });

  test('keeps the stack with --keep, links to what it made, and deletes everything on Ctrl-C', limit, async () => {
    const temporary = join(directory, 'kept');
    const manifest = file('kept.csv', 'deviceId\nkept-1\nkept-2\n');
    const running = spawn(process.execPath, [program, '--manifest', manifest, '--register', '1', '--keep'], {
      env: environment(temporary),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [running.stdout, running.stderr]) stream.on('data', (part) => (output += part));
    await until(() => {
      assert.equal(running.exitCode, null, output);
      return output.includes('npx fleet jobs');
    });
    assert.match(output, /All checks passed\.[\s\S]*until Ctrl-C/);
    for (const [kind, path] of [
      ['overview', ''],
      ['blob job', 'jobs/[0-9a-f]{24}'],
      ['device', 'devices/kept-1'],
    ]) {
      const link = new RegExp(`^ {2}${kind} +(http://localhost:\\d+)/console/(${path})#key=(.+)$`, 'm').exec(output);
      assert.ok(link, `${kind} in ${output}`);
      const [, origin, resource = '', key = ''] = link;
      const headers = { 'x-functions-key': decodeURIComponent(key) };
      const answer = await fetch(`${origin}/api/${resource || 'summary'}`, { headers });
      assert.equal(answer.status, 200, kind);
    }
    const [, kept = ''] = /LOCAL_DIR=(\S+) npx fleet jobs/.exec(output) ?? [];
    assert.ok(readdirSync(kept).includes('stack.json'), 'the command line finds the stack');

    running.kill('SIGINT');
    const [code] = await once(running, 'exit');
    assert.equal(code, 0, output);
    assert.deepEqual(readdirSync(temporary), []);
  });

  test('ends at once when a process of the stack ends, and says which', limit, async () => {
    const temporary = join(directory, 'killed');
    const running = spawn(process.execPath, [program], {
      env: environment(temporary),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    running.stderr.on('data', (part) => (output += part));
    await until(() => output.includes('Declaring'));
    process.kill(processWith(temporary, 'cosmos-emulator'), 'SIGKILL');
    const [code] = await once(running, 'exit');
    assert.equal(code, 1, output);
    assert.match(output, /error: cosmos ended \(signal SIGKILL\)\./);
    assert.match(output, /The logs are in /);
    assertEvery(readdirSync(temporary), (name) => name.startsWith('fleet-demo-logs-'));
  });

  test('deletes its folder when a check fails, and says where the logs are', limit, async () => {
    const temporary = join(directory, 'failed');
    const group = { keyCustody: 'plain', allocationPolicy: 'static', iotHubs: ['not-linked.example.com'] };
    const { code, stderr } = await demo(['--group', file('line9.json', JSON.stringify(group))], temporary);
    assert.equal(code, 1, stderr);
    const [, logs = ''] = /The logs are in (\S+)\. Keys and data of the demo were deleted/.exec(stderr) ?? [];
    assert.ok(readdirSync(logs).includes('functions.log'), stderr);
    assert.deepEqual(
      readdirSync(temporary).map((name) => join(temporary, name)),
      [logs],
    );
  });

  const refused: [string, string, string | Buffer, RegExp][] = [
    [
      'a spreadsheet',
      'list.csv',
      Buffer.from('504b0304140006000800', 'hex'),
      /is not a manifest\. The file is .*\nhint: /,
    ],
    ['binary data', 'data.csv', Buffer.from([0xff, 0, 0xfe, 1]), /is not a manifest\. /],
    ['another extension', 'list.txt', 'deviceId\ngw-1\n', /does not end in \.csv, \.ndjson, \.jsonl or \.xlsx/],
    ['a page of HTML', 'page.csv', '<html></html>\n', /is not a manifest\. The file is HTML/],
    ['an empty file', 'empty.csv', '', /is not a manifest\. The manifest is empty/],
    ['only invalid rows', 'rows.csv', 'deviceId\nGW 1\n', /has no valid row\. Line 2: Device id "GW 1"/],
  ];
  for (const [name, fileName, content, message] of refused) {
    test(`refuses ${name} before it starts the stack`, { timeout: 20_000 }, async () => {
      const { code, stderr } = await demo(['--manifest', file(fileName, content)]);
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /Built|Starting/);
    });
  }

  test('refuses a group that is invalid before it starts the stack', { timeout: 20_000 }, async () => {
    const { code, stderr } = await demo(['--group', file('bad.json', '{"keyCustody":"none"}')]);
    assert.equal(code, 2);
    assert.match(stderr, /--group .*bad\.json: .*keyCustody/);
  });
});

function leftovers(): string[] {
  return readdirSync(join(directory, 'tmp'));
}

/** The process whose command line has both texts. */
function processWith(...texts: readonly string[]): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (texts.every((text) => command.includes(text))) return Number(pid);
    } catch {
      // It has ended since the directory was read.
    }
  }
  throw new Error(`No process has ${texts.join(' and ')}.`);
}
