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
  world.interruptAfter(9);
  await assert.rejects(async () => event?.run(), { message: 'after send' });
  assert.equal(world.queue.length, 2);
  const blobName = 'line7/list.csv';
  const etag = (await world.manifests.properties(blobName))?.etag ?? '';
  await ingestManifest({ blobName, etag, bytes: 1 }, { ...world.services(), chunkRows: 2 });
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

for (const [name, message] of [
  ['line7/list.xlsm', /does not end in \.csv/],
  ['list.xls', /does not end in/],
  ['list.txt', /does not end in/],
  ['list.json', /does not end in/],
  ['list.csv ', /Remove the blank/],
  ['list.csv.gz', /Unpack the file/],
  ['noname', /does not end in/],
] as const) {
  it(`a blob that is no manifest by its name is a failed job: ${name}`, async () => {
    using world = createWorld();
    const jobId = await world.upload(name, manifest);
    // Event Grid delivers at least once.
    world.queue.push(...world.queue);
    await world.settle();
    const { status, reason, finishedAt, format } = await world.job(jobId);
    assert.deepEqual([status, reason?.code, format], ['failed', 'manifest-format', undefined]);
    assert.match(reason?.message ?? '', message);
    assert.equal(finishedAt, someTime.toISOString());
  });
}

it('an empty blob makes no job, and its event changes nothing when it comes last', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  // A tool creates the file, then writes it: two events, of which the first comes last.
  await world.upload('line7/list.csv', '');
  const created = world.queue.splice(0);
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.settle();
  const before = await world.job(jobId);
  world.queue.push(...created);
  await world.settle();
  assert.equal(before.status, 'completed');
  assert.deepEqual((await world.jobs.list({ size: 10 })).items, [before]);
});

it('metadata counts in any case', async () => {
  using world = createWorld();
  const jobId = await world.upload('list.csv', manifest, { OnConflict: 'Replace', uploadedBy: 'azcopy', group: 'it' });
  await world.settle();
  const { onConflict, reason } = await world.job(jobId);
  assert.deepEqual([onConflict, reason], ['replace', undefined]);
});

for (const [metadata, message] of [
  [{ onconflict: 'overwrite' }, /onconflict: is "overwrite" \(expected reject, replace, reissue\)/],
  [{ onconflict: '' }, /onconflict: is "" \(expected reject/],
  [{ on_conflict: 'replace' }, /on_conflict: is not known \(did you mean onconflict\?\)/],
  [{ onconflit: 'replace' }, /onconflit: is not known \(did you mean onconflict\?\)/],
  [{ enrollmentGroup: 'line7' }, /enrollmentgroup: is not known \(name the group by the folder/],
  [{ orderid: 'PO 4711' }, /orderid: is "PO 4711" \(expected base64url/],
  [{ orderreference: 'W10' }, /orderreference: is "W10" \(expected base64url of a JSON object\)/],
  [{ allowedgroups: 'line7,../x' }, /allowedgroups: has "\.\.\/x"/],
] as const) {
  it(`metadata that is not known fails the job: ${JSON.stringify(metadata)}`, async () => {
    using world = createWorld();
    const jobId = await world.upload('list.csv', manifest, metadata);
    await world.settle();
    const { status, reason, allowedGroups } = await world.job(jobId);
    assert.deepEqual([status, reason?.code], ['failed', 'manifest-metadata']);
    assert.match(reason?.message ?? '', message);
    // A limit that is wrong does not become no limit.
    assert.equal(allowedGroups === undefined, !('allowedgroups' in metadata));
  });
}

for (const folder of ['Line7', 'line 7', 'LINE_7', 'line-7']) {
  it(`a folder that looks like a group is refused once: ${folder}`, async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(`${folder}/list.csv`, manifest);
    await world.settle();
    const { status, reason, counts } = await world.job(jobId);
    assert.deepEqual([status, reason?.code, counts.total], ['failed', 'group-unknown', 0]);
    assert.match(reason?.message ?? '', /Did you mean "line7"\? Upload the manifest to the folder line7\//);
  });
}

it('a folder that is no group is a folder: rows name their own group', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('2026-11/list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,\n');
  await world.settle();
  const { status, counts } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, counts.rejected], ['completedWithErrors', 1, 1]);
});

it('a group that is a folder is found although the worker does not know it yet', async () => {
  let at = someTime.getTime();
  using world = createWorld({ now: () => new Date(at++) });
  await world.declare('line_7', { keyCustody: 'plain' });
  const services = world.services();
  await services.groups.directory();
  await world.declare('line-7', { keyCustody: 'plain' });
  await world.upload('line-7/list.csv', manifest);
  const [event] = world.queue.splice(0);
  await ingestManifest(event?.message as never, services);
  await world.settle();
  const [job] = (await world.jobs.list({ size: 10 })).items;
  assert.deepEqual([job?.status, job?.counts.provisioned], ['completed', 4]);
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
  const { groups } = world.services();
  const services = { jobs: world.jobs, manifests: lossy, groups, now: () => someTime, newId: () => 'an-id' };
  const submission = { body: Readable.from([Buffer.from(manifest)]), format: 'csv', onConflict: 'reject' } as const;
  const job = await submitManifest(submission, services);
  assert.equal((await world.job(job.jobId)).manifest.blob, '_http/an-id.csv');
});

for (const [defaultGroup, message] of [
  ['line8', /no enrollment group "line8"/],
  ['lien7', /Did you mean "line7"\?/],
] as const) {
  it(`an upload for a group that is not declared is refused at once: ${defaultGroup}`, async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const body = Readable.from([Buffer.from(manifest)]);
    const submission = { body, format: 'csv', defaultGroup, onConflict: 'reject' } as const;
    const services = { ...world.services(), newId: () => 'an-id' };
    await assert.rejects(submitManifest(submission, services), { code: 'not-found', status: 404, message });
    assert.equal(world.manifests.blobs.size, 0);
    assert.deepEqual((await world.jobs.list({ size: 10 })).items, []);
  });
}
