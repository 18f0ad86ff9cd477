import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { wellKnownKey } from 'fleet-emulators/dps';
import { packageCheck } from '../../cli/verbs/doctor-deployment.ts';
import { version } from '../../cli/version.ts';
import { startDps } from '../infra/emulators/dps/running-dps.ts';
import { fakeDeployment, fleet, problem, someNow } from './transcript.ts';

const me = { access: 'keys', name: 'function key', operations: [], deployment: { plainKeys: false } };
const summary = {
  findings: { bySeverity: { critical: 0, high: 0, medium: 3, low: 0 } },
  deadLetters: { total: 0 },
  groups: { refused: [], pending: [], endingCas: [] },
  certificates: { ended: 0, within30Days: 0 },
};
const headers = { date: someNow.toUTCString() };
const healthy = {
  'GET /api/me': { json: me },
  'GET /api/openapi.json': { json: { info: { version } }, headers },
  'GET /api/jobs': { json: { jobs: [] } },
  'POST /api/checks': problem(400, 'manifest-empty', 'The request has no body.'),
  'GET /api/dead-letters': { status: 401 },
  'GET /api/health': {
    json: {
      status: 'ok',
      checks: [
        { name: 'queue orders', ok: true },
        { name: 'root certificate in DPS', ok: true, note: 'DPS had it, verified.' },
      ],
    },
  },
  'GET /api/summary': { json: summary },
};

describe('fleet doctor', () => {
  it('finds nothing wrong, and says which roles a key opens', async () => {
    await using deployment = await fakeDeployment(healthy);
    const { code, out, err } = await fleet('doctor', deployment);
    assert.equal(code, 0, out);
    assert.match(out, /^ok {7}roles: the key opens reader, submitter$/m);
    assert.match(out, /^ok {7}version and clock: the deployment has version \S+, clocks differ by 0 s$/m);
    assert.match(out, /^ok {7}queue orders: ok$/m);
    // A note is no warning: it has nothing to fix.
    assert.match(out, /^ok {7}root certificate in DPS: DPS had it, verified\.$/m);
    assert.equal(err, '12 checks, 0 faults, 0 warnings\n');
    assert.doesNotMatch(out, /secret-key/);
  });

  it('names each fault with its fix', async () => {
    const ending = { group: 'line7', certificate: 'issuing CA', notAfter: '2026-12-01T00:00:00Z', days: 4 };
    await using deployment = await fakeDeployment({
      ...healthy,
      'GET /api/openapi.json': {
        json: { info: { version: '9.9.9' } },
        headers: { date: 'Fri, 27 Nov 2026 12:10:00 GMT' },
      },
      'GET /api/health': { json: { checks: [{ name: 'queue orders', ok: false, problem: 'Create the queue.' }] } },
      'GET /api/summary': {
        json: {
          ...summary,
          deadLetters: { total: 2 },
          queues: { byQueue: [{ queue: 'chunks', messages: 3, oldest: '2026-11-27T11:00:00Z' }] },
          groups: { refused: ['line8'], pending: ['line9'], endingCas: [ending] },
        },
      },
    });
    const { code, out, err } = await fleet('doctor', deployment);
    assert.equal(code, 1);
    assert.match(
      out,
      /^FAULT {4}version and clock: .*clocks differ by 10 min 0 s\n {9}fix: Set the clock of this machine\.$/m,
    );
    assert.match(out, /^FAULT {4}queue orders: failing\n {9}fix: Create the queue\.$/m);
    assert.match(out, /^warning {2}dead letters: messages failed for good\n {9}fix: Run fleet dead-letters list\.$/m);
    assert.match(
      out,
      /^FAULT {4}CAs: the issuing CA of line7 ends in 4 days\n {9}fix: Run fleet group rollover line7 --start\.$/m,
    );
    assert.match(out, /^warning {2}queue chunks: 3 messages, the oldest waits for 1 h 0 min\n {9}fix: /m);
    assert.match(
      out,
      /^warning {2}groups: DPS refused line8; line9 waits for DPS or for you\n {9}fix: Run fleet group show line8\.$/m,
    );
    assert.match(out, /^warning {2}sweep: none has ended\n {9}fix: Wait until a sweep has ended/m);
    assert.equal(err, '14 checks, 3 faults, 4 warnings\n');
  });

  it('says what is left of the limits of DPS and its hubs, and how old the count is', async () => {
    const quota = (name: string, used: number | undefined, limit: number, hub?: string) => {
      return { name, used, limit, hub, observedAt: '2026-11-27T03:00:00Z', source: 'https://example.com' };
    };
    const quotas = [
      quota('dpsGroups', 99, 100),
      quota('dpsEnrollments', 850_000, 1_000_000),
      quota('dpsRegistrations', 12, 1_000_000),
      quota('hubIdentities', 7, 1_000_000, 'a.azure-devices.net'),
      quota('hubIdentities', undefined, 1_000_000, 'b.azure-devices.net'),
      quota('dpsCaCertificates', 3, 25),
    ];
    const whole = { ...summary, queues: { byQueue: [] }, quotas };
    await using deployment = await fakeDeployment({ ...healthy, 'GET /api/summary': { json: whole } });
    const { code, out } = await fleet('doctor', deployment);
    assert.equal(code, 1);
    const lines = out.slice(out.indexOf('DPS enrollment groups') - 'FAULT    '.length).split('\n');
    assert.deepEqual(lines, [
      'FAULT    DPS enrollment groups: 99 of 100 used, 1 left, as of 9 h 0 min ago',
      '         fix: Delete groups without devices. Ask Azure support for a higher limit.',
      'warning  DPS individual enrollments: 850,000 of 1,000,000 used, 150,000 left, as of 9 h 0 min ago',
      '         fix: Run fleet device scrap for devices that are gone. Ask Azure support for a higher limit, or use enrollment "group" for new groups.',
      'ok       DPS registrations: 12 of 1,000,000 used, 999,988 left, as of 9 h 0 min ago',
      'ok       identities at a.azure-devices.net: 7 of 1,000,000 used, 999,993 left, as of 9 h 0 min ago',
      'FAULT    identities at b.azure-devices.net: the hub did not answer the sweep of 9 h 0 min ago',
      '         fix: Give the app the roles "IoT Hub Registry Contributor" and "IoT Hub Twin Contributor" on it, and see its network rules.',
      'ok       DPS CA certificates: 3 of 25 used, 22 left, as of 9 h 0 min ago',
      'ok       sweep: the latest began 9 h 0 min ago',
      '',
    ]);
    const later = await fleet('doctor', { ...deployment, now: () => new Date('2026-12-01T12:00:00Z') });
    assert.match(later.out, /^warning {2}sweep: the latest began 105 h 0 min ago\n {9}fix: /m);
  });

  it('with --dps, compares the linked hubs with the groups and with the hubs that have devices', async () => {
    const hubs = ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey }));
    const dps = await startDps({ hubs });
    const identities = { name: 'hubIdentities', used: 7, limit: 1_000_000, source: 'https://example.com' };
    const quotas = [{ ...identities, hub: 'old.localhost', observedAt: '2026-11-27T03:00:00Z' }];
    const group = (id: string, iotHubs: readonly string[]) => ({ id, definition: { iotHubs } });
    await using deployment = await fakeDeployment({
      ...healthy,
      'GET /api/summary': { json: { ...summary, queues: { byQueue: [] }, quotas } },
      'GET /api/enrollment-groups': {
        json: { enrollmentGroups: [group('line7', ['HUB-1.localhost']), group('line8', ['hub-3.localhost'])] },
      },
    });
    const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
    const caPath = join(folder, 'ca.pem');
    writeFileSync(caPath, dps.tls.caPem);
    const urls = { functions: deployment.url, dps: `https://localhost:${dps.port}` };
    writeFileSync(join(folder, 'stack.json'), JSON.stringify({ urls, caPath }));
    process.env['LOCAL_DIR'] = folder;
    try {
      const { code, out } = await fleet('doctor --dps local', deployment);
      assert.equal(code, 1, out);
      assert.match(out, /^ok {7}linked hubs: 2 of 50: hub-1\.localhost, hub-2\.localhost$/m);
      assert.match(
        out,
        /^FAULT {4}linked hubs: group line8 names hub-3\.localhost, not linked to DPS\n {9}fix: Link it/m,
      );
      assert.match(
        out,
        /^warning {2}linked hubs: old\.localhost has devices of the fleet, and is not linked to DPS\n/m,
      );
      assert.doesNotMatch(out, /line7/);
      const wrong = await fleet('doctor --dps nonsense', deployment);
      assert.match(
        wrong.out,
        /^FAULT {4}linked hubs: This is not the resource id .*\n {9}fix: Give the resource id of DPS/m,
      );
    } finally {
      delete process.env['LOCAL_DIR'];
      rmSync(folder, { recursive: true });
      await dps.stop();
    }
  });

  it('with --deployment, looks at Azure first, and goes on with the app', async () => {
    await using deployment = await fakeDeployment(healthy);
    const { code, out } = await fleet('doctor --deployment nonsense', deployment);
    assert.equal(code, 1);
    assert.match(
      out,
      /^FAULT {4}deployment: This is not the resource id of a resource group\. .*\n {9}fix: .*az login.*\nok {7}profile: /m,
    );
    assert.match(
      out,
      /^warning {2}package: the app does not say which package it is: .*\n {9}fix: Run npm run package/m,
    );
    assert.match(out, /^ok {7}queue orders: ok$/m);
    assert.doesNotMatch((await fleet('doctor', deployment)).out, /package/);
  });

  it('compares the package of the app with the one that is built here', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fleet-package-'));
    try {
      const none = await packageCheck('0123', folder);
      assert.deepEqual(
        [none.state, none.found],
        ['warning', 'the app is package 0123, and none is built here to compare it with'],
      );
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ version, packageDigest: '0123' }));
      assert.deepEqual(await packageCheck('0123', folder), {
        name: 'package',
        state: 'ok',
        found: '0123, as built here',
      });
      const other = await packageCheck('4567', folder);
      assert.deepEqual(
        [other.state, other.found],
        ['FAULT', 'the app is package 4567, and the one built here is 0123'],
      );
      assert.match(other.fix ?? '', /npm run package.*azd deploy/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('ends where the rest cannot be known', async () => {
    const lost = await fleet('doctor --json');
    assert.equal(lost.code, 1);
    assert.deepEqual(
      JSON.parse(lost.out).map(({ name, state }: { name: string; state: string }) => [name, state]),
      [
        ['command line', 'ok'],
        ['profile', 'FAULT'],
      ],
    );
    await using deployment = await fakeDeployment({ 'GET /api/me': { status: 401 } });
    const refused = await fleet('doctor', deployment);
    assert.equal(refused.code, 1);
    assert.match(
      refused.out,
      /^FAULT {4}sign-in: The deployment does not know the caller \(401\)\.\n {9}fix: Check the key/m,
    );
  });
});
