import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeDeployment, fleet } from './transcript.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
after(() => rmSync(folder, { recursive: true }));

const rows = `deviceId\n${'x'.repeat(1024 * 1024)}\n`;
const fileOf = (name: string) => {
  const path = join(folder, name);
  writeFileSync(path, rows);
  return path;
};

const jobId = '3f2a9c4e8b1d7a6050c3e9f1';
const job = {
  jobId,
  status: 'received',
  source: 'http',
  name: 'line7/_upload/1.csv',
  onConflict: 'reject',
  counts: { total: 0, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, waiting: 0 },
  retrying: 0,
  repairs: {},
  warnings: {},
  percent: 0,
  rowsPerSecond: 0,
  chunks: 0,
  receivedAt: '2026-11-27T11:00:00.000Z',
  links: { self: '', errors: '', results: '', devices: '' },
};
const upload = { uploadId: 'u-1', status: 'waiting', blob: 'line7/_upload/1.csv', expiresAt: '', links: { self: '' } };

/** A deployment whose operations take so many bytes, and the storage beside it. */
async function deploymentOf(maxBodyBytes: number, stored = 201) {
  const storage = await fakeDeployment({ 'PUT /manifests/1.csv': { status: stored } });
  const headers = { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'text/csv' };
  const operations = ['submit-job', 'create-check'].map((id) => ({ id, role: 'submitter', maxBodyBytes }));
  const api = await fakeDeployment({
    'GET /api/me': { json: { operations } },
    'POST /api/jobs': { status: 202, json: job },
    'POST /api/uploads': {
      status: 201,
      json: { upload, url: `${storage.url}/manifests/1.csv?sig=s`, headers, command: '' },
    },
    'GET /api/uploads/u-1': [{ json: upload }, { json: { ...upload, status: 'submitted', jobId } }],
    [`GET /api/jobs/${jobId}`]: { json: job },
  });
  return {
    ...{ api, storage, env: api.env },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
    },
  };
}

describe('a list that is longer than what the deployment takes in a request', () => {
  it('is uploaded to the address that the deployment gives, without the key of the caller', async () => {
    await using deployment = await deploymentOf(1024 * 1024);
    const line = `submit ${fileOf('list.csv')} -g line7 --on-conflict replace --json`;
    const { code, out, err } = await fleet(line, deployment);
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).jobId, jobId);
    const asked = deployment.api.seen.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(asked, [
      'GET /api/me',
      'POST /api/uploads?enrollmentGroup=line7&onConflict=replace&format=csv',
      ...['GET /api/uploads/u-1', 'GET /api/uploads/u-1', `GET /api/jobs/${jobId}`],
    ]);
    const [put] = deployment.storage.seen;
    assert.deepEqual([put?.method, put?.path, put?.body === rows], ['PUT', '/manifests/1.csv?sig=s', true]);
    assert.equal(put?.headers['x-ms-blob-type'], 'BlockBlob');
    assert.equal(put?.headers['x-functions-key'], undefined);
  });

  it('is sent in a request to a deployment that takes it', async () => {
    await using deployment = await deploymentOf(2 * 1024 * 1024);
    const { code, err } = await fleet(`submit ${fileOf('list.csv')}`, deployment);
    assert.equal(code, 0, err);
    assert.deepEqual([deployment.api.seen.at(-1)?.path, deployment.storage.seen.length], ['/api/jobs', 0]);
  });

  it('fails with the answer of the storage, and without its address', async () => {
    await using deployment = await deploymentOf(1024, 403);
    const { code, err } = await fleet(`submit ${fileOf('list.csv')}`, deployment);
    assert.equal(code, 1);
    assert.match(err, /^error: 127\.0\.0\.1:\d+ answered 403 to the upload\.$/m);
    assert.doesNotMatch(err, /sig=/);
  });

  it('needs a name that gives its format', async () => {
    await using deployment = await deploymentOf(1024);
    const { code, err } = await fleet(`submit ${fileOf('list.txt')}`, deployment);
    assert.deepEqual([code, deployment.storage.seen.length], [1, 0]);
    assert.match(err, /Name the file \.csv, \.xlsx, \.ndjson or \.jsonl\./);
  });

  it('is checked by a dry run', async () => {
    await using deployment = await deploymentOf(1024);
    const { err } = await fleet(`check ${fileOf('list.csv')} --timeout 1s`, {
      ...deployment,
      now: (() => {
        let clock = 0;
        return () => {
          clock += 1_000;
          return new Date(clock);
        };
      })(),
    });
    assert.match(err, /The list is large, so job .* checks it\./);
    assert.ok(deployment.api.seen.some(({ path }) => path === '/api/uploads?dryRun=true&format=csv'));
  });
});
