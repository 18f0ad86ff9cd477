import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CliError } from '../../cli/errors.ts';
import { fakeDeployment, fleet, problem, someNow } from './transcript.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), someNow, someNow);
  }
  return folder;
}

const jobId = '3f2a9c4e8b1d7a6050c3e9f1';
const counts = { total: 1, provisioned: 1, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, waiting: 0 };
const job = {
  jobId,
  status: 'completed',
  counts,
  percent: 100,
  rowsPerSecond: 0,
  retrying: 0,
  finishedAt: '2026-11-27T11:00:00.000Z',
};
const routes = {
  'POST /api/jobs': { status: 202, json: job },
  [`GET /api/jobs/${jobId}`]: { json: job },
  [`GET /api/jobs/${jobId}/results`]: { body: 'line,deviceId\n2,gw-1\n' },
  [`GET /api/jobs/${jobId}/errors`]: { body: 'line,code\n2,device-id-invalid\n' },
};
/** A clock that moves by four seconds with each look at it. */
function clock(): () => Date {
  let milliseconds = 0;
  return () => {
    milliseconds += 4000;
    return new Date(milliseconds);
  };
}

describe('fleet watch-folder', () => {
  it('takes what is quiet, and puts the report beside it', async () => {
    const folder = folderOf({
      'a.csv': 'deviceId\ngw-1\n',
      '.hidden.csv': 'x',
      '~$a.xlsx': 'x',
      'b.csv.tmp': 'x',
      'notes.txt': 'x',
    });
    await using deployment = await fakeDeployment(routes);
    const { code, out } = await fleet(`watch-folder ${folder} -g line7 --once`, { ...deployment, now: clock() });
    assert.equal(code, 0);
    assert.equal(out, 'a.csv -> done/a.csv (completed)\n');
    assert.deepEqual(readdirSync(join(folder, 'done')).sort(), ['a.csv', 'a.csv.job.json', 'a.csv.results.csv']);
    assert.deepEqual(readdirSync(folder).sort(), [
      '.hidden.csv',
      'b.csv.tmp',
      'done',
      'failed',
      'notes.txt',
      '~$a.xlsx',
    ]);
    assert.equal(deployment.seen[0]?.path, '/api/jobs?enrollmentGroup=line7');
  });

  it('puts a file with rejected rows and one that is refused to the failed ones', async () => {
    const rejected = { ...job, status: 'completedWithErrors', counts: { ...counts, provisioned: 0, rejected: 1 } };
    const folder = folderOf({ 'a.csv': 'deviceId\nGW-1\n', 'b.csv': '' });
    await using deployment = await fakeDeployment({
      ...routes,
      'POST /api/jobs': ({ body }) =>
        body === '' ? problem(400, 'manifest-empty', 'No body.') : { status: 202, json: job },
      [`GET /api/jobs/${jobId}`]: { json: rejected },
    });
    const { code, out } = await fleet(`watch-folder ${folder} --once -o jsonl`, { ...deployment, now: clock() });
    assert.equal(code, 5);
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).to),
      ['failed/a.csv', 'failed/b.csv'],
    );
    assert.equal(readFileSync(join(folder, 'failed/a.csv.errors.csv'), 'utf8'), 'line,code\n2,device-id-invalid\n');
    assert.match(readFileSync(join(folder, 'failed/b.csv.error.txt'), 'utf8'), /^error: No body\. \(manifest-empty\)/);
  });

  it('sends a file under the same key after a crash, and under another when it is put there again', async () => {
    const text = 'deviceId\ngw-1\n';
    const folder = folderOf({ 'a.csv': text });
    const interruption = new AbortController();
    await using deployment = await fakeDeployment({
      ...routes,
      [`GET /api/jobs/${jobId}`]: [{ json: { ...job, finishedAt: undefined } }, { json: job }],
      'POST /api/jobs': ({ headers }) => {
        keys.push(String(headers['idempotency-key']));
        if (keys.length === 1) interruption.abort(new CliError(130, 'Interrupted.'));
        return { status: 202, json: job };
      },
    });
    const keys: string[] = [];
    const cut = await fleet(`watch-folder ${folder} --once`, {
      ...deployment,
      now: clock(),
      signal: interruption.signal,
    });
    assert.equal(cut.code, 130);
    assert.ok(readdirSync(folder).includes('a.csv'));
    await fleet(`watch-folder ${folder} --once`, { ...deployment, now: clock() });
    writeFileSync(join(folder, 'a.csv'), text);
    await fleet(`watch-folder ${folder} --once`, { ...deployment, now: clock() });
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[1], keys[2]);
    assert.ok(readdirSync(join(folder, 'done')).includes(`a.${jobId}.csv`));
  });

  it('submits a file again that was written to while it was submitted', async () => {
    const folder = folderOf({ 'a.csv': 'deviceId\ngw-1\n' });
    const bodies: string[] = [];
    await using deployment = await fakeDeployment({
      ...routes,
      'POST /api/jobs': ({ body }) => {
        bodies.push(body);
        if (bodies.length === 1) appendFileSync(join(folder, 'a.csv'), 'gw-2\n');
        // Half of a line: a file that is refused may not be whole either.
        if (bodies.length === 2) appendFileSync(join(folder, 'a.csv'), 'gw-3\n');
        return bodies.length === 2 ? problem(400, 'manifest-invalid', 'No list.') : { status: 202, json: job };
      },
    });
    const { code, out, err } = await fleet(`watch-folder ${folder} --once`, { ...deployment, now: clock() });
    assert.equal(code, 0, err);
    assert.equal(bodies.at(-1), 'deviceId\ngw-1\ngw-2\ngw-3\n');
    assert.equal(bodies.length, 3);
    assert.equal(out, 'a.csv -> done/a.csv (completed)\n');
    assert.equal(err.match(/a\.csv: it was written to while it was submitted\./g)?.length, 2);
    assert.deepEqual(readdirSync(join(folder, 'failed')), []);
  });

  it('leaves a file where it is while the deployment cannot be reached', async () => {
    const folder = folderOf({ 'a.csv': 'deviceId\ngw-1\n' });
    await using deployment = await fakeDeployment({
      ...routes,
      'POST /api/jobs': [
        ...Array.from({ length: 4 }, () => problem(503, 'unavailable', 'Busy.')),
        { status: 202, json: job },
      ],
    });
    const { code, err } = await fleet(`watch-folder ${folder} --once`, { ...deployment, now: clock() });
    assert.equal(code, 0);
    assert.match(err, /a\.csv: error: Busy\. \(unavailable\)/);
    assert.ok(readdirSync(join(folder, 'done')).includes('a.csv'));
  });
});
