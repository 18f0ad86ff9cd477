import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formerIdentities } from '../../../lib/devices/certificates.ts';
import type { FoundEntry } from '../../../lib/enrollment/enrollments.ts';
import { FleetError } from '../../../lib/errors.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { createWorld, type World } from '../../world.ts';

/* Individual enrollments that were made elsewhere, by hand or by another tool, under the id of a row. */

const individual = { keyCustody: 'plain', enrollment: 'individual' } as const;

const theirs: FoundEntry = {
  etag: '"by hand"',
  createdAt: '2026-01-02T03:04:05.678Z',
  attestation: 'symmetricKey',
  thumbprints: [],
  caReferences: [],
  deviceId: 'press-9',
};

async function openWorld(): Promise<World> {
  const world = createWorld();
  await world.declare('line7', individual);
  return world;
}

async function submit(world: World, metadata: Record<string, string> = {}): Promise<string> {
  const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n', metadata);
  await world.settle();
  return jobId;
}

const heldBy = (world: World, id: string) => world.enrollments.entries.individuals.get(id)?.thumbprints[0];
const recordOf = (world: World, id: string) => world.devices.records.get(id) ?? assert.fail();
const certificateOf = (world: World, id: string) => recordOf(world, id).identity?.sha256Thumbprint;

describe('a row whose device has an individual enrollment that was made elsewhere', () => {
  for (const onConflict of ['reject', 'replace', 'reissue']) {
    it(`fails with what is there, and leaves it, with onConflict=${onConflict}`, async () => {
      using world = await openWorld();
      world.enrollments.entries.individuals.set('gw-1', theirs);
      const jobId = await submit(world, { onconflict: onConflict });
      const { counts, status } = await world.job(jobId);
      assert.deepEqual([status, counts.failed, counts.provisioned], ['completedWithErrors', 1, 1]);
      const { status: of, failure } = recordOf(world, 'gw-1');
      assert.deepEqual([of, failure?.code], ['failed', 'enrollment-exists']);
      for (const part of ['"gw-1"', 'symmetricKey', '"press-9"', '2026-01-02T03:04:05.678Z', '"by hand"'])
        assert.ok(failure?.message.includes(part), `${part} in: ${failure?.message}`);
      assert.deepEqual(world.enrollments.entries.individuals.get('gw-1'), theirs);
    });
  }

  it('replaces it when a retry adopts it, and fails again when one does not', async () => {
    using world = await openWorld();
    world.enrollments.entries.individuals.set('gw-1', theirs);
    const jobId = await submit(world);
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    assert.equal(recordOf(world, 'gw-1').failure?.code, 'enrollment-exists');
    assert.deepEqual(world.enrollments.entries.individuals.get('gw-1'), theirs);

    await retryJob(await world.job(jobId), world.services(), 'Ann', { adopt: true });
    await world.settle();
    const { counts, status, retries } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 2]);
    assert.deepEqual(
      retries?.map(({ by, adopt }) => [by, adopt]),
      [
        ['unknown', undefined],
        ['Ann', true],
      ],
    );
    assert.equal(heldBy(world, 'gw-1'), certificateOf(world, 'gw-1'));
  });

  it('replaces it when the job adopts it', async () => {
    using world = await openWorld();
    world.enrollments.entries.individuals.set('gw-1', theirs);
    const { counts } = await world.job(await submit(world, { adopt: 'true' }));
    assert.equal(counts.provisioned, 2);
    assert.equal(heldBy(world, 'gw-1'), certificateOf(world, 'gw-1'));
  });

  it('fails also when the same id was provisioned here, and its enrollment was made again by hand', async () => {
    using world = await openWorld();
    await submit(world);
    world.enrollments.entries.individuals.set('gw-1', theirs);
    const { identity } = recordOf(world, 'gw-1');
    await submit(world, { onconflict: 'reissue' });
    assert.equal(recordOf(world, 'gw-1').failedReissue?.code, 'enrollment-exists');
    assert.deepEqual(recordOf(world, 'gw-1').identity, identity);
    assert.equal(certificateOf(world, 'gw-2'), heldBy(world, 'gw-2'));
  });
});

describe('an enrollment of this deployment', () => {
  it('is known as ours, whichever call was interrupted', async () => {
    let calls = Number.POSITIVE_INFINITY;
    for (let call = 1; call <= calls; call++) {
      using world = await openWorld();
      await submit(world);
      const before = heldBy(world, 'gw-1');
      world.interruptAfter(call);
      const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n', { onconflict: 'reissue' });
      const made = await world.settle();
      if (call === 1) calls = made;
      const { counts } = await world.job(jobId);
      assert.equal(counts.provisioned, 2, `cut after call ${call}`);
      assert.notEqual(heldBy(world, 'gw-1'), before);
      assert.equal(heldBy(world, 'gw-1'), certificateOf(world, 'gw-1'), `cut after call ${call}`);
      assert.deepEqual(recordOf(world, 'gw-1').enrolledCertificates, [certificateOf(world, 'gw-1')]);
    }
    assert.ok(calls > 10, `${calls} calls`);
  });

  it('stays ours when a job was given up after it was sent, and before that was recorded', async () => {
    using world = await openWorld();
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n');
    const { enroll } = world.enrollments;
    world.enrollments.enroll = async (devices) => {
      await enroll(devices);
      throw new FleetError('enrollment-refused', 'The answer was lost.');
    };
    await assert.rejects(world.settle(), { code: 'enrollment-refused' });
    world.enrollments.enroll = enroll;
    const sent = heldBy(world, 'gw-1');
    assert.ok(sent !== undefined);
    const record = recordOf(world, 'gw-1');
    assert.deepEqual(record.enrolledCertificates, [sent]);
    // Given up, as record-dead-letter.ts does it, and tried again with a new certificate.
    const { abandonEnrollments } = await import('../../../lib/pipeline/enroll-devices.ts');
    const { reason } = new FleetError('gave-up', 'The answer was lost.');
    await abandonEnrollments({ jobId, chunk: 0, attempt: 1 }, reason, world.services());
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 2);
    assert.equal(heldBy(world, 'gw-1'), certificateOf(world, 'gw-1'));
    assert.notEqual(heldBy(world, 'gw-1'), sent);
  });

  it('of an earlier version, whose record has no list of certificates, can be reissued', async () => {
    using world = await openWorld();
    await submit(world);
    const versions = await world.devices.read(['gw-1', 'gw-2']);
    const earlier = [...versions.values()].map(({ value: { enrolledCertificates: _, ...value }, etag }) => ({
      value,
      etag,
    }));
    await world.devices.replace(earlier);
    const { counts } = await world.job(await submit(world, { onconflict: 'reissue' }));
    assert.equal(counts.provisioned, 2);
    assert.equal(heldBy(world, 'gw-1'), certificateOf(world, 'gw-1'));
  });

  it('leaves its former certificate on record as superseded', async () => {
    using world = await openWorld();
    await submit(world);
    const { serialNumber } = recordOf(world, 'gw-1');
    await submit(world, { onconflict: 'reissue' });
    const [former] = formerIdentities(recordOf(world, 'gw-1'));
    assert.deepEqual([former?.serialNumber, former?.state], [serialNumber, 'superseded']);
  });
});
