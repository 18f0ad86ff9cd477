import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { version } from '../../cli/version.ts';
import { fakeDeployment, fleet, problem, someNow } from './transcript.ts';

const me = { access: 'keys', name: 'function key', operations: [], deployment: { plainKeys: false } };
const summary = {
  findings: { bySeverity: { critical: 0, high: 0, medium: 3, low: 0 } },
  deadLetters: { total: 0 },
  groups: { refused: [], endingCas: [] },
  certificates: { ended: 0, within30Days: 0 },
};
const headers = { date: someNow.toUTCString() };
const healthy = {
  'GET /api/me': { json: me },
  'GET /api/openapi.json': { json: { info: { version } }, headers },
  'GET /api/jobs': { json: { jobs: [] } },
  'POST /api/checks': problem(400, 'manifest-empty', 'The request has no body.'),
  'GET /api/dead-letters': { status: 401 },
  'GET /api/health': { json: { status: 'ok', checks: [{ name: 'queue orders', ok: true }] } },
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
    assert.equal(err, '11 checks, 0 faults, 0 warnings\n');
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
          groups: { refused: [], endingCas: [ending] },
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
    assert.match(out, /^FAULT {4}CAs: the issuing CA of line7 ends in 4 days\n {9}fix: fleet group rollover line7$/m);
    assert.match(out, /^warning {2}queue chunks: 3 messages, the oldest waits for 1 h 0 min\n {9}fix: /m);
    assert.equal(err, '13 checks, 3 faults, 2 warnings\n');
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
