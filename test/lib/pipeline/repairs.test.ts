import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createWorld } from '../../world.ts';

const manifest = '\ufeff\ufeffDevice ID;tags.site\r\nGW-1; porto\r\n;\r\ngw-2;="0012"\r\ngw-3;lisboa \r\n';

it('a job counts the repairs of its file and of its rows, whatever its chunks are', async () => {
  for (const chunkRows of [1, 250]) {
    using world = createWorld({ chunkRows });
    await world.declare('line7', { keyCustody: 'plain', deviceIdCase: 'fold' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.settle();
    const { status, counts, repairs, shape } = await world.job(jobId);
    assert.deepEqual([status, counts.total, counts.provisioned], ['completed', 3, 3]);
    assert.deepEqual(repairs, {
      ...{ bom: 1, 'header-names': 1, 'blank-rows': 1 },
      ...{ 'trimmed-cells': 2, 'text-marks': 1, 'folded-ids': 1 },
    });
    assert.deepEqual(shape?.renamed, [{ written: 'Device ID', read: 'deviceId' }]);
    const records = await world.devices.read(['gw-1', 'gw-2']);
    assert.deepEqual(
      [...records.values()].map(({ value }) => [value.id, value.writtenId]),
      [
        ['gw-1', 'GW-1'],
        ['gw-2', undefined],
      ],
    );
  }
});

it('a chunk that is delivered twice counts its repairs once', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain', deviceIdCase: 'fold' });
  const jobId = await world.upload('line7/list.csv', manifest);
  const [split] = world.queue.splice(0);
  await split?.run();
  world.queue.push(...world.queue.slice());
  await world.settle();
  assert.equal((await world.job(jobId)).repairs?.['trimmed-cells'], 2);
});

it('a job that was split before repairs were counted ends as ever', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain', deviceIdCase: 'fold' });
  const jobId = await world.upload('line7/list.csv', manifest);
  const [split] = world.queue.splice(0);
  await split?.run();
  await world.jobs.update(jobId, ['provisioning'], { repairs: undefined });
  await world.settle();
  const { status, counts, repairs } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, repairs], ['completed', 3, undefined]);
});

it('a job that is redriven keeps the repairs of the chunks that were counted', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain', deviceIdCase: 'fold' });
  const jobId = await world.upload('line7/list.csv', manifest);
  const [split] = world.queue.splice(0);
  await split?.run();
  const [first] = world.queue.splice(0);
  await first?.run();
  const before = (await world.job(jobId)).repairs;
  assert.equal(before?.['folded-ids'], 1);
  // The upload was given up before all of its chunks were sent, and begins again.
  await world.jobs.update(jobId, ['provisioning'], { status: 'received', dispatchedAt: undefined });
  await split?.run();
  assert.deepEqual((await world.job(jobId)).repairs, before);
  await world.settle();
  const { counts, repairs } = await world.job(jobId);
  assert.deepEqual([counts.provisioned, repairs?.['folded-ids'], repairs?.['trimmed-cells']], [3, 1, 2]);
});
