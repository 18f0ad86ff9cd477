import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deviceView } from '../../../functions/http/device-view.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const dayMs = 24 * 60 * 60 * 1000;
const bundleRetentionDays = 90;

async function provisioned(world: World): Promise<void> {
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
  await world.settle();
}

function after(world: World, days: number) {
  const now = () => new Date(someTime.getTime() + days * dayMs);
  return { ...world.services(), bundleRetentionDays, now };
}

function deleteArchives(world: World): void {
  for (const name of world.bundles.blobs.keys()) world.bundles.delete(name);
}

it('a bundle that its retention rule deleted is gone, with the date', async () => {
  using world = createWorld();
  await provisioned(world);
  assert.equal((await downloadBundle('gw-1', 'a test', after(world, 91))).fileName, 'gw-1.tar.gz');
  deleteArchives(world);
  await assert.rejects(downloadBundle('gw-1', 'a test', after(world, 91)), {
    code: 'bundle-gone',
    status: 410,
    message: 'The bundle of device "gw-1" was deleted: it was kept for 90 days, until 2027-02-21.',
  });
});

it('a bundle that is missing before its time, or where no rule deletes bundles, is damage', async () => {
  using world = createWorld();
  await provisioned(world);
  deleteArchives(world);
  const early = after(world, 89);
  await assert.rejects(downloadBundle('gw-1', 'a test', early), { code: 'archive-damaged' });
  const noRule = { ...after(world, 400), bundleRetentionDays: undefined };
  await assert.rejects(downloadBundle('gw-1', 'a test', noRule), { code: 'archive-damaged' });
});

it('a device shows no link to a bundle whose retention has ended', async () => {
  using world = createWorld();
  await provisioned(world);
  const record = world.devices.records.get('gw-1') ?? assert.fail();
  const viewAfter = (days: number) => {
    const at = new Date(someTime.getTime() + days * dayMs);
    return deviceView(record, { twin: undefined, group: undefined, bundleRetentionDays, at }).bundle;
  };
  assert.equal(viewAfter(89)?.link, '/api/devices/gw-1/bundle');
  assert.equal(viewAfter(90)?.link, undefined);
  assert.equal(viewAfter(90)?.keptUntil, '2027-02-21T08:00:00.000Z');
});
