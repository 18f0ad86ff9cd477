import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createWorld, type World } from '../../world.ts';

const manifest = 'deviceId\nAB1\ngw-1\nab1\nAb1\nGW-2\n';

async function declared(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = createWorld(options);
  await world.declare('line7', { keyCustody: 'plain', deviceIdCase: 'fold' });
  return world;
}

async function holds(world: World, jobId: string): Promise<void> {
  const { counts, status } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, counts.rejected], ['completedWithErrors', 2, 3]);
  assert.deepEqual([...world.devices.records.keys()].sort(), ['gw-1', 'gw-2']);
}

it('ids that differ only in case are all refused, whichever chunk comes first', async () => {
  for (const chunkRows of [1, 2, 250]) {
    for (const reversed of [false, true]) {
      using world = await declared({ chunkRows });
      const jobId = await world.upload('line7/list.csv', manifest);
      const [split] = world.queue.splice(0);
      await split?.run();
      // Each chunk is delivered twice.
      const chunks = [...world.queue.splice(0)];
      world.queue.push(...(reversed ? chunks.reverse() : chunks), ...chunks);
      await world.settle();
      await holds(world, jobId);
    }
  }
});

it('ids that differ only in case are all refused when splitting dies at any point', async () => {
  for (let call = 1; call < 16; call += 1) {
    using world = await declared({ chunkRows: 1 });
    const jobId = await world.upload('line7/list.csv', manifest);
    const [split] = world.queue.splice(0);
    world.interruptAfter(call);
    await split?.run().catch(() => undefined);
    world.interruptAfter(Number.POSITIVE_INFINITY);
    if (split !== undefined) world.queue.push(split);
    await world.settle();
    await holds(world, jobId);
  }
});

it('a group that refuses upper case costs no second reading', async () => {
  using world = createWorld({ chunkRows: 1 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.settle();
  const { shape, counts } = await world.job(jobId);
  assert.equal(shape?.clashes, undefined);
  assert.deepEqual([counts.provisioned, counts.rejected], [2, 3]);
});
