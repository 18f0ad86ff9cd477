import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord, DeviceStore } from '../../../lib/devices/device.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import type { DeviceRequest } from '../../../lib/manifest/manifest.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { claimRows } from '../../../lib/pipeline/steps/claim.ts';
import { writeRecords } from '../../../lib/pipeline/steps/record.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createMemoryDeviceStore } from '../../memory/device-store.ts';
import { createMemoryJobStore } from '../../memory/job-store.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

/*
 * Deliveries of one chunk that meet at the same device: whatever each of them counts is what the device's record says.
 */

const jobId = 'b'.repeat(24);
const request: DeviceRequest = {
  ...{ deviceId: 'gw-1', enrollmentGroup: 'line7', line: 2, source: 'gw-1', tags: {}, desired: {} },
};
const failedBefore = someDevice({
  id: 'gw-1',
  status: 'failed',
  claim: { jobId: 'a'.repeat(24), chunk: 0, line: 9, attempt: 1 },
});

const claim = (devices: DeviceStore) =>
  claimRows(
    [request],
    { jobId, chunk: 0, attempt: 1, onConflict: 'reject' },
    { devices, jobs: createMemoryJobStore(), now: () => someTime },
  );

describe('a device is taken over', () => {
  it('by two deliveries of one row at once: both hold it, by one serial number', async () => {
    const devices = createMemoryDeviceStore();
    await devices.create([failedBefore]);
    const both = await Promise.all([claim(devices), claim(devices)]);
    const serials = both.map(({ claimed, errors }) => {
      assert.deepEqual(errors, []);
      return claimed[0]?.record.value.serialNumber;
    });
    assert.equal(serials[0], serials[1]);
    assert.equal(devices.records.get('gw-1')?.serialNumber, serials[0]);
  });

  it('by a write whose answer was lost: it is its own', async () => {
    const memory = createMemoryDeviceStore();
    await memory.create([failedBefore]);
    const lossy: DeviceStore = {
      ...memory,
      async replace(records) {
        await memory.replace(records);
        return memory.replace(records);
      },
    };
    const { claimed, errors } = await claim(lossy);
    assert.deepEqual(errors, []);
    assert.equal(claimed[0]?.record.value.serialNumber, memory.records.get('gw-1')?.serialNumber);
  });

  it('by nobody, where it changes hands at each look', async () => {
    const memory = createMemoryDeviceStore();
    await memory.create([failedBefore]);
    const contested: DeviceStore = {
      ...memory,
      replace: async (records) => ({ written: new Map(), conflicts: records.map(({ value }) => value) }),
    };
    const { errors } = await claim(contested);
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['device-busy'],
    );
  });
});

describe('a record that was written by another delivery meanwhile', () => {
  const claim = { jobId, chunk: 0, line: 2, attempt: 1 };
  const identity = { sha1Thumbprint: 'A', sha256Thumbprint: 'B', notBefore: '', notAfter: '' };
  const provisioned = someDevice({ id: 'gw-1', claim, status: 'provisioned', identity });
  const failed = someDevice({ id: 'gw-1', claim, status: 'failed' });
  const cases: [string, DeviceRecord, DeviceRecord, boolean][] = [
    ['the same', provisioned, provisioned, true],
    ['the same, and at a hub by now', { ...provisioned, status: 'assigned' }, provisioned, true],
    ['failed where this one says provisioned', failed, provisioned, false],
    ['provisioned where this one says failed', provisioned, failed, false],
    [
      'a certificate of its own',
      { ...provisioned, identity: { ...identity, sha256Thumbprint: 'C' } },
      provisioned,
      false,
    ],
    ['another attempt', { ...provisioned, claim: { ...claim, attempt: 2 } }, provisioned, false],
  ];
  for (const [what, found, wanted, isGood] of cases) {
    it(`says ${what}: ${isGood ? 'as good' : 'the chunk is tried again'}`, async () => {
      const devices = createMemoryDeviceStore();
      await devices.create([found]);
      const write = writeRecords(devices, [{ value: wanted, etag: 'of before' }]);
      await (isGood ? write : assert.rejects(write, { code: 'concurrent-change' }));
    });
  }
});

const manifest = ['deviceId', 'gw-1', 'gw-2', 'gw-3', 'gw-4', ''].join('\n');

describe('a chunk that was given up while a worker still has it', () => {
  it('counts each row as what its device is', async () => {
    using world = createWorld({ chunkRows: 10 });
    const deadLetters = createMemoryDeadLetterStore();
    await world.declare('line7', { keyCustody: 'plain' });
    const job = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    const body = JSON.stringify(chunk?.message);
    // The worker fails before it records. Giving the chunk up releases the devices, and fails before it is counted.
    world.failOn('create', world.devices);
    await assert.rejects(async () => chunk?.run(), { message: 'before create' });
    world.failOn('count');
    await assert.rejects(recordDeadLetter('chunks', body, { ...world.services(), deadLetters }), {
      message: 'before count',
    });
    // The message is delivered again although it was given up: its devices are released.
    await chunk?.run();
    await recordDeadLetter('chunks', body, { ...world.services(), deadLetters });
    assert.equal((await world.job(job)).counts.failed, 4);
    assert.deepEqual(
      [...world.devices.records.values()].map(({ status }) => status),
      ['failed', 'failed', 'failed', 'failed'],
    );
  });
});

describe('a new device that two jobs claim at once', () => {
  const names = (record: DeviceRecord | undefined) =>
    [record?.serialNumber, ...(record?.certificates ?? []).map((each) => each.serialNumber)].concat(
      record?.formerCertificateNames ?? [],
    );

  /** Two jobs with the same device and other content. The first one is cut at a call; then the second one runs to its end. */
  async function raced(cutAt: (world: World) => [string, object?], individual = false) {
    const world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain', ...(individual && { enrollment: 'individual' }) });
    const first = await world.upload('line7/first.csv', 'deviceId,tags.a\ngw-1,1\n');
    const second = await world.upload('line7/second.csv', 'deviceId,tags.a\ngw-1,2\n');
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    const [slow = assert.fail(), quick = assert.fail()] = world.queue.splice(0);
    world.failOn(...cutAt(world));
    await assert.rejects(slow.run(), Interruption);
    const fixed = (await world.jobs.claimed(first, 'chunk-00000'))?.get('gw-1') ?? assert.fail();
    world.queue.push(quick);
    await world.settle();
    assert.equal((await world.job(second)).counts.provisioned, 1);
    await slow.run();
    await world.settle();
    return { world, fixed, counts: (await world.job(first)).counts, record: world.devices.records.get('gw-1') };
  }

  for (const individual of [false, true]) {
    const kind = individual ? 'individual' : 'group';
    it(`has it by the job that records it first; the other one had stored its archive (${kind})`, async () => {
      const { world, fixed, counts, record } = await raced((each) => ['create', each.devices], individual);
      using _ = world;
      assert.deepEqual([counts.provisioned, counts.rejected + counts.failed], [0, 1]);
      assert.equal(record?.twin?.tags['a'], '2');
      const unused = record?.certificates?.find(({ serialNumber }) => serialNumber === fixed);
      assert.equal(unused?.state, 'superseded');
      assert.ok(unused?.unusedBundle);
    });
  }

  it('has it by the job that records it first; the other one can have signed', async () => {
    const { world, fixed, counts, record } = await raced((each) => ['create', each.bundles]);
    using _ = world;
    assert.deepEqual([counts.provisioned, counts.rejected], [0, 1]);
    assert.notEqual(record?.serialNumber, fixed);
    assert.ok(names(record).includes(fixed), 'the record does not name what can have been signed');
  });

  it('is one row of two in one list, also when its chunks meet', async () => {
    using world = createWorld({ chunkRows: 1 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-1\n');
    await world.queue.shift()?.run();
    const chunks = world.queue.splice(0);
    const met = await Promise.allSettled(chunks.map((chunk) => chunk.run()));
    assert.deepEqual(met.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    world.queue.push(...chunks);
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, counts.rejected], [1, 1]);
    const [fault] = await Array.fromAsync(jobErrors(jobId, world));
    assert.equal(fault?.code, 'device-id-duplicate');
  });
});

describe('a chunk that an earlier version began', () => {
  it('goes on with the claims in its records', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.queue.shift()?.run();
    const claim = { jobId, chunk: 0, line: 2, attempt: 1 };
    const { identity: _identity, bundle: _bundle, ...claimed } = someDevice({ id: 'gw-1', status: 'claimed', claim });
    await world.devices.create([{ ...claimed, serialNumber: '7'.repeat(32) }]);
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 1);
    assert.equal(world.devices.records.get('gw-1')?.serialNumber, '7'.repeat(32));
    assert.equal(await world.jobs.claimed(jobId, 'chunk-00000'), undefined);
  });
});

describe('a job that is cancelled while its messages are sent', () => {
  it('ends, though the worker that sent them died', async () => {
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    const [event] = world.queue.splice(0);
    world.failOn('send');
    await assert.rejects(async () => event?.run(), { message: 'before send' });
    await cancelJob(jobId, world.services());
    await event?.run();
    await world.settle();
    const { status, counts, finishedAt } = await world.job(jobId);
    assert.deepEqual([status, counts.cancelled], ['cancelled', 4]);
    assert.ok(finishedAt);
  });
});
