import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../../lib/jobs/job.ts';
import { checkManifest, maxBytesAtOnce, maxRowsAtOnce, submitChecked } from '../../../lib/pipeline/check-manifest.ts';
import { deleteDevice } from '../../../lib/pipeline/delete-device.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { shareOf } from '../../../lib/pki/spread.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const header = 'deviceId,enrollmentGroup\n';
const csv = `${header}gw-1,line7\ngw-2,line7\nGW-3,line7\ngw-4,nowhere\n`;

async function someWorld(): Promise<World> {
  const world = createWorld({ chunkRows: 250 });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain' });
  return world;
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += 1000) yield Buffer.from(text.slice(at, at + 1000));
}

const submissionOf = (text: string) => ({ body: pieces(text), format: 'csv', onConflict: 'reject' }) as const;

async function checkedNow(world: World, text = csv, services: ReturnType<World['services']> = world.services()) {
  const found = await checkManifest(submissionOf(text), services);
  assert.ok('checked' in found);
  return found.checked;
}

function announce(world: World, { manifest: { blob, etag } }: Job): void {
  world.announce({ blobName: blob, etag }, 1);
}

describe('a small list', () => {
  it('is checked at once, and nothing is stored', async () => {
    using world = await someWorld();
    const checked = await checkedNow(world);
    assert.deepEqual(checked.outcomes, { new: 2, unchanged: 0, replaced: 0, reissued: 0, refused: 2 });
    assert.deepEqual(
      checked.faults.map(({ code, first }) => [code, first[0]?.line, first[0]?.value]),
      [
        ['device-id-invalid', 4, 'GW-3'],
        ['group-unknown', 5, 'nowhere'],
      ],
    );
    const { jobs, devices, manifests, reports, bundles } = world;
    assert.equal((await jobs.list({ size: 1 })).items.length, 0);
    assert.deepEqual(
      [devices.records.size, manifests.blobs.size, reports.blobs.size, bundles.blobs.size],
      [0, 0, 0, 0],
    );
  });

  it('shows over how many days certificates end, as a job would spread them', async () => {
    using world = await someWorld();
    await world.declare('line9', { keyCustody: 'plain', validityDays: 100, validityJitterDays: 20 });
    const checked = await checkedNow(world, `${header}gw-1,line7\ngw-2,line9\n`);
    assert.deepEqual(
      checked.estimate.renewals?.map(({ enrollmentGroup, ofDevices, jitterDays, perDay }) => [
        ...[enrollmentGroup, ofDevices, jitterDays, perDay],
      ]),
      [
        ['line7', 2, 1, 2],
        ['line9', 2, 20, 1],
      ],
    );
    const jobId = await world.upload('line9/list.csv', 'deviceId\ngw-1\ngw-2\n');
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 2);
    for (const id of ['gw-1', 'gw-2']) {
      const { notAfter } = world.devices.records.get(id)?.identity ?? assert.fail();
      const ended = (Date.parse(notAfter) - someTime.getTime()) / (24 * 60 * 60 * 1000);
      assert.ok(Math.abs(ended - (100 - 20 * shareOf(id))) < 0.1, `${id}: ${ended}`);
    }
  });

  it('says who signs for each group, as a job would', async () => {
    using world = await someWorld();
    // Its CA was made when the group issued directly.
    await world.declare('line8', { keyCustody: 'plain', issuance: 'delegated' });
    await world.declare('line9', { keyCustody: 'plain', issuance: 'delegated' });
    const checked = await checkedNow(world, `${header}gw-1,line7\ngw-2,line8\ngw-3,line9\n`);
    const reason = 'Issuing CA 1 has path length 0, and delegated CAs below it need 1. Roll the group over.';
    assert.deepEqual(checked.estimate.issuance, [
      { enrollmentGroup: 'line7', by: 'direct' },
      { enrollmentGroup: 'line8', by: 'direct', reason },
      { enrollmentGroup: 'line9', by: 'delegated' },
    ]);
  });

  it('has a deleted device as new, since its row makes another device', async () => {
    using world = await someWorld();
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 1);
    await deleteDevice('gw-1', 'Ann', world.services());
    const { outcomes } = await checkedNow(world, `${header}gw-1,line7\n`);
    assert.deepEqual(outcomes, { new: 1, unchanged: 0, replaced: 0, reissued: 0, refused: 0 });
  });

  it('that is no manifest is refused as its job would be', async () => {
    using world = await someWorld();
    await assert.rejects(checkedNow(world, header), { code: 'manifest-empty' });
    await assert.rejects(checkedNow(world, 'name\nx\n'), { code: 'manifest-header' });
  });

  it('has the digest of the dry run of the same list', async () => {
    using world = await someWorld();
    const { digest } = await checkedNow(world);
    const jobId = await world.upload('list.csv', csv, { dryrun: 'true' });
    await world.settle();
    assert.equal((await world.job(jobId)).check?.digest, digest);
  });

  it('shows five rows per code, with messages cut to a readable length', async () => {
    using world = await someWorld();
    const rows = Array.from({ length: 40 }, (_, index) => `"${'X'.repeat(60_000)}${index}",line7\n`).slice(0, 10);
    const [group] = (await checkedNow(world, header + rows.join(''))).faults;
    assert.deepEqual([group?.rows, group?.first.length], [10, 5]);
    assert.ok((group?.first[0]?.message.length ?? 0) <= 400);
  });
});

describe('a larger list', () => {
  it('becomes a dry run, by its rows or its bytes', async () => {
    const many = header + Array.from({ length: maxRowsAtOnce + 1 }, (_, row) => `gw-${row},line7\n`).join('');
    const wide = `deviceId,enrollmentGroup,tags.note\n${`gw-1,line7,${'x'.repeat(4000)}\n`.repeat(300)}`;
    assert.ok(wide.length > maxBytesAtOnce);
    for (const text of [many, wide]) {
      using world = await someWorld();
      const found = await checkManifest(submissionOf(text), world.services());
      assert.ok('job' in found);
      assert.equal(found.job.dryRun, true);
      assert.equal(world.manifests.blobs.get(found.job.manifest.blob)?.toString(), text);
      announce(world, found.job);
      await world.settle();
      assert.equal((await world.job(found.job.jobId)).status, 'checked');
      assert.equal(world.devices.records.size, 0);
    }
  });
});

describe('a caller whose role is limited to enrollment groups', () => {
  it('is told what its job would find, and nothing of other groups', async () => {
    using world = await someWorld();
    await world.devices.create([someDevice({ id: 'gw-2', enrollmentGroup: 'line8', status: 'provisioned' })]);
    const services = limitToGroups({ ...world.services() }, ['line7']);
    const text = `${header}gw-1,line7\ngw-2,line7\ngw-3,line8\ngw-4,nowhere\ngw-1,line7\n`;
    const { faults, outcomes } = await checkedNow(world, text, services);
    const jobId = await world.upload('list.csv', text, { allowedgroups: 'line7', dryrun: 'true' });
    const realId = await world.upload('real.csv', text, { allowedgroups: 'line7' });
    await world.settle();
    assert.deepEqual((await world.job(jobId)).check?.faults, faults);
    assert.equal((await world.job(realId)).counts.rejected, outcomes.refused);
    assert.deepEqual(
      faults.map(({ code, rows }) => [code, rows]),
      [
        ['forbidden', 2],
        ['group-unknown', 1],
        ['device-id-duplicate', 1],
      ],
    );
    const other = { ...submissionOf(csv), defaultGroup: 'line8' };
    await assert.rejects(checkManifest(other, services), { code: 'forbidden' });
  });
});

describe('a submission that names a check', () => {
  it('is accepted while the check holds', async () => {
    using world = await someWorld();
    const { digest } = await checkedNow(world);
    const job = await submitChecked({ ...submissionOf(csv), check: digest }, world.services());
    announce(world, job);
    await world.settle();
    assert.equal((await world.job(job.jobId)).counts.provisioned, 2);
    assert.equal(world.manifests.blobs.get(job.manifest.blob)?.toString(), csv);
  });

  it('is refused, and nothing is stored, when list, options, group or record have changed', async () => {
    const submit = (world: World, digest: string, text = csv) =>
      submitChecked({ ...submissionOf(text), check: digest }, world.services());
    const changes: Readonly<Record<string, (world: World, digest: string) => Promise<unknown>>> = {
      list: (world, digest) => submit(world, digest, `${csv}\n`),
      options: (world, digest) => {
        const submission = { ...submissionOf(csv), onConflict: 'replace' } as const;
        return submitChecked({ ...submission, check: digest }, world.services());
      },
      group: async (world, digest) => {
        await world.declare('line7', { keyCustody: 'plain', validityDays: 30 });
        return submit(world, digest);
      },
      'a new group': async (world, digest) => {
        await world.declare('nowhere', { keyCustody: 'plain' });
        return submit(world, digest);
      },
      record: async (world, digest) => {
        await world.devices.create([someDevice({ id: 'gw-1' })]);
        return submit(world, digest);
      },
    };
    for (const [name, change] of Object.entries(changes)) {
      using world = await someWorld();
      const { digest } = await checkedNow(world);
      await assert.rejects(change(world, digest), { code: 'check-changed', status: 412 }, name);
      assert.equal(world.manifests.blobs.size, 0);
    }
  });

  it('is the same job when it is sent again with its Idempotency-Key', async () => {
    using world = await someWorld();
    const { digest } = await checkedNow(world);
    const submit = (key: string) =>
      submitChecked({ ...submissionOf(csv), check: digest }, world.services(), { by: 'a caller', key });
    const first = await submit('key-1');
    announce(world, first);
    await world.settle();
    assert.equal((await submit('key-1')).jobId, first.jobId);
    await assert.rejects(submit('key-2'), { code: 'check-changed' });
  });

  it('holds when the record of a device has another event, but says the same', async () => {
    using world = await someWorld();
    await world.upload('first.csv', csv);
    await world.settle();
    const { digest, outcomes } = await checkedNow(world);
    assert.equal(outcomes.unchanged, 2);
    const found = (await world.devices.read(['gw-1'])).get('gw-1');
    assert.ok(found);
    const history = [...found.value.history, { at: '2026-11-23T09:00:00.000Z', event: 'bundle downloaded' as const }];
    await world.devices.replace([{ ...found, value: { ...found.value, history } }]);
    assert.equal((await checkedNow(world)).digest, digest);
  });

  it('is checked by its job when the list is larger', async () => {
    using world = await someWorld();
    const many = header + Array.from({ length: maxRowsAtOnce + 1 }, (_, row) => `gw-${row},line7\n`).join('');
    const found = await checkManifest(submissionOf(many), world.services());
    assert.ok('job' in found);
    announce(world, found.job);
    await world.settle();
    const digest = (await world.job(found.job.jobId)).check?.digest ?? '';
    await world.devices.create([someDevice({ id: 'gw-7' })]);
    const job = await submitChecked({ ...submissionOf(many), check: digest }, world.services());
    assert.equal(job.expectedCheck, digest);
    announce(world, job);
    await world.settle();
    assert.equal((await world.job(job.jobId)).reason?.code, 'check-changed');
    assert.equal(world.devices.records.size, 1);
  });
});
