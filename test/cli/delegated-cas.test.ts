import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeDeployment, fleet } from './transcript.ts';

const serialNumber = '5f0c6f0e8f1f4d6b9f5a1c2e3d4b5a69';
const path = `/api/certificate-authorities/${serialNumber}`;
const ca = {
  ...{ serialNumber, enrollmentGroup: 'line7', caGeneration: 1, state: 'open', worker: 'host-1-4711' },
  commonName: 'line7 host-1-4711 20261128T090000Z',
  reservedAt: '2026-11-28T09:00:00.000Z',
  notBefore: '2026-11-27T21:00:00.000Z',
  notAfter: '2027-11-28T10:05:00.000Z',
  signsUntil: '2026-11-28T10:00:00.000Z',
};
const device = {
  ...{ deviceId: 'gw-1', status: 'assigned', enrollmentGroup: 'line7', link: '/api/devices/gw-1' },
  certificate: { serialNumber: 'a1', sha256Thumbprint: 'B2', notAfter: ca.notAfter, keyMadeBy: 'service' },
};
const blocked = { by: 'Ada', at: ca.reservedAt, reason: 'memory was read' };
const job = {
  ...{ jobId: 'f'.repeat(24), status: 'provisioning', source: 'http', name: 'list.csv', onConflict: 'reissue' },
  counts: { total: 1, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, waiting: 1 },
  ...{ retrying: 0, repairs: {}, warnings: {}, percent: 0, chunks: 1, receivedAt: ca.reservedAt },
  links: { self: '', errors: '', results: '', devices: '' },
};
const rows = '{"deviceId":"gw-1","enrollmentGroup":"line7"}\n';

describe('fleet delegated-ca', () => {
  it('lists CAs, shows one, and lists its devices', async () => {
    await using deployment = await fakeDeployment({
      'GET /api/certificate-authorities': { json: { certificateAuthorities: [ca] } },
      [`GET ${path}`]: { json: ca },
      [`GET ${path}/devices`]: { json: { devices: [device] } },
    });
    const { out } = await fleet('delegated-cas --state open --group line7', deployment);
    assert.match(out, /^5f0c6f0e8f1f4d6b9f5a1c2e3d4b5a69 +line7 +open +host-1-4711 +2026-11-28 09:00:00/m);
    assert.equal(deployment.seen[0]?.path, '/api/certificate-authorities?limit=100&state=open&group=line7');
    assert.match((await fleet(`delegated-ca show ${serialNumber}`, deployment)).out, /^worker +host-1-4711$/m);
    assert.match((await fleet(`delegated-ca devices ${serialNumber}`, deployment)).out, /^gw-1 +assigned +service/m);
  });

  it('blocks one after it has asked, and says what to do next', async () => {
    const answer = { certificateAuthority: { ...ca, state: 'blocked', blocked }, devices: [device], reissueList: path };
    await using deployment = await fakeDeployment({
      [`GET ${path}`]: { json: ca },
      [`POST ${path}/block`]: { json: answer },
    });
    const words = ['delegated-ca', 'block', serialNumber, '--reason', 'memory was read'];
    const refused = await fleet(words, { ...deployment, isTerminal: true, stdin: 'n\n' });
    assert.notEqual(refused.code, 0);
    assert.equal(deployment.seen.at(-1)?.method, 'GET', 'nothing was sent');
    const { code, out, err } = await fleet([...words, '--yes'], deployment);
    assert.equal(code, 0);
    assert.match(out, /^blocked by +Ada: memory was read$/m);
    assert.match(out, /^devices +1 to issue again$/m);
    assert.match(err, new RegExp(`^next: fleet delegated-ca reissue ${serialNumber}$`, 'm'));
    assert.equal(deployment.seen.at(-1)?.body, '{"reason":"memory was read"}');
  });

  it('submits the rows of its devices, or writes them', async () => {
    await using deployment = await fakeDeployment({
      [`GET ${path}/reissue-list`]: { body: rows, headers: { 'content-type': 'application/x-ndjson' } },
      'POST /api/checks': { json: {} },
      'POST /api/jobs': { status: 202, json: job },
    });
    const listed = await fleet(`delegated-ca reissue ${serialNumber} --list`, deployment);
    assert.equal(listed.out, rows);
    assert.equal(deployment.seen.length, 1);
    const { code } = await fleet(`delegated-ca reissue ${serialNumber} --yes`, deployment);
    assert.equal(code, 0);
    const sent = deployment.seen.at(-1);
    assert.equal(sent?.path, '/api/jobs?onConflict=reissue');
    assert.equal(sent?.body, rows);
  });
});
