import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { announceStack } from '../../infra/local/stack/running-stack.ts';
import { assertEvery } from '../assert-every.ts';
import { fleet, type Transcript } from '../cli/transcript.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * The command line on the whole stack: from a group as a file to a device without access. Every answer that it gets is
 * compared with the description of the API, by startTestStack.
 */

const limit = { timeout: 180_000 };
let stack: TestStack;
before(async () => {
  stack = await startTestStack();
  // Verbs of the operator find the stack there, as all verbs do that are given no deployment.
  await announceStack(stack.directory, stack.stack);
  process.env['LOCAL_DIR'] = stack.directory;
}, limit);
after(async () => {
  delete process.env['LOCAL_DIR'];
  await stack?.close();
});

const sleep = (milliseconds: number) => setTimeout(Math.min(milliseconds, 200));
const run = (line: string | readonly string[], more: object = {}): Promise<Transcript> =>
  fleet(line, { env: { LOCAL_DIR: stack.directory }, now: () => new Date(), sleep, ...more });
const file = (name: string) => join(stack.directory, name);
async function good(line: string | readonly string[], more: object = {}): Promise<string> {
  const { code, out, err } = await run(line, more);
  assert.equal(code, 0, `${line}\n${err}${out}`);
  return out;
}

test('a group as a file is applied once, and a second plan is empty', limit, async () => {
  writeFileSync(file('line7.yaml'), 'keyCustody: plain\nlabelUrl: https://id.example/{deviceId}\n');
  const diff = await run(`group diff ${file('line7.yaml')} --detailed-exitcode`);
  assert.equal(diff.code, 7, diff.err);
  assert.match(await good(`group apply ${file('line7.yaml')} --yes`), /^line7 +create +enrolled$/m);
  assert.match(
    await good(`group diff ${file('line7.yaml')} --detailed-exitcode`),
    /0 to create, 0 to change.* 1 unchanged/,
  );
  assert.match(await good('groups'), /^line7 +enrolled +group +plain +1 /m);
});

let jobId = '';

test('a list is checked, submitted, watched, and its bundles are fetched and verified', limit, async () => {
  const list = file('list.csv');
  writeFileSync(list, 'deviceId,tags.site\ncli-1,berlin\ncli-2,berlin\nCLI-3,berlin\n');
  const checked = await run(`check ${list} -g line7`);
  assert.equal(checked.code, 5, checked.err);
  assert.match(checked.out, /^check +3 rows: 2 new, 1 refused$/m);

  const submitted = await run(`submit ${list} -g line7 --watch --json`);
  assert.equal(submitted.code, 5, submitted.err);
  jobId = JSON.parse(submitted.out).jobId;
  assert.match(await good('jobs'), new RegExp(`^${jobId} +completedWithErrors`, 'm'));
  assert.match(await good(`job errors ${jobId} --summary`), /^device-id-invalid +1 +4 /m);
  assert.match(await good(`job errors ${jobId} -o csv`), /CLI-3,berlin/);
  assert.match(await good(`job results ${jobId}`), /^ +2 +cli-1 +provisioned +line7/m);

  const lot = file('lot');
  await good(`job fetch ${jobId} --out ${lot}`);
  assert.deepEqual(readdirSync(join(lot, 'bundles')), ['cli-1.tar.gz', 'cli-2.tar.gz']);
  assert.match(readFileSync(join(lot, 'labels.csv'), 'utf8'), /https:\/\/id\.example\/cli-2/);
  writeFileSync(file('groups.json'), await good('groups --json'));
  const verified = await run(`bundle verify ${join(lot, 'bundles')} --groups ${file('groups.json')}`);
  assert.equal(verified.code, 0, verified.out);
  assert.equal(verified.err, '2 of 2 bundles are good.\n');
  assert.match(await good(`bundle verify ${join(lot, 'bundles/cli-1.tar.gz')}`), /^cli-1: good$/m);
});

test('a folder is watched, and a device is found, suspended and restored', limit, async () => {
  const folder = file('inbox');
  await good(['group', 'show', 'line7']);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(folder);
  writeFileSync(join(folder, 'late.csv'), 'deviceId\ncli-9\n');
  assert.match(
    await good(`watch-folder ${folder} -g line7 --quiet-for 1s --once`),
    /^late\.csv -> done\/late\.csv \(completed\)$/m,
  );
  assert.match(await good('devices --prefix cli-9'), /^cli-9 +provisioned +line7/m);

  await good(['device', 'suspend', 'cli-9', '--reason', 'ticket 1']);
  assert.match(await good('device show cli-9'), /^blocked +suspended by function key: ticket 1$/m);
  await good('device restore cli-9 --reason found');
  const dry = JSON.parse(await good(`device revoke --job ${jobId} --reason stolen --dry-run --json`));
  assert.equal(dry.devices, 2);
  await good(`device revoke --job ${jobId} --reason stolen --yes --watch`);
  assert.match(await good(`devices --job ${jobId}`), /^cli-1 +(revoked|closing)/m);
});

test('findings, dead letters and the audit trail are there, and doctor finds no fault', limit, async () => {
  assert.equal((await run('findings --json')).code, 0);
  assert.equal(await good('dead-letters list --json'), '[]\n');
  assert.equal((await run('job show 000000000000000000000000')).code, 3);
  const doctor = await run('doctor');
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /^ok {7}roles: the key opens reader, submitter, operator$/m);
  const entries = await until(async () => {
    const lines = (await good('audit export --action suspend-device -o jsonl')).trim();
    return lines !== '' && lines.split('\n').map((line) => JSON.parse(line));
  });
  assertEvery(entries, ({ action }: { action: string }) => action === 'suspend-device');
});

/** Waits until the sequencer, which runs each minute, has taken the entries. */
async function until<Value>(look: () => Promise<Value | false>): Promise<Value> {
  for (;;) {
    const value = await look();
    if (value !== false) return value;
    await setTimeout(1000);
  }
}
