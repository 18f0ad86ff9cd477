import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { currentStatus, waiting } from '../../../lib/jobs/job.ts';
import { resultPage } from '../../../lib/jobs/report-pages.ts';
import { jobErrors, jobResults } from '../../../lib/jobs/reports.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { someDevice } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, type World } from '../../world.ts';

const manifest = [
  'deviceId,enrollmentGroup,tags.slot:number',
  'gw-001,line7,1',
  'gw-002,line7,2',
  'GW-003,line7,3',
  'gw-004,nowhere,4',
  'gw-005,line7,5',
  'gw-006,line8,6',
  'gw-001,line7,7',
  'gw-007,line8,seven',
  'gw-008,line7,8',
  'gw-009,line8,9',
  'gw-010,line7,10',
  '',
].join('\n');

async function someWorld(chunkRows = 5): Promise<World> {
  const world = createWorld({ chunkRows });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain', enrollment: 'individual' });
  return world;
}

const dryRun = (world: World, text = manifest) => world.upload('list.csv', text, { dryrun: 'true' });

/** All that a dry run must not touch. */
const fleet = ({ devices, bundles, enrollments }: World) => ({
  records: [...devices.records],
  bundles: [...bundles.blobs.keys()],
  calls: { ...enrollments.calls },
});

async function endOf(world: World, jobId: string) {
  const { status, counts, check, repairs } = await world.job(jobId);
  return { status, counts, check, repairs, reports: [...world.reports.blobs].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

describe('a dry run', () => {
  it('ends as checked, with outcomes, reports and an estimate', async () => {
    using world = await someWorld();
    const before = fleet(world);
    const jobId = await dryRun(world);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual(fleet(world), before);
    assert.equal(currentStatus(job), 'checked');
    assert.deepEqual(job.check?.outcomes, { new: 7, unchanged: 0, replaced: 0, reissued: 0, refused: 4 });
    const { total, checked, rejected } = job.counts;
    assert.deepEqual([total, checked, rejected, waiting(job.counts)], [11, 7, 4, 0]);
    assert.match(job.check?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual([job.check?.estimate.devices, job.check?.estimate.binding], [7, 'hub']);
    const codes = job.check?.faults.map(({ code, rows, first }) => [code, rows, first[0]?.line]);
    assert.deepEqual(codes, [
      ['device-id-invalid', 1, 4],
      ['group-unknown', 1, 5],
      ['device-id-duplicate', 1, 8],
      ['value-type', 1, 9],
    ]);
    const results = await Array.fromAsync(jobResults(jobId, world.services()));
    assert.deepEqual(
      results.map(({ line, status, serialNumber }) => [line, status, serialNumber]),
      [2, 3, 6, 7, 10, 11, 12].map((line) => [line, 'new', '']),
    );
    assert.deepEqual((await resultPage(jobId, { size: 100 }, world.services())).items, results);
    assert.equal((await Array.fromAsync(jobErrors(jobId, world.services()))).length, 4);
  });

  it('that is interrupted ends as it would have, whichever call was the last one', async () => {
    using calm = await someWorld();
    await calm.devices.create([someDevice({ id: 'gw-002' })]);
    const calmJob = await dryRun(calm);
    calm.interruptAfter(0);
    const calls = await calm.settle();
    const expected = await endOf(calm, calmJob);
    assert.equal(expected.status, 'checked');
    assert.ok(calls > 15, `the dry run makes ${calls} calls`);
    for (let call = 1; call <= calls; call++) {
      using world = await someWorld();
      await world.devices.create([someDevice({ id: 'gw-002' })]);
      const before = fleet(world);
      const jobId = await dryRun(world);
      world.interruptAfter(call);
      await world.settle();
      assert.deepEqual(await endOf(world, jobId), expected, `interrupted after call ${call}`);
      assert.deepEqual(fleet(world), before);
    }
  });

  it('keeps what it has found when records change while it is delivered again', async () => {
    using world = await someWorld();
    const jobId = await dryRun(world);
    world.failOn('count');
    const [delivery] = world.queue;
    await assert.rejects(async () => delivery?.run(), { message: 'before count' });
    await world.devices.create([someDevice({ id: 'gw-001' })]);
    await world.settle();
    const { outcomes } = (await world.job(jobId)).check ?? {};
    assert.equal(outcomes?.new, 7);
  });

  it('lets a later row have the device of a row that would fail', async () => {
    using world = createWorld({ chunkRows: 1 });
    await world.declare('line7', { keyCustody: 'device' });
    await world.declare('line8', { keyCustody: 'plain' });
    const text = 'deviceId,enrollmentGroup,csr\ngw-1,line7,MIIBADCB\ngw-1,line8,\ngw-1,line8,\n';
    const jobId = await dryRun(world, text);
    const realId = await world.upload('real.csv', text);
    await world.settle();
    const { check } = await world.job(jobId);
    const real = await world.job(realId);
    assert.deepEqual(
      check?.faults.map(({ code }) => code),
      ['csr-invalid', 'device-id-duplicate'],
    );
    assert.deepEqual([check?.outcomes.new, real.counts.provisioned], [1, 1]);
  });

  it('finds the same key in two rows of two chunks, also when it was cut in between', async () => {
    const { makeRequestDer } = await import('../pki/make-request.ts');
    const { generateKeyPairSync } = await import('node:crypto');
    const csr = makeRequestDer(generateKeyPairSync('ec', { namedCurve: 'P-256' })).toString('base64');
    const text = `deviceId,enrollmentGroup,csr\ngw-1,line7,${csr}\ngw-2,line7,${csr}\n`;
    for (const cut of [false, true]) {
      using world = createWorld({ chunkRows: 1 });
      await world.declare('line7', { keyCustody: 'device' });
      const jobId = await dryRun(world, text);
      if (cut) world.failOn('count');
      await world.settle();
      assert.match((await world.job(jobId)).check?.faults[0]?.first[0]?.message ?? '', /key-reuse.*gw-1/);
    }
  });

  it('has the status failed when the file is no manifest', async () => {
    using world = await someWorld();
    const jobId = await dryRun(world, 'name\nx\n');
    await world.settle();
    const { status, reason } = await world.job(jobId);
    assert.deepEqual([status, reason?.code], ['failed', 'manifest-header']);
  });

  it('is asked for in any case of letters, and a misspelt value provisions nothing', async () => {
    using world = await someWorld();
    const ends = new Map<string, string>();
    const values = ['True', ' TRUE ', 'yes', '1', 'False'];
    for (const [index, dryrun] of values.entries())
      ends.set(await world.upload(`list-${index}.csv`, 'deviceId,enrollmentGroup\ngw-1,line7\n', { dryrun }), dryrun);
    ends.set(await world.upload('name.csv', manifest, { dryrunn: 'true' }), 'name');
    await world.settle();
    const found = [];
    for (const [jobId, value] of ends) {
      const { status, reason } = await world.job(jobId);
      found.push([value, status, reason?.code]);
    }
    assert.deepEqual(found, [
      ['True', 'checked', undefined],
      [' TRUE ', 'checked', undefined],
      ['yes', 'failed', 'manifest-metadata'],
      ['1', 'failed', 'manifest-metadata'],
      ['False', 'completed', undefined],
      ['name', 'failed', 'manifest-metadata'],
    ]);
  });

  it('cannot be retried, nor cancelled once it has ended, and no chunk message provisions it', async () => {
    using world = await someWorld();
    await world.devices.create([someDevice({ id: 'gw-002' })]);
    const jobId = await dryRun(world);
    await world.settle();
    const job = await world.job(jobId);
    assert.equal(job.counts.failed, 1);
    const services = world.services();
    await assert.rejects(retryJob(job, services), { code: 'method-conflict', message: /dry run/ });
    await assert.rejects(cancelJob(jobId, services), { code: 'method-conflict', message: /checked/ });
    const place = { jobId, chunk: 9, start: 42, end: 57, firstLine: 2, rows: 1, attempt: 1 };
    await assert.rejects(provisionChunk(place, services), { code: 'message-invalid', message: /dry run/ });
  });

  it('that is cancelled drops the rest, and its counters add up', async () => {
    using world = await someWorld();
    const jobId = await dryRun(world);
    const services = world.services();
    let counted = 0;
    const jobs: typeof services.jobs = {
      ...services.jobs,
      create: services.jobs.create,
      read: services.jobs.read,
      readWithPart: services.jobs.readWithPart,
      update: services.jobs.update,
      readVersion: services.jobs.readVersion,
      updateVersion: services.jobs.updateVersion,
      parts: services.jobs.parts,
      list: services.jobs.list,
      async count(id, part) {
        if (++counted === 1) await cancelJob(id, services);
        return services.jobs.count(id, part);
      },
    };
    const [{ message } = { message: undefined }] = world.queue.splice(0);
    const { ingestManifest } = await import('../../../lib/pipeline/ingest-manifest.ts');
    await ingestManifest(message as never, { ...services, jobs });
    const job = await world.job(jobId);
    assert.deepEqual([currentStatus(job), waiting(job.counts)], ['cancelled', 0]);
    assert.equal(job.counts.cancelled, 6);
    assert.ok(job.finishedAt);
  });

  it('that fails at each delivery ends as failed, and a redrive begins it again', async () => {
    using world = await someWorld();
    const jobId = await dryRun(world);
    const [{ run, message } = { run: async () => {}, message: {} }] = world.queue.splice(0);
    world.failOn('readRange');
    await assert.rejects(run, { message: 'before readRange' });
    const { blobName, etag } = message as { blobName: string; etag: string };
    const event = {
      ...{ id: '1', eventType: 'Microsoft.Storage.BlobCreated' },
      subject: `/blobServices/default/containers/manifests/blobs/${blobName}`,
      data: { url: `https://test/manifests/${blobName}`, eTag: etag, contentLength: 1 },
    };
    const deadLetters = createMemoryDeadLetterStore();
    await recordDeadLetter('manifest-uploads', JSON.stringify(event), { ...world.services(), deadLetters });
    assert.equal((await world.job(jobId)).status, 'failed');
    await world.jobs.update(jobId, ['failed'], { status: 'received', reason: undefined, finishedAt: undefined });
    await run();
    assert.equal((await world.job(jobId)).status, 'checked');
  });
});

describe('a job that names a check', () => {
  const digestOf = async (world: World) => {
    const jobId = await dryRun(world);
    await world.settle();
    return (await world.job(jobId)).check?.digest ?? '';
  };

  it('provisions its rows while the check holds, however often it is delivered', async () => {
    using world = await someWorld();
    const check = await digestOf(world);
    const jobId = await world.upload('list.csv', manifest, { check });
    const [first] = world.queue;
    world.failOn('send');
    await assert.rejects(async () => first?.run(), { message: 'before send' });
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 7);
  });

  it('fails before its first row when the list, a group or a record has changed', async () => {
    const changes: readonly [string, (world: World) => unknown, string?][] = [
      ['list', () => {}, `${manifest}gw-011,line7,1\n`],
      ['group', (world) => world.declare('line7', { keyCustody: 'plain', validityDays: 30 })],
      ['record', (world) => world.devices.create([someDevice({ id: 'gw-001' })])],
    ];
    for (const [name, change, text = manifest] of changes) {
      using world = await someWorld();
      const check = await digestOf(world);
      await change(world);
      const before = fleet(world);
      const jobId = await world.upload('list.csv', text, { check });
      await world.settle();
      const { status, reason, counts } = await world.job(jobId);
      assert.deepEqual([status, reason?.code, counts.total], ['failed', 'check-changed', 0], name);
      assert.deepEqual(fleet(world), before);
    }
  });
});
