import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import { type Job, waiting } from '../../../lib/jobs/job.ts';
import { ingestManifest } from '../../../lib/pipeline/ingest-manifest.ts';
import { submitManifest } from '../../../lib/pipeline/submit-manifest.ts';
import { someTime } from '../../factories.ts';
import { createWorld } from '../../world.ts';

const manifest = ['deviceId', 'gw-1', 'gw-2', 'gw-3', 'gw-4', ''].join('\n');

it('a job keeps its chunks when the rows per chunk change between two deliveries of its upload', async () => {
  using world = createWorld({ chunkRows: 3 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  const [event] = world.queue.splice(0);
  // Both messages are sent, and the worker dies before it says so.
  world.interruptAfter(8);
  await assert.rejects(async () => event?.run());
  assert.equal(world.queue.length, 2);
  const blobName = 'line7/list.csv';
  const etag = (await world.manifests.properties(blobName))?.etag ?? '';
  await ingestManifest({ blobName, etag }, { ...world.services(), chunkRows: 2 });
  // The first message comes last.
  world.queue.push(...world.queue.splice(0, 1));
  await world.settle();
  const { counts, status } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, waiting(counts)], ['completed', 4, 0]);
});

it('a job works on the version that was split when its manifest is overwritten or its event comes again', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  world.queue.push(...world.queue);
  await world.queue.shift()?.run();
  await world.manifests.write('line7/list.csv', Buffer.from('deviceId\nother-1\n'), { contentType: 'text/csv' });
  await world.settle();
  const { counts, status } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, counts.rejected], ['completed', 4, 0]);
  assert.deepEqual([...world.devices.records.keys()], ['gw-1', 'gw-2', 'gw-3', 'gw-4']);
});

it('a manifest that is overwritten before it is split fails its job', async () => {
  using world = createWorld();
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.manifests.write('line7/list.csv', Buffer.from('deviceId\nother-1\n'), { contentType: 'text/csv' });
  await world.settle();
  const { status, reason } = await world.job(jobId);
  assert.deepEqual([status, reason?.code], ['failed', 'manifest-gone']);
});

it('a job of an earlier version, which has no snapshot, reads the blob while it has its ETag', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  const { blob, etag } = (await world.job(jobId)).manifest;
  await world.jobs.update(jobId, ['provisioning'], { manifest: { blob, etag } });
  await world.settle();
  assert.equal((await world.job(jobId)).counts.provisioned, 4);
});

it('a name that no manifest has is refused, so that a dead letter tells of it', async () => {
  using world = createWorld();
  await assert.rejects(ingestManifest({ blobName: 'list.xls', etag: '1' }, world.services()), {
    code: 'manifest-format',
  });
});

it('a job names its submitter also when its event came first', async () => {
  using world = createWorld();
  const services = { ...world.services(), newId: () => 'an-id' };
  const eventFirst = {
    ...services.jobs,
    create: async (job: Job) => {
      const { submittedBy: _, ...byEvent } = job;
      await services.jobs.create(byEvent);
      return services.jobs.create(job);
    },
  };
  const body = Readable.from([Buffer.from(manifest)]);
  const submission = { body, format: 'csv', onConflict: 'reject' } as const;
  const { jobId } = await submitManifest(submission, { ...services, jobs: eventFirst }, 'a submitter');
  assert.deepEqual((await world.job(jobId)).submittedBy, { by: 'a submitter', at: someTime.toISOString() });
});

it('an upload that was stored though its answer was lost is a job', async () => {
  using world = createWorld();
  const { manifests } = world;
  const lossy = {
    ...manifests,
    createFrom: async (...given: Parameters<typeof manifests.createFrom>) => {
      await manifests.createFrom(...given);
      // The SDK sends it again, and finds what it sent before.
      return manifests.createFrom(...given);
    },
  };
  const services = { jobs: world.jobs, manifests: lossy, now: () => someTime, newId: () => 'an-id' };
  const submission = { body: Readable.from([Buffer.from(manifest)]), format: 'csv', onConflict: 'reject' } as const;
  const job = await submitManifest(submission, services);
  assert.equal((await world.job(job.jobId)).manifest.blob, '_http/an-id.csv');
});
