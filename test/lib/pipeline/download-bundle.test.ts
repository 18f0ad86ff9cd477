import assert from 'node:assert/strict';
import { it } from 'node:test';
import { packArchive, readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { createWorld } from '../../world.ts';

const zip = { contentType: 'application/zip' };

/** A world with the devices gw-1 and gw-2 in one archive. */
async function provisioned() {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n');
  await world.settle();
  const archive = world.devices.records.get('gw-1')?.bundle?.archive ?? '';
  return { world, archive, download: (id: string, by = 'test') => downloadBundle(id, by, world.services()) };
}

it('twelve parallel downloads of one bundle succeed, and each is in the history', async () => {
  const { world, download } = await provisioned();
  using _ = world;
  const files = await Promise.all(Array.from({ length: 12 }, (_each, caller) => download('gw-1', `caller ${caller}`)));
  for (const { body } of files) assert.deepEqual(body, files[0]?.body);
  const history = world.devices.records.get('gw-1')?.history ?? [];
  const callers = history.filter(({ event }) => event === 'bundle downloaded').map(({ detail }) => detail);
  assert.deepEqual(callers.sort(), Array.from({ length: 12 }, (_each, caller) => `by caller ${caller}`).sort());
});

it('two bundles that were swapped in the archive are not handed out, and no download is recorded', async () => {
  const { world, archive, download } = await provisioned();
  using _ = world;
  const before = (await world.bundles.read(archive)) ?? Buffer.alloc(0);
  const [one, two] = readArchiveIndex<Issued>(before).map(({ name, offset, length, info }) => {
    return { name, info, body: before.subarray(offset, offset + length) };
  });
  assert.ok(one && two);
  // The ZIP is valid, and so are its checksums.
  const swapped = packArchive([
    { ...one, body: two.body },
    { ...two, body: one.body },
  ]);
  await world.bundles.write(archive, swapped.body, zip);
  for (const id of ['gw-1', 'gw-2']) {
    await assert.rejects(download(id), { code: 'archive-damaged' });
    assert.ok(!world.devices.records.get(id)?.history.some(({ event }) => event === 'bundle downloaded'));
  }
});

it('a record without a SHA-256, of an earlier version, is served after a check of the CRC', async () => {
  const { world, archive, download } = await provisioned();
  using _ = world;
  const found = (await world.devices.read(['gw-1'])).get('gw-1');
  assert.ok(found?.value.bundle?.sha256);
  const { sha256: _sha256, ...bundle } = found.value.bundle;
  await world.devices.replace([{ ...found, value: { ...found.value, bundle } }]);
  assert.equal((await download('gw-1')).body.length, bundle.length);
  const changed = Buffer.from((await world.bundles.read(archive)) ?? []);
  changed[bundle.offset + 20] = (changed[bundle.offset + 20] ?? 0) ^ 1;
  await world.bundles.write(archive, changed, zip);
  await assert.rejects(download('gw-1'), { code: 'archive-damaged' });
});
