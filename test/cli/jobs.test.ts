import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeDeployment, fleet, problem } from './transcript.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
after(() => rmSync(folder, { recursive: true }));

const jobId = '3f2a9c4e8b1d7a6050c3e9f1';
const job = {
  jobId,
  status: 'provisioning',
  source: 'http',
  name: 'list.csv',
  enrollmentGroup: 'line7',
  onConflict: 'reject',
  counts: { total: 10, provisioned: 4, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, waiting: 6 },
  retrying: 0,
  repairs: {},
  warnings: {},
  percent: 40,
  rowsPerSecond: 2,
  remainingSeconds: 3,
  chunks: 1,
  receivedAt: '2026-11-27T11:00:00.000Z',
  links: { self: '', errors: '', results: '', devices: '' },
};
const ended = {
  ...job,
  status: 'completedWithErrors',
  counts: { ...job.counts, provisioned: 9, rejected: 1, waiting: 0 },
  percent: 100,
  rowsPerSecond: 0,
  remainingSeconds: undefined,
  finishedAt: '2026-11-27T11:00:05.000Z',
};
const list = join(folder, 'list.csv');
writeFileSync(list, 'deviceId\ngw-1\n');

describe('fleet jobs', () => {
  it('writes a table for people, and says when there are more', async () => {
    await using deployment = await fakeDeployment({ 'GET /api/jobs': { json: { jobs: [job, ended] } } });
    const { code, out, err } = await fleet('jobs --since 2026-11-27', deployment);
    assert.equal(code, 0, err);
    assert.equal(
      out,
      [
        'JOB                       STATUS               NAME      GROUP  ROWS  GOOD  REJECTED  FAILED  WAITING  RECEIVED (UTC)',
        '3f2a9c4e8b1d7a6050c3e9f1  provisioning         list.csv  line7    10     4         0       0        6  2026-11-27 11:00:00',
        '3f2a9c4e8b1d7a6050c3e9f1  completedWithErrors  list.csv  line7    10     9         1       0        0  2026-11-27 11:00:00',
        '',
      ].join('\n'),
    );
    assert.equal(deployment.seen[0]?.path, '/api/jobs?limit=100&since=2026-11-27');
    assert.equal(deployment.seen[0]?.headers['x-functions-key'], 'secret-key-of-test');
  });

  it('reads every page for machines, and nothing but data is on stdout', async () => {
    await using deployment = await fakeDeployment({
      'GET /api/jobs': [{ json: { jobs: [job], continuation: 'next' } }, { json: { jobs: [ended] } }],
    });
    const { out, err } = await fleet('jobs -o jsonl', deployment);
    assert.equal(err, '');
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).status),
      ['provisioning', 'completedWithErrors'],
    );
    assert.equal(deployment.seen[1]?.path, '/api/jobs?limit=1000&continuation=next');
  });

  it('shows what a list could write to the terminal, and does not do it', async () => {
    const name = 'a\u001b[2Jb\u202e.csv';
    await using deployment = await fakeDeployment({ 'GET /api/jobs': { json: { jobs: [{ ...job, name }] } } });
    const { out } = await fleet('jobs', deployment);
    assert.ok(out.includes('a\\x1b[2Jb\\u202e.csv'), out);
    assert.equal(JSON.parse((await fleet('jobs --json', deployment)).out)[0].name, name);
  });

  it('writes no formula into a CSV file', async () => {
    await using deployment = await fakeDeployment({ 'GET /api/jobs': { json: { jobs: [{ ...job, name: '=1+1' }] } } });
    assert.match((await fleet('jobs -o csv', deployment)).out, /,'=1\+1,/);
  });
});

describe('errors of the API', () => {
  it('name the list in which to look for what is not there', async () => {
    await using deployment = await fakeDeployment({
      [`GET /api/jobs/${jobId}`]: problem(404, 'not-found', 'There is no job.'),
      'GET /api/enrollment-groups/line9': problem(404, 'not-found', 'There is no group.'),
    });
    assert.match((await fleet(`job show ${jobId}`, deployment)).err, /\nhint: .*\nnext: fleet jobs\n/);
    assert.match((await fleet('group show line9', deployment)).err, /\nhint: .*\nnext: fleet groups\n/);
  });

  it('have the message, the code, the hint, the trace and an exit code', async () => {
    const cases = [
      [
        problem(404, 'not-found', 'There is no job.'),
        3,
        'error: There is no job. (not-found)\nhint: Do this next.\nnext: fleet jobs\ntrace: trace-1\n',
      ],
      [
        problem(403, 'forbidden', 'The role is missing.'),
        4,
        'error: The role is missing. (forbidden)\nhint: Do this next.\ntrace: trace-1\n',
      ],
      [
        problem(400, 'request-invalid', 'Two faults.', {
          faults: [
            { path: 'a', message: 'A' },
            { path: 'b', message: 'B' },
          ],
        }),
        1,
        'error: Two faults. (request-invalid)\n  a: A\n  b: B\nhint: Do this next.\ntrace: trace-1\n',
      ],
      [
        { status: 401 },
        4,
        /^error: The deployment does not know the caller \(401\)\.\nhint: .*\nnext: fleet doctor\n$/,
      ],
      [
        { status: 302, headers: { location: 'https://login.example/' } },
        1,
        /sends the request to https:\/\/login\.example\/ \(302\)\.\nhint: /,
      ],
      [{ status: 404 }, 1, /answered 404, without a reason\.\nhint: Check the URL/],
    ] as const;
    for (const [answer, code, text] of cases) {
      await using deployment = await fakeDeployment({ [`GET /api/jobs/${jobId}`]: answer });
      const result = await fleet(`job show ${jobId}`, deployment);
      assert.equal(result.code, code, result.err);
      assert.equal(result.out, '');
      if (typeof text === 'string') assert.equal(result.err, text);
      else assert.match(result.err, text);
      assert.doesNotMatch(result.err, /secret-key/);
    }
  });

  it('say which deployment cannot be reached', async () => {
    const env = { FLEET_URL: 'http://127.0.0.1:9', FLEET_KEY: 'x' };
    const { code, err } = await fleet('jobs', { env });
    assert.equal(code, 1);
    assert.match(err, /^error: Cannot reach http:\/\/127\.0\.0\.1:9: .*\nhint: Run fleet doctor\.\n$/);
  });

  it('are waited for when the deployment is busy', async () => {
    await using deployment = await fakeDeployment({
      'GET /api/jobs': [{ status: 503, headers: { 'retry-after': '1' } }, { json: { jobs: [] } }],
    });
    assert.deepEqual(await fleet('jobs --json', deployment), { code: 0, out: '[]\n', err: 'There are none.\n' });
    assert.equal(deployment.seen.length, 2);
  });
});

describe('fleet submit and job watch', () => {
  it('submits a list, waits, and ends with 5 when rows are rejected', async () => {
    const headers = { etag: '"1"', 'retry-after': '1' };
    await using deployment = await fakeDeployment({
      'POST /api/jobs': { status: 202, json: job },
      [`GET /api/jobs/${jobId}`]: [
        { json: job, headers },
        { status: 304, headers },
        { json: ended, headers },
      ],
    });
    const { code, out, err } = await fleet(`submit ${list} -g line7 --watch`, deployment);
    assert.equal(code, 5, err);
    assert.equal(
      err,
      [
        `Submitted ${list} as job ${jobId}.`,
        'provisioning: 4 of 10, 2 rows/s, 3 s left',
        `next: fleet job errors ${jobId} -o csv > fix.csv`,
        '',
      ].join('\n'),
    );
    assert.match(out, /^status +completedWithErrors$/m);
    assert.match(out, /^rows +10: 9 provisioned, 1 rejected$/m);
    const [sent, , again] = deployment.seen;
    assert.equal(sent?.path, '/api/jobs?enrollmentGroup=line7');
    assert.equal(sent?.body, 'deviceId\ngw-1\n');
    assert.equal(sent?.headers['content-type'], 'text/csv');
    assert.equal(sent?.headers['idempotency-key'], '00000000-0000-4000-8000-000000000001');
    assert.equal(again?.headers['if-none-match'], '"1"');
  });

  it('sends a list again under the same key when the deployment is busy', async () => {
    await using deployment = await fakeDeployment({
      'POST /api/jobs': [problem(503, 'unavailable', 'Busy.'), { status: 202, json: job }],
    });
    const { code, out } = await fleet(`submit ${list} --json`, deployment);
    assert.equal(code, 0);
    assert.equal(JSON.parse(out).jobId, jobId);
    const keys = deployment.seen.map(({ headers, body }) => [headers['idempotency-key'], body]);
    assert.deepEqual(keys[0], keys[1]);
  });

  it('ends with 6 when the time is over, and says how to go on', async () => {
    await using deployment = await fakeDeployment({ [`GET /api/jobs/${jobId}`]: { json: job } });
    let clock = 0;
    const now = () => {
      clock += 1000;
      return new Date(clock);
    };
    const { code, err } = await fleet(`job watch ${jobId} --timeout 10s -q`, { ...deployment, now });
    assert.deepEqual(
      [code, err],
      [6, `error: Job ${jobId} has not ended in time. It goes on.\nnext: fleet job watch ${jobId}\n`],
    );
  });

  it('ends with 130 after Ctrl-C', async () => {
    const { CliError } = await import('../../cli/errors.ts');
    const interruption = new AbortController();
    await using deployment = await fakeDeployment({
      [`GET /api/jobs/${jobId}`]: () => {
        interruption.abort(new CliError(130, 'Interrupted.'));
        return { json: job };
      },
    });
    const { code, err } = await fleet(`job watch ${jobId} -q`, { ...deployment, signal: interruption.signal });
    assert.deepEqual([code, err], [130, 'error: Interrupted.\n']);
  });

  it('asks before it cancels a job, and says how many rows that concerns', async () => {
    await using deployment = await fakeDeployment({
      [`GET /api/jobs/${jobId}`]: { json: job },
      [`POST /api/jobs/${jobId}/cancel`]: { status: 202, json: { ...job, status: 'cancelled' } },
    });
    const unasked = await fleet(`job cancel ${jobId}`, deployment);
    assert.equal(unasked.code, 2);
    const no = await fleet(`job cancel ${jobId}`, { ...deployment, isTerminal: true, stdin: 'n\n' });
    assert.equal(no.code, 1);
    assert.match(no.err, /6 rows will not be provisioned, 4 rows stay as they are\. \[y\/N\]/);
    assert.deepEqual(
      deployment.seen.map(({ method }) => method),
      ['GET', 'GET'],
    );
    const none = await fleet(`job cancel ${jobId}`, { ...deployment, isTerminal: true });
    assert.match(none.err, /error: There was no answer\. Nothing was done\.\n$/);
    assert.equal((await fleet(`job cancel ${jobId} --yes`, deployment)).code, 0);
  });
});

describe('fleet job fetch', () => {
  const content = { 'gw-1': 'bundle one', 'gw-2': 'bundle two' };
  const device = (deviceId: keyof typeof content, more: object = {}) => ({
    deviceId,
    enrollmentGroup: 'line7',
    job: { jobId, line: 2, link: '' },
    certificate: { serialNumber: '0a', sha256Thumbprint: 'AB', notAfter: '2027-11-27T00:00:00.000Z' },
    bundle: {
      fileName: `${deviceId}.tar.gz`,
      bytes: 10,
      sha256: createHash('sha256').update(content[deviceId]).digest('hex'),
      link: `/api/devices/${deviceId}/bundle`,
      ...more,
    },
  });
  const routes = {
    [`GET /api/jobs/${jobId}`]: { json: ended },
    'GET /api/devices': [
      { json: { devices: [device('gw-2')], continuation: '2' } },
      { json: { devices: [device('gw-1')] } },
    ],
    'GET /api/enrollment-groups/line7': { json: { definition: { labelUrl: 'https://id.example/{deviceId}' } } },
    'GET /api/devices/gw-1/bundle': { body: content['gw-1'] },
    'GET /api/devices/gw-2/bundle': { body: content['gw-2'] },
  };

  it('loads all bundles with an index and labels, and only what is missing at the second time', async () => {
    const out = join(folder, 'lot');
    await using first = await fakeDeployment(routes);
    const done = await fleet(`job fetch ${jobId} --out ${out}`, first);
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(readdirSync(join(out, 'bundles')), ['gw-1.tar.gz', 'gw-2.tar.gz']);
    assert.equal(readFileSync(join(out, 'bundles/gw-1.tar.gz'), 'utf8'), content['gw-1']);
    assert.equal(statSync(join(out, 'bundles/gw-1.tar.gz')).mode & 0o777, 0o600);
    const index = readFileSync(join(out, 'index.csv'), 'utf8');
    assert.match(
      index,
      /^deviceId,file,sha256,enrollmentGroup,line,serialNumber,sha256Thumbprint,notAfter\ngw-1,bundles\/gw-1\.tar\.gz,/,
    );
    assert.equal(
      readFileSync(join(out, 'labels.csv'), 'utf8'),
      'deviceId,label,serialNumber,labelUrl\ngw-1,gw-1,0a,https://id.example/gw-1\ngw-2,gw-2,0a,https://id.example/gw-2\n',
    );

    rmSync(join(out, 'bundles/gw-2.tar.gz'));
    await using second = await fakeDeployment(routes);
    const again = await fleet(`job fetch ${jobId} --out ${out} --label-url http://x/{deviceId} --json`, second);
    assert.match(readFileSync(join(out, 'labels.csv'), 'utf8'), /,http:\/\/x\/gw-2\n$/);
    assert.deepEqual(JSON.parse(again.out), { jobId, out, bundles: 2, downloaded: 1, failed: 0, withoutBundle: 0 });
    assert.deepEqual(
      second.seen.filter(({ path }) => path.endsWith('/bundle')).map(({ path }) => path),
      ['/api/devices/gw-2/bundle'],
    );
  });

  it('keeps no file that is not the recorded bundle, or whose name leads elsewhere', async () => {
    const out = join(folder, 'wrong');
    const devices = [device('gw-1', { sha256: '0'.repeat(64) }), device('gw-2', { fileName: '..' })];
    await using deployment = await fakeDeployment({ ...routes, 'GET /api/devices': { json: { devices } } });
    const { code, err } = await fleet(`job fetch ${jobId} --out ${out}`, deployment);
    assert.equal(code, 1);
    assert.match(err, /gw-1: error: The bundle of gw-1 has the SHA-256 [0-9a-f]{64}, the recorded one is 0{64}\./);
    assert.match(err, /gw-2: error: The bundle of gw-2 has the name "\.\."/);
    assert.deepEqual(readdirSync(join(out, 'bundles')), []);
  });
});
