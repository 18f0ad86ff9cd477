import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { submitManifest } from '../../../lib/pipeline/submit-manifest.ts';
import { createWorld, type World } from '../../world.ts';

type Submission = Parameters<typeof submitManifest>[0];

/** The services of a caller whose role is limited to these groups. */
function servicesOf(world: World, groups: readonly string[]) {
  const services = { ...world.services(), newId: () => crypto.randomUUID() };
  return limitToGroups(services, groups);
}

/** Submits a manifest as a caller with these groups, and lets the job run. @returns the id of the job */
async function submitted(
  world: World,
  groups: readonly string[],
  csv: string,
  options: Partial<Omit<Submission, 'body'>> & { eventFirst?: boolean } = {},
): Promise<string> {
  const { eventFirst = false, ...given } = options;
  const submission: Submission = {
    format: 'csv',
    onConflict: 'reject',
    ...given,
    body: Readable.from([Buffer.from(csv)]),
  };
  const services = servicesOf(world, groups);
  // The event of the blob can be handled before the job is created by its submission.
  const late = { ...services, jobs: { ...services.jobs, create: async () => true } };
  const { jobId, manifest } = await submitManifest(submission, eventFirst ? late : services);
  world.announce({ blobName: manifest.blob, etag: manifest.etag }, csv.length);
  await world.settle();
  return jobId;
}

async function newWorld(): Promise<World> {
  const world = createWorld();
  for (const id of ['line7', 'line8', 'line9']) await world.declare(id, { keyCustody: 'plain' });
  return world;
}

const isForbidden = (error: unknown) => error instanceof FleetError && error.code === 'forbidden';
const csv = (...rows: string[]) => ['deviceId,enrollmentGroup', ...rows, ''].join('\n');

/** The code of each row that was rejected or failed, by line. */
async function faultsOf(world: World, jobId: string): Promise<Record<number, string>> {
  const errors = await Array.fromAsync(jobErrors(jobId, world.services()));
  return Object.fromEntries(errors.map(({ line, code }) => [line, code]));
}

describe('a submitter whose role is limited to line7', () => {
  for (const eventFirst of [false, true]) {
    const order = eventFirst ? 'the event comes first' : 'the job comes first';
    it(`provisions rows of line7, and rows of other groups are rejected; ${order}`, async () => {
      using world = await newWorld();
      const jobId = await submitted(world, ['line7'], csv('gw-1,line7', 'gw-2,line8', 'gw-3,line7'), { eventFirst });
      const { counts, allowedGroups } = await world.job(jobId);
      assert.deepEqual(allowedGroups, ['line7']);
      assert.deepEqual([counts.provisioned, counts.rejected, counts.failed], [2, 1, 0]);
      assert.deepEqual([...world.devices.records.keys()].sort(), ['gw-1', 'gw-3']);
      assert.deepEqual(await faultsOf(world, jobId), { 3: 'forbidden' });
    });
  }

  for (const onConflict of ['replace', 'reissue', 'reject'] as const) {
    it(`cannot take a device of line8 over by naming it as a device of line7, with ${onConflict}`, async () => {
      using world = await newWorld();
      await submitted(world, ['line8'], csv('gw-1,line8'));
      const before = world.devices.records.get('gw-1');
      const jobId = await submitted(world, ['line7'], csv('gw-1,line7'), { onConflict });
      assert.deepEqual(await faultsOf(world, jobId), { 2: 'forbidden' });
      assert.deepEqual(world.devices.records.get('gw-1'), before);
    });
  }

  it('cannot submit to line8 as the group of the whole manifest', async () => {
    using world = await newWorld();
    await assert.rejects(submitted(world, ['line7'], csv('gw-1,'), { defaultGroup: 'line8' }), isForbidden);
    assert.equal(world.queue.length, 0);
  });

  it('cannot read, retry or cancel a job that may have rows of other groups', async () => {
    using world = await newWorld();
    const ofLine8 = await submitted(world, ['line8'], csv('gw-8,line8'));
    const ofBoth = await submitted(world, ['line7', 'line8'], csv('gw-9,line8'));
    const upload = await world.upload('line7/list.csv', 'deviceId\ngw-10\n');
    await world.settle();
    const services = servicesOf(world, ['line7']);
    for (const jobId of [ofLine8, ofBoth, upload]) {
      await assert.rejects(services.jobs.read(jobId), isForbidden);
      await assert.rejects(cancelJob(jobId, services), isForbidden);
      await assert.rejects(retryJob(await world.job(jobId), services), isForbidden);
    }
    const own = await submitted(world, ['line7'], csv('gw-1,line7'));
    assert.equal((await services.jobs.read(own))?.jobId, own);
    const { items } = await services.jobs.list({ size: 100 });
    assert.deepEqual(
      items.map(({ jobId }) => jobId),
      [own],
    );
  });

  it('keeps the limit when an operator of all groups retries the job', async () => {
    using world = await newWorld();
    const jobId = await submitted(world, ['line7'], csv('gw-1,line7', 'gw-2,line8'));
    await assert.rejects(retryJob(await world.job(jobId), world.services()), /has no failed rows/);
    assert.equal(world.devices.records.has('gw-2'), false);
  });
});

describe('an operator whose role is limited to line7', () => {
  it('cannot fetch the bundle of a device of line8, which may hold a private key', async () => {
    using world = await newWorld();
    await world.upload('line8/list.csv', 'deviceId\ngw-8\n');
    await world.upload('line7/list.csv', 'deviceId\ngw-7\n');
    await world.settle();
    const services = servicesOf(world, ['line7']);
    await assert.rejects(downloadBundle('gw-8', 'mona', services), isForbidden);
    assert.equal(
      world.devices.records.get('gw-8')?.history.some(({ event }) => event === 'bundle downloaded'),
      false,
    );
    assert.ok((await downloadBundle('gw-7', 'mona', services)).body.length > 1000);
  });

  it('cannot declare, roll over or see line8', async () => {
    using world = await newWorld();
    const { groups } = servicesOf(world, ['line7']);
    await assert.rejects(groups.declare('line8', { keyCustody: 'plain' }), isForbidden);
    await assert.rejects(groups.rollOver('line8'), isForbidden);
    assert.deepEqual([...(await groups.directory({ maxAgeSeconds: 0 })).keys()], ['line7']);
    assert.equal((await groups.declare('line7', { keyCustody: 'plain' })).created, false);
  });

  it('lists the devices of its groups only', async () => {
    using world = await newWorld();
    for (const [index, line] of ['line7', 'line8', 'line9'].entries()) {
      await world.upload(`${line}/list.csv`, `deviceId\ngw-${index}\n`);
    }
    await world.settle();
    const listed = async (groups: string[], enrollmentGroup?: string) => {
      const { items } = await servicesOf(world, groups).devices.list({ enrollmentGroup }, { size: 100 });
      return items.map(({ id }) => id);
    };
    assert.deepEqual(await listed(['line7']), ['gw-0']);
    assert.deepEqual(await listed(['line7', 'line8'], 'line8'), ['gw-1']);
    await assert.rejects(listed(['line7'], 'line9'), isForbidden);
    await assert.rejects(listed(['line7', 'line8']), /expected one of line7, line8/);
  });

  it('counts and finds the devices and jobs of its groups only', async () => {
    using world = await newWorld();
    await submitted(world, ['line7'], csv('gw-7,line7'));
    await submitted(world, ['line8'], csv('gw-8,line8'));
    await submitted(world, ['line7', 'line8'], csv('gw-9,line8'));
    await world.upload('line7/list.csv', 'deviceId\ngw-10\n');
    await world.settle();
    const { devices, jobs } = servicesOf(world, ['line7']);
    const since = '2026-01-01T00:00:00.000Z';
    assert.deepEqual((await devices.countByStatus()).value, [
      { enrollmentGroup: 'line7', status: 'provisioned', devices: 2 },
    ]);
    const counted = (await jobs.countByStatus(since)).value;
    assert.deepEqual(
      counted.map(({ status, allowedGroups, jobs: number }) => [status, allowedGroups, number]),
      [['completed', ['line7'], 1]],
    );
    assert.equal((await jobs.list({ size: 10, status: ['completed'], since })).items.length, 1);
    const { serialNumber = '' } = world.devices.records.get('gw-8') ?? {};
    const certificate = { kind: 'serialNumber', hex: serialNumber.toLowerCase() } as const;
    assert.deepEqual((await devices.list({ certificate }, { size: 10 })).items, []);
  });
});
