import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { assertEvery } from '../../assert-every.ts';
import { createWorld, type World } from '../../world.ts';

/*
 * Every call that a job makes of a store, a queue or DPS is once the last thing that its worker did. Whatever it was, the
 * job ends as if nothing had happened.
 */

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

async function someWorld(provisionsSmall = false): Promise<World> {
  const world = createWorld({ chunkRows: 5, provisionsSmall });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain', enrollment: 'individual' });
  return world;
}

/** The end of a job without what chance decides: keys, serial numbers, thumbprints. */
async function endOf(world: World, jobId: string) {
  const job = await world.job(jobId);
  const { status, counts } = job;
  const devices = [...world.devices.records.values()].map((device) => ({
    id: device.id,
    status: device.status,
    claim: device.claim,
    identified: device.identity !== undefined,
    bundled: device.bundle?.archive,
    twin: device.twin,
    events: device.history.map(({ event }) => event),
  }));
  const reports = [...world.reports.blobs].map(([name, body]) => {
    const { results, faults } = JSON.parse(body.toString()) as {
      results: { line: number; status: string }[];
      faults: { line: number; code: string }[];
    };
    return {
      name,
      results: results.map(({ line, status }) => [line, status]),
      faults: faults.map(({ line, code }) => [line, code]),
    };
  });
  return {
    status,
    counts,
    devices,
    reports: reports.sort((a, b) => (a.name < b.name ? -1 : 1)),
    archives: [...world.bundles.blobs.keys()].sort(),
  };
}

/** Each provisioned device has one certificate: its record, its bundle and its archive's index tell of the same one. */
function checkCertificates(world: World): void {
  for (const device of world.devices.records.values()) {
    if (device.status !== 'provisioned') continue;
    assert.ok(device.bundle && device.identity, `${device.id} has a bundle and an identity`);
    const archive = world.bundles.blobs.get(device.bundle.archive);
    assert.ok(archive);
    const entry = readArchiveIndex<Issued>(archive).find(({ info }) => info.deviceId === device.id);
    assert.equal(entry?.info.serialNumber, device.serialNumber);
    assert.equal(entry?.info.sha256Thumbprint, device.identity.sha256Thumbprint);
    const bundle = archive
      .subarray(device.bundle.offset, device.bundle.offset + device.bundle.length)
      .toString('latin1');
    const [pem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(bundle) ?? [];
    const certificate = new X509Certificate(pem ?? '');
    assert.equal(certificate.fingerprint256.replaceAll(':', ''), device.identity.sha256Thumbprint);
    assert.equal(certificate.serialNumber.toLowerCase(), device.serialNumber);
    const enrolled = world.enrollments.individuals.get(device.id);
    if (enrolled !== undefined)
      assert.equal(new X509Certificate(enrolled.certificatePem).serialNumber.toLowerCase(), device.serialNumber);
  }
}

describe('a job that is interrupted', () => {
  for (const [name, provisionsSmall] of [
    ['with a message for each chunk', false],
    ['in the worker that split it', true],
  ] as const)
    it(`ends as it would have, whichever call was the last one: ${name}`, () => interruptEverywhere(provisionsSmall));

  async function interruptEverywhere(provisionsSmall: boolean): Promise<void> {
    using calm = await someWorld(provisionsSmall);
    const calmJob = await calm.upload('list.csv', manifest);
    calm.interruptAfter(0);
    const calls = await calm.settle();
    const expected = await endOf(calm, calmJob);
    checkCertificates(calm);
    assert.deepEqual(expected.counts, {
      total: 11,
      provisioned: 7,
      unchanged: 0,
      rejected: 4,
      failed: 0,
      cancelled: 0,
    });
    assert.equal(expected.status, 'completedWithErrors');
    assert.ok(calls > 30, `the job makes ${calls} calls`);

    for (let call = 1; call <= calls; call++) {
      using world = await someWorld(provisionsSmall);
      const jobId = await world.upload('list.csv', manifest);
      assert.equal(jobId, calmJob);
      world.interruptAfter(call);
      await world.settle();
      assert.deepEqual(await endOf(world, jobId), expected, `cut after call ${call}`);
      checkCertificates(world);
    }
  }

  it('ends as it would have when every message is delivered twice, in both orders', async () => {
    using calm = await someWorld();
    const calmJob = await calm.upload('list.csv', manifest);
    await calm.settle();
    const expected = await endOf(calm, calmJob);

    for (const reverse of [false, true]) {
      using world = await someWorld();
      const jobId = await world.upload('list.csv', manifest);
      // Deliver the event twice, then each message of the first round twice.
      world.queue.push(...world.queue);
      while (world.queue.length > 0) {
        const round = world.queue.splice(0);
        for (const delivery of reverse ? round.reverse() : round) {
          await delivery.run();
          await delivery.run();
        }
      }
      // Which of two rows with one id wins depends on the order; that one wins, and the figures, do not.
      assert.deepEqual((await endOf(world, jobId)).counts, expected.counts);
      checkCertificates(world);
    }
  });

  it('gives each row one outcome when two workers have the same chunk at once', async () => {
    using world = await someWorld();
    const jobId = await world.upload('list.csv', manifest);
    const [event] = world.queue.splice(0);
    await event?.run();
    const chunks = world.queue.splice(0);
    await Promise.allSettled([...chunks, ...chunks].map((chunk) => chunk.run()));
    world.queue.push(...chunks);
    await world.settle();
    assert.deepEqual((await world.job(jobId)).counts, {
      total: 11,
      provisioned: 7,
      unchanged: 0,
      rejected: 4,
      failed: 0,
      cancelled: 0,
    });
    checkCertificates(world);
  });
});

describe('the same manifest again', () => {
  it('changes nothing and says so', async () => {
    using world = await someWorld();
    await world.upload('list.csv', manifest);
    await world.settle();
    const before = structuredClone([...world.devices.records.values()]);
    const again = await world.upload('list.csv', manifest);
    await world.settle();
    assert.deepEqual((await world.job(again)).counts, {
      total: 11,
      provisioned: 0,
      unchanged: 7,
      rejected: 4,
      failed: 0,
      cancelled: 0,
    });
    assert.deepEqual([...world.devices.records.values()], before);
  });

  it('with onConflict=reissue, issues every device again, once however often it is delivered', async () => {
    using world = await someWorld();
    await world.upload('list.csv', manifest);
    await world.settle();
    const before = new Map([...world.devices.records].map(([id, { serialNumber }]) => [id, serialNumber]));
    const again = await world.upload('list.csv', manifest, { onconflict: 'reissue' });
    world.queue.push(...world.queue);
    await world.settle();
    const { provisioned, unchanged, rejected } = (await world.job(again)).counts;
    assert.deepEqual({ provisioned, unchanged, rejected }, { provisioned: 7, unchanged: 0, rejected: 4 });
    const provisionedNow = [...world.devices.records.values()].filter(({ claim }) => claim.jobId === again);
    assert.equal(provisionedNow.length, 7);
    assertEvery(provisionedNow, ({ id, serialNumber }) => serialNumber !== before.get(id));
    checkCertificates(world);
  });
});
