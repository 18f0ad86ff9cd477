import assert from 'node:assert/strict';
import { FleetError } from '../../../lib/errors.ts';
import { abandonChunk } from '../../../lib/pipeline/abandon-chunk.ts';
import { createListChecker } from '../../../lib/pipeline/check-list.ts';
import { checkManifest, submitChecked } from '../../../lib/pipeline/check-manifest.ts';
import { deleteDevice } from '../../../lib/pipeline/delete-device.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { abandonEnrollments, enrollDevices } from '../../../lib/pipeline/enroll-devices.ts';
import { ingestManifest } from '../../../lib/pipeline/ingest-manifest.ts';
import { noticeJobs } from '../../../lib/pipeline/notice-jobs.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { someDevice, someTime } from '../../factories.ts';
import type { World } from '../../world.ts';
import { type Failing, failsWithEachCall, list, provisioned, type UseCase } from './failing-ports.ts';

/* What messages and submissions do: lists, chunks and enrollments. */

const plain = { keyCustody: 'plain' } as const;
const individual = (world: World) => world.declare('line7', { ...plain, enrollment: 'individual' });
const reason = new FleetError('gave-up', 'It was given up.').reason;

/** Splits the list of the world. @returns its chunk's message */
async function split(world: World, text = list): Promise<never> {
  await world.upload('line7/list.csv', text);
  await world.queue.shift()?.run();
  return world.queue.shift()?.message as never;
}

/** What the world was prepared for. */
const messageOf = new WeakMap<World, unknown>();
const keep = async (world: World, message: Promise<unknown>) => void messageOf.set(world, await message);
const kept = (world: World) => messageOf.get(world) as never;

/** Three devices that wait for their enrollment. */
async function waiting(world: World): Promise<void> {
  await individual(world);
  await provisionChunk(await split(world), world.services());
  messageOf.set(world, world.queue.shift()?.message);
}

async function downloaded(world: World): Promise<void> {
  await provisioned(world);
  await downloadBundle('gw-1', 'Bob', world.services());
}

const upload = (world: World, metadata = {}) =>
  keep(
    world,
    world.upload('line7/again.csv', list, metadata).then(() => world.queue.shift()?.message),
  );
async function* body() {
  yield Buffer.from(list);
}
const submission = () => ({ body: body(), format: 'csv', defaultGroup: 'line7', onConflict: 'reject' }) as const;
/** The check of a list has ports of its own. */
const withCheck = (ports: Failing['ports']) => ({ ...ports, checkList: createListChecker(ports) });
const digestOf = async (world: World) => {
  const answer = await checkManifest(submission(), world.services());
  return 'checked' in answer ? answer.checked.digest : assert.fail('a dry run');
};

const useCases: readonly UseCase[] = [
  {
    name: 'ingestManifest of two chunks',
    prepare: (world) => upload(world),
    run: (ports, world) => ingestManifest(kept(world), { ...ports, chunkRows: 2 }),
  },
  {
    name: 'ingestManifest of a dry run',
    prepare: (world) => upload(world, { dryrun: 'true' }),
    run: (ports, world) => ingestManifest(kept(world), { ...ports, chunkRows: 2 }),
  },
  {
    name: 'ingestManifest of a list that was checked',
    prepare: async (world) => upload(world, { check: await digestOf(world) }),
    run: (ports, world) => ingestManifest(kept(world), ports),
  },
  { name: 'checkManifest', run: (ports) => checkManifest(submission(), withCheck(ports), 'Ann') },
  {
    name: 'submitChecked',
    prepare: (world) => keep(world, digestOf(world)),
    run: (ports, world) =>
      submitChecked({ ...submission(), check: kept(world) }, withCheck(ports), { by: 'Ann', key: 'a key' }),
  },
  {
    name: 'provisionChunk',
    prepare: (world) => keep(world, split(world)),
    run: (ports, world) => provisionChunk(kept(world), ports),
  },
  {
    name: 'provisionChunk of devices that were deleted, that failed, and that another job has',
    prepare: async (world) => {
      await downloaded(world);
      await deleteDevice('gw-1', 'Ann', world.services());
      await world.devices.create([someDevice({ id: 'gw-4', status: 'failed' }), someDevice({ id: 'gw-5' })]);
      await keep(world, split(world, `${list}gw-4\ngw-5\n`));
    },
    run: (ports, world) => provisionChunk(kept(world), ports),
  },
  {
    name: 'provisionChunk of devices with individual enrollments',
    prepare: async (world) => {
      await individual(world);
      await keep(world, split(world));
    },
    run: (ports, world) => provisionChunk(kept(world), ports),
  },
  {
    name: 'abandonChunk',
    prepare: (world) => keep(world, split(world)),
    run: (ports, world) => abandonChunk(kept(world), reason, ports),
  },
  {
    name: 'abandonChunk of which an archive is stored, and whose manifest is gone',
    prepare: async (world) => {
      const message = await split(world);
      world.failOn('create', world.devices);
      await assert.rejects(provisionChunk(message, world.services()), { message: 'before create' });
      world.manifests.delete('line7/list.csv');
      messageOf.set(world, message);
    },
    run: (ports, world) => abandonChunk(kept(world), reason, ports),
  },
  { name: 'enrollDevices', prepare: waiting, run: (ports, world) => enrollDevices(kept(world), ports) },
  {
    name: 'abandonEnrollments',
    prepare: waiting,
    run: (ports, world) => abandonEnrollments(kept(world), reason, ports),
  },
  {
    name: 'abandonEnrollments whose archive is gone',
    prepare: async (world) => {
      await waiting(world);
      for (const name of world.bundles.blobs.keys()) world.bundles.delete(name);
    },
    run: (ports, world) => abandonEnrollments(kept(world), reason, ports),
  },
  {
    name: 'noticeJobs of one that stands still',
    prepare: (world) => split(world),
    run: (ports) => noticeJobs({ ...ports, now: () => new Date(someTime.getTime() + 3_600_000) }),
  },
];

failsWithEachCall(useCases);
