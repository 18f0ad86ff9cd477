import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { fakeDeployment } from './transcript.ts';

const program = resolve('cli/fleet.ts');
const base = { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`, HOME: '/nowhere' };
const jobId = '3f2a9c4e8b1d7a6050c3e9f1';
const counts = { total: 1, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, waiting: 1 };
const job = {
  jobId,
  status: 'provisioning',
  counts,
  percent: 0,
  rowsPerSecond: 0,
  retrying: 0,
  repairs: {},
  warnings: {},
};

describe('the process', () => {
  it('ends with 130 after Ctrl-C, with what it waits for left as it is', async () => {
    let child: ChildProcess | undefined;
    await using deployment = await fakeDeployment({
      [`GET /api/jobs/${jobId}`]: () => {
        child?.kill('SIGINT');
        return { json: job };
      },
    });
    child = spawn(process.execPath, [program, 'job', 'watch', jobId, '-q'], { env: { ...base, ...deployment.env } });
    const said = text(child.stderr as NonNullable<typeof child.stderr>);
    const [code] = await once(child, 'exit');
    assert.deepEqual([code, await said], [130, 'error: Interrupted.\n']);
  });

  it('ends in silence when the reader of its data has enough', async () => {
    const devices = Array.from({ length: 1000 }, (_, index) => ({ deviceId: `gw-${index}`, history: 'x'.repeat(200) }));
    await using deployment = await fakeDeployment({ 'GET /api/devices': { json: { devices, continuation: 'next' } } });
    const line = `"${process.execPath}" "${program}" devices -o jsonl | head -1; echo "\${PIPESTATUS[0]}"`;
    const { promise, resolve: done } = Promise.withResolvers<{ out: string; err: string }>();
    execFile('bash', ['-c', line], { env: { ...base, ...deployment.env } }, (_error, out, err) => done({ out, err }));
    const { out, err } = await promise;
    assert.match(out, /^\{"deviceId":"gw-0".*\n0\n$/);
    assert.equal(err, '');
  });
});
