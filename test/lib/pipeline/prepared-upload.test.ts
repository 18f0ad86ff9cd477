import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareUpload, readUploadState } from '../../../lib/pipeline/prepared-upload.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const manifest = 'deviceId\ngw-1\ngw-2\n';
const request = { format: 'csv', onConflict: 'reject' } as const;

async function openWorld(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = createWorld(options);
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain' });
  return world;
}

describe('an upload that was announced over HTTP', () => {
  it('becomes a job of its caller, with what the caller asked for', async () => {
    using world = await openWorld();
    const asked = { ...request, onConflict: 'replace', defaultGroup: 'line7' } as const;
    const upload = await prepareUpload(asked, world.services(), 'Ada (1)');
    assert.match(upload.blob, /^line7\/_upload\/id-\d+\.csv$/);
    assert.equal(upload.expiresAt, new Date(someTime.getTime() + 15 * 60_000).toISOString());
    const jobId = await world.upload(upload.blob, manifest);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.status, job.counts.provisioned], ['completed', 2]);
    assert.deepEqual([job.source, job.defaultGroup, job.onConflict], ['http', 'line7', 'replace']);
    assert.deepEqual(job.submittedBy, { by: 'Ada (1)', at: someTime.toISOString() });
  });

  // Whoever has the address can set metadata of the blob.
  it('keeps the limits of its caller whatever the metadata of the blob says', async () => {
    using world = await openWorld();
    const limited = { ...world.services(), allowedGroups: ['line7'] };
    const upload = await prepareUpload(request, limited, 'Ada (1)');
    const forged = { allowedgroups: 'line7,line8', orderid: 'Zm9yZ2Vk', onconflict: 'reissue' };
    const rows = 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line8\n';
    const jobId = await world.upload(upload.blob, rows, forged);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual(job.allowedGroups, ['line7']);
    assert.deepEqual([job.source, job.onConflict], ['http', 'reject']);
    assert.deepEqual([job.counts.provisioned, job.counts.rejected], [1, 1]);
  });

  it('can be a dry run, and rest on a check', async () => {
    using world = await openWorld();
    const dry = await prepareUpload({ ...request, dryRun: true, defaultGroup: 'line7' }, world.services());
    const dryJob = await world.upload(dry.blob, manifest);
    await world.settle();
    assert.equal((await world.job(dryJob)).status, 'checked');
    const check = `sha256:${'0'.repeat(64)}`;
    const checked = await prepareUpload({ ...request, check, defaultGroup: 'line7' }, world.services());
    const jobId = await world.upload(checked.blob, manifest);
    await world.settle();
    assert.equal((await world.job(jobId)).reason?.code, 'check-changed');
    assert.equal(world.devices.records.size, 0);
  });

  it('needs a group that the caller may use, and one that is declared', async () => {
    using world = await openWorld();
    const limited = { ...world.services(), allowedGroups: ['line7'] };
    await assert.rejects(prepareUpload({ ...request, defaultGroup: 'line8' }, limited), { code: 'forbidden' });
    await assert.rejects(prepareUpload({ ...request, defaultGroup: 'line9' }, world.services()), { code: 'not-found' });
    assert.equal(world.reports.blobs.size, 0);
  });

  it('has no effect on a blob of another name', async () => {
    using world = await openWorld();
    const upload = await prepareUpload({ ...request, defaultGroup: 'line7' }, world.services(), 'Ada (1)');
    const jobId = await world.upload(upload.blob.replace('line7/', 'line8/'), manifest);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.submittedBy, job.defaultGroup], [undefined, 'line8']);
  });

  it('is waited for, then received, then submitted; without a list it expires', async () => {
    let now = someTime;
    using world = await openWorld({ now: () => now });
    const { id, blob } = await prepareUpload({ ...request, defaultGroup: 'line7' }, world.services());
    const status = async (of = id) => (await readUploadState(of, world.services())).status;
    const other = await prepareUpload(request, world.services());
    assert.equal(await status(), 'waiting');
    const jobId = await world.upload(blob, manifest);
    assert.equal(await status(), 'received');
    await world.settle();
    const state = await readUploadState(id, world.services());
    assert.deepEqual([state.status, state.jobId], ['submitted', jobId]);
    now = new Date(someTime.getTime() + 16 * 60_000);
    assert.equal(await status(other.id), 'expired');
    await assert.rejects(status('id-999'), { code: 'not-found' });
  });

  it('is not shown to a caller of other groups', async () => {
    using world = await openWorld();
    const { id } = await prepareUpload(request, { ...world.services(), allowedGroups: ['line7'] });
    const readAs = (allowedGroups: string[]) => readUploadState(id, { ...world.services(), allowedGroups });
    assert.equal((await readAs(['line7'])).status, 'waiting');
    await assert.rejects(readAs(['line8']), { code: 'forbidden' });
    const unlimited = await prepareUpload(request, world.services());
    const read = readUploadState(unlimited.id, { ...world.services(), allowedGroups: ['line7'] });
    await assert.rejects(read, { code: 'forbidden' });
  });
});
