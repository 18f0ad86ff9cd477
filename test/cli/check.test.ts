import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeDeployment, fleet } from './transcript.ts';

const summary = {
  digest: `sha256:${'a'.repeat(64)}`,
  checkedAt: '2026-11-27T11:00:00.000Z',
  outcomes: { new: 9, unchanged: 0, replaced: 0, reissued: 0, refused: 1 },
  faults: [{ code: 'device-id-invalid', rows: 1, first: [{ line: 3, message: 'The id is "GW-2".' }] }],
  estimate: {
    devices: 9,
    certificates: 9,
    phases: [{ phase: 'issue', minutes: 2, binding: 'dps', quotas: [] }],
    renewals: [
      { enrollmentGroup: 'line7', ofDevices: 9, jitterDays: 1, perDay: 9, perMinute: 1, aboveHalfOfQuota: false },
      {
        enrollmentGroup: 'line8',
        ofDevices: 4096,
        jitterDays: 0,
        perDay: 4096,
        perMinute: 4096,
        aboveHalfOfQuota: true,
      },
    ],
    price: { currency: 'USD', once: 0.25, perMonth: 0.5, items: [] },
    assumptions: [],
    figuresOf: '2026-11-27',
  },
};
const check = { ...summary, rows: 10, repairs: { trimmed: 2 }, warnings: {} };
const input = { stdin: 'deviceId\ngw-1\n' };

describe('fleet check', () => {
  it('says what a job would make of a list, and ends with 5 when rows are refused', async () => {
    await using deployment = await fakeDeployment({ 'POST /api/checks': { json: check } });
    assert.deepEqual(await fleet('check - -g line7', { ...deployment, ...input }), {
      code: 5,
      err: '',
      out: [
        'check     10 rows: 9 new, 1 refused',
        'fault     device-id-invalid: 1 row',
        '          line 3: The id is "GW-2".',
        'time      about 2 min 0 s until bundles are ready, limited by dps',
        'renewals  line7: ends of 9 certificates are spread over 1 day; up to 9 a day, 1 a minute',
        'renewals  line8: ends of 4,096 certificates are spread over 0 days; up to 4,096 a day, 4,096 a minute; more than half of what DPS takes, set a larger validityJitterDays',
        'price     about 0.25 USD once, 0.50 USD per month',
        `digest    sha256:${'a'.repeat(64)}`,
        'repaired  trimmed: 2',
        '',
      ].join('\n'),
    });
    assert.equal(deployment.seen[0]?.body, input.stdin);
    assert.equal(deployment.seen[0]?.headers['content-type'], 'application/octet-stream');
  });

  it('names the submission that holds exactly when the check still does', async () => {
    const good = { ...check, outcomes: { ...check.outcomes, refused: 0 }, faults: [] };
    await using deployment = await fakeDeployment({ 'POST /api/checks': { json: good } });
    const { code, err } = await fleet('check - -g line7 --on-conflict replace', { ...deployment, ...input });
    const next = `fleet submit - --group line7 --on-conflict replace --check sha256:${'a'.repeat(64)}`;
    assert.deepEqual([code, err], [0, `next: ${next}\n`]);
  });

  it('waits for the dry run of a large list', async () => {
    const jobId = '3f2a9c4e8b1d7a6050c3e9f1';
    const counts = {
      total: 10,
      provisioned: 0,
      unchanged: 0,
      rejected: 1,
      failed: 0,
      cancelled: 0,
      checked: 9,
      waiting: 0,
    };
    const job = {
      jobId,
      status: 'checking',
      name: 'x',
      source: 'http',
      counts,
      percent: 50,
      rowsPerSecond: 0,
      retrying: 0,
      repairs: {},
      warnings: {},
      receivedAt: '2026-11-27T11:00:00.000Z',
    };
    await using deployment = await fakeDeployment({
      'POST /api/checks': { status: 202, json: job },
      [`GET /api/jobs/${jobId}`]: { json: { ...job, status: 'checked', finishedAt: job.receivedAt, check: summary } },
    });
    const { code, out, err } = await fleet('check -', { ...deployment, ...input });
    assert.equal(code, 5, err);
    assert.equal(err, `The list is large, so job ${jobId} checks it.\n`);
    assert.match(out, /^check +10 rows: 9 new, 1 refused$/m);
  });
});
