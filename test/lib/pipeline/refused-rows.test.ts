import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { waiting } from '../../../lib/jobs/job.ts';
import type { EnrollmentMessage } from '../../../lib/jobs/messages.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { abandonChunk } from '../../../lib/pipeline/abandon-chunk.ts';
import { abandonEnrollments, enrollDevices } from '../../../lib/pipeline/enroll-devices.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { someJob } from '../../factories.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

/* Rows that nothing can be issued for, and messages that ask for nothing: each row has one outcome, and no device stays claimed. */

const plain = { keyCustody: 'plain' } as const;
const twoGroups = 'deviceId,enrollmentGroup\ngw-7,line7\ngw-8,line8\n';

/** DPS refuses the group "line8" until the returned function is called. */
function refuseLine8(world: World): () => void {
  const { ensureGroup } = world.enrollments;
  world.enrollments.ensureGroup = async (group, mayWrite) => {
    if (group.definition.id === 'line8') throw new FleetError('group-refused', 'No such hub.');
    return ensureGroup(group, mayWrite);
  };
  return () => {
    world.enrollments.ensureGroup = ensureGroup;
  };
}

async function declareBoth(world: World): Promise<void> {
  await world.declare('line7', plain);
  await assert.rejects(world.declare('line8', plain), { code: 'group-refused' });
}

const statesOf = (world: World) =>
  ['gw-7', 'gw-8'].map((id) => {
    const { status, failure } = world.devices.records.get(id) ?? assert.fail(`no device ${id}`);
    return [status, failure?.code];
  });

async function faultsOf(world: World, jobId: string) {
  const faults = await Array.fromAsync(jobErrors(jobId, world));
  return faults.map(({ line, code, column, value }) => [line, code, column, value]);
}

describe('a chunk of two groups of which DPS refuses one', () => {
  it('provisions the rows of the other; the refused ones fail, release their devices and can be tried again', async () => {
    using world = createWorld();
    const accept = refuseLine8(world);
    await declareBoth(world);
    const jobId = await world.upload('list.csv', twoGroups);
    await world.settle();
    const { status, counts } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned, counts.failed, counts.rejected], ['completedWithErrors', 1, 1, 0]);
    assert.deepEqual(statesOf(world), [
      ['provisioned', undefined],
      ['failed', 'group-refused'],
    ]);
    assert.deepEqual(await faultsOf(world, jobId), [[3, 'group-refused', 'enrollmentGroup', 'line8']]);

    accept();
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    const retried = await world.job(jobId);
    assert.deepEqual([retried.status, retried.counts.provisioned], ['completed', 2]);
  });

  it('fails the row that an earlier delivery committed its archive without', async () => {
    using world = createWorld();
    const accept = refuseLine8(world);
    await declareBoth(world);
    const jobId = await world.upload('list.csv', twoGroups);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    // The archive is stored, and no device is recorded.
    world.failOn('create', world.devices);
    await assert.rejects(async () => chunk?.run(), Interruption);
    accept();
    await chunk?.run();
    assert.deepEqual(statesOf(world), [
      ['provisioned', undefined],
      ['failed', 'chunk-superseded'],
    ]);
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, waiting(counts)], [1, 0]);
    assert.deepEqual(await faultsOf(world, jobId), [[3, 'chunk-superseded', 'deviceId', 'gw-8']]);
  });
});

describe('a message of a job', () => {
  const { jobId } = someJob();
  const chunk = { jobId, chunk: 0, attempt: 1, start: 9, end: 14, firstLine: 2, rows: 1 };
  const reason = new FleetError('gave-up', 'It was given up.').reason;

  it('that does not exist is refused, and giving it up changes nothing', async () => {
    using world = createWorld();
    const refused = { code: 'message-invalid', message: /names a job that does not exist: 0123456789abcdef01234567/ };
    await assert.rejects(provisionChunk(chunk, world.services()), refused);
    await assert.rejects(enrollDevices({ jobId, chunk: 0, attempt: 1 }, world.services()), refused);
    await abandonChunk(chunk, reason, world.services());
    await abandonEnrollments({ jobId, chunk: 0, attempt: 1 }, reason, world.services());
    assert.equal(world.reports.blobs.size, 0);
  });

  it('that is a dry run issues nothing', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    const shape = { format: 'csv', columns: ['deviceId'] } as const;
    await world.jobs.create(someJob({ dryRun: true, status: 'checking', defaultGroup: 'line7', shape }));
    await assert.rejects(provisionChunk(chunk, world.services()), { code: 'message-invalid', message: /dry run/ });
    assert.deepEqual([world.bundles.blobs.size, world.devices.records.size], [0, 0]);
  });
});

describe('a device that waits for its enrollment', () => {
  /** Three devices that wait. @returns the message of their enrollments */
  async function threeWaiting(world: World) {
    await world.declare('line7', { ...plain, enrollment: 'individual' });
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\ngw-3\n');
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    const [enrollment] = world.queue.splice(0);
    return { jobId, message: enrollment?.message as EnrollmentMessage };
  }

  it('and that another row has by now is not enrolled, and its row is counted', async () => {
    using world = createWorld();
    const { jobId, message } = await threeWaiting(world);
    const found = (await world.devices.read(['gw-2'])).get('gw-2') ?? assert.fail();
    const claim = { ...found.value.claim, jobId: 'f'.repeat(24) };
    await world.devices.replace([{ ...found, value: { ...found.value, claim } }]);
    await enrollDevices(message, world.services());
    assert.deepEqual([...world.enrollments.individuals.keys()], ['gw-1', 'gw-3']);
    const { counts, finishedAt } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, waiting(counts)], [2, 0]);
    assert.ok(finishedAt);
    assert.deepEqual(await faultsOf(world, jobId), [[3, 'chunk-superseded', 'deviceId', 'gw-2']]);
  });

  it('and whose group is deleted is not enrolled; the message comes again', async () => {
    using world = createWorld();
    const { jobId, message } = await threeWaiting(world);
    const services = world.services();
    const groups = { ...services.groups, directory: async () => new Map() };
    await assert.rejects(enrollDevices(message, { ...services, groups }), { code: 'concurrent-change' });
    assert.equal(world.enrollments.individuals.size, 0);
    assert.equal(waiting((await world.job(jobId)).counts), 3);
  });
});
