import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeDeployment, fleet, problem } from './transcript.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
after(() => rmSync(folder, { recursive: true }));

const content = 'a bundle';
const device = {
  deviceId: 'gw-1',
  status: 'assigned',
  statusSince: '2026-11-27T11:00:00.000Z',
  enrollmentGroup: 'line7',
  certificate: { serialNumber: '0a', notAfter: '2027-11-27T00:00:00.000Z' },
  job: { jobId: '3f2a9c4e8b1d7a6050c3e9f1', line: 2, link: '' },
  twin: { tags: { site: 'berlin' }, desired: {} },
  registration: { status: 'assigned', assignedHub: 'hub-1.example' },
  bundle: {
    fileName: 'gw-1.tar.gz',
    bytes: 8,
    sha256: createHash('sha256').update(content).digest('hex'),
    link: '/api/devices/gw-1/bundle',
  },
  history: [{ at: '2026-11-27T11:00:00.000Z', event: 'assigned' }],
};
const act = {
  actId: '4f2a9c4e8b1d7a6050c3e9f1',
  act: 'revoke',
  status: 'running',
  reason: 'stolen',
  by: 'function key',
  estimate: { devices: 2, minutes: 1, limit: 'hub registry' },
  counts: { done: 0, underway: 0, refused: 0, unchanged: 0 },
  refusals: [],
  startedAt: '2026-11-27T11:00:00.000Z',
  links: { self: '' },
};
const estimate = { devices: 1200, minutes: 72, limit: 'hub registry' };
/** Answers a dry run with the estimate, and another request with the act. */
const begin = ({ body }: { body: string }) => {
  return JSON.parse(body).dryRun ? { json: estimate } : { status: 202, json: act };
};

describe('fleet devices', () => {
  it('lists devices, and sends every filter', async () => {
    await using deployment = await fakeDeployment({ 'GET /api/devices': { json: { devices: [device] } } });
    const { out } = await fleet('devices -g line7 --status assigned --prefix gw --limit 5', deployment);
    assert.match(out, /^DEVICE +STATUS +GROUP +HUB +CERTIFICATE UNTIL \(UTC\)/);
    assert.match(out, /^gw-1 +assigned +line7 +hub-1\.example +2027-11-27 00:00:00/m);
    assert.equal(deployment.seen[0]?.path, '/api/devices?limit=5&group=line7&status=assigned&idPrefix=gw');
  });

  it('counts days to the end of a certificate from now on, as the API does', async () => {
    await using deployment = await fakeDeployment({ 'GET /api/devices': { json: { devices: [device] } } });
    await fleet('devices --expires-before 30d', deployment);
    await fleet('devices --expires-before 2027-01-31', deployment);
    assert.deepEqual(
      deployment.seen.map(({ path }) => new URL(path, deployment.url).searchParams.get('expiresBefore')),
      ['30d', '2027-01-31'],
    );
    const { code, err } = await fleet('devices --expires-before 2h', deployment);
    assert.equal(code, 2);
    assert.match(err, /Expected 2027-01-31, .*or days from now such as 30d\./);
  });

  it('names the search when a device is not found', async () => {
    await using deployment = await fakeDeployment({
      'GET /api/devices/gw-9': problem(404, 'not-found', 'No device "gw-9".'),
    });
    const { code, err } = await fleet('device show gw-9', deployment);
    assert.equal(code, 3);
    assert.match(err, /^error: No device "gw-9"\. \(not-found\)\nhint: .*\nnext: fleet devices --prefix gw-9\n/);
  });

  it('downloads a bundle that only its owner can read', async () => {
    const file = join(folder, 'gw-1.tar.gz');
    await using deployment = await fakeDeployment({
      'GET /api/devices/gw-1': { json: device },
      'GET /api/devices/gw-1/bundle': { body: content },
    });
    const { code, out } = await fleet(`device bundle gw-1 --out ${file} --json`, deployment);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), { deviceId: 'gw-1', file, sha256: device.bundle.sha256 });
    assert.equal(readFileSync(file, 'utf8'), content);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(existsSync(`${file}.part`), false);
    // Into a folder, under its own name.
    const inFolder = await fleet(`device bundle gw-1 --out ${folder} --json`, deployment);
    assert.deepEqual(JSON.parse(inFolder.out).file, join(folder, device.bundle.fileName));
    assert.equal(readFileSync(join(folder, device.bundle.fileName), 'utf8'), content);
  });
});

describe('fleet device suspend, revoke, restore, scrap', () => {
  it('acts on one device, and asks before what cannot be undone', async () => {
    await using deployment = await fakeDeployment({
      'POST /api/devices/gw-1/suspend': { json: { ...device, status: 'suspended' } },
      'DELETE /api/devices/gw-1': { json: { ...device, status: 'scrapped' } },
    });
    const suspended = await fleet(['device', 'suspend', 'gw-1', '--reason', 'ticket 1'], deployment);
    assert.equal(suspended.code, 0, suspended.err);
    assert.match(suspended.out, /^status +suspended$/m);
    assert.deepEqual(JSON.parse(deployment.seen[0]?.body ?? ''), { reason: 'ticket 1' });

    const unasked = await fleet('device scrap gw-1 --reason lost', deployment);
    assert.deepEqual([unasked.code, deployment.seen.length], [2, 1]);
    assert.match(unasked.err, /^error: This has to be confirmed/);
    assert.equal((await fleet('device scrap gw-1 --reason lost --yes', deployment)).code, 0);
    assert.equal(deployment.seen[1]?.path, '/api/devices/gw-1?reason=lost');
  });

  it('counts many devices first, and wants their number typed before what cannot be undone', async () => {
    await using deployment = await fakeDeployment({ 'POST /api/device-acts': begin });
    const line = 'device revoke -g line7 --tag site.hall=7 --per-minute 20 --reason stolen';
    const dry = await fleet(`${line} --dry-run --json`, deployment);
    assert.deepEqual(dry, {
      code: 0,
      out: `${JSON.stringify(estimate, undefined, 2)}\n`,
      err: 'Revoke: 1,200 devices, about 1 h 12 min (limited by hub registry).\n',
    });
    assert.deepEqual(JSON.parse(deployment.seen[0]?.body ?? ''), {
      act: 'revoke',
      filter: { group: 'line7', tag: { path: 'site.hall', value: '7' } },
      reason: 'stolen',
      devicesPerMinute: 20,
      dryRun: true,
    });
    const wrong = await fleet(line, { ...deployment, isTerminal: true, stdin: 'y\n' });
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /error: Not confirmed\. Nothing was done\.\n$/);
    assert.equal(deployment.seen.length, 2);
    const right = await fleet(line, { ...deployment, isTerminal: true, stdin: '1200\n' });
    assert.equal(right.code, 0, right.err);
    assert.match(right.err, /next: fleet act show 4f2a9c4e8b1d7a6050c3e9f1 --watch\n$/);
    // The number that was typed is the number that is revoked.
    assert.equal(JSON.parse(deployment.seen.at(-1)?.body ?? '').expectedDevices, 1200);
  });

  it('takes ids from a file, each once, and waits; a device that refused is a failure', async () => {
    const ids = join(folder, 'ids.txt');
    writeFileSync(ids, 'gw-1\r\ngw-2\n\ngw-1\n');
    const ended = { ...act, status: 'completed', counts: { done: 1, underway: 0, refused: 1, unchanged: 0 } };
    await using deployment = await fakeDeployment({
      'POST /api/device-acts': begin,
      [`GET /api/device-acts/${act.actId}`]: [{ json: act }, { json: ended }],
    });
    const { code, out, err } = await fleet(`device suspend --ids-from ${ids} --reason x --yes --watch`, deployment);
    assert.equal(code, 1, err);
    assert.match(out, /^refused +1$/m);
    assert.match(err, /^revoke: 0 of about 2; 0 done, 0 underway, 0 refused$/m);
    assert.deepEqual(JSON.parse(deployment.seen[1]?.body ?? '').filter, { deviceIds: ['gw-1', 'gw-2'] });
  });

  it('lists acts', async () => {
    await using deployment = await fakeDeployment({ 'GET /api/device-acts': { json: { acts: [act] } } });
    const { out } = await fleet('acts', deployment);
    assert.match(out, /^4f2a9c4e8b1d7a6050c3e9f1 +revoke +running +2 +0 +0 +function key +stolen/m);
  });

  it('refuses a device beside a selection, and neither of the two', async () => {
    for (const line of ['device revoke gw-1 -g line7 --reason x', 'device revoke --reason x', 'device revoke gw-1']) {
      assert.equal((await fleet(line)).code, 2, line);
    }
  });
});
