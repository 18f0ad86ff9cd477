import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packArchive, readBundle } from '../../../lib/bundle/archive.ts';
import { createMemoryBlobStore } from '../../memory/blob-store.ts';

const name = 'job/chunk.zip';
const { body, index } = packArchive([
  { name: 'gw-1.tar', body: Buffer.from('bundle one'), info: {} },
  { name: 'gw-2.tar', body: Buffer.from('bundle two'), info: {} },
]);
const locations = index.map(({ name: fileName, offset, length, sha256 }) => {
  return { archive: name, offset, length, fileName, ...(sha256 !== undefined && { sha256 }) };
});
const [first, second] = locations;
assert.ok(first && second);

async function storeOf(bytes: Buffer) {
  const bundles = createMemoryBlobStore();
  await bundles.write(name, bytes, { contentType: 'application/zip' });
  return bundles;
}

const damaged = { code: 'archive-damaged' };
const { sha256: _sha256, ...firstOfEarlierVersion } = first;

for (const [what, location] of [
  ['a bundle', first],
  ['a bundle whose record has no SHA-256', firstOfEarlierVersion],
] as const) {
  describe(what, () => {
    it('is a range of its archive', async () => {
      assert.equal((await readBundle(await storeOf(body), location)).toString(), 'bundle one');
    });

    it('is refused when it is cut off', async () => {
      await assert.rejects(readBundle(await storeOf(body.subarray(0, first.offset + 3)), location), {
        code: 'archive-damaged',
        message: `The archive job/chunk.zip ends within the bundle at byte ${first.offset}.`,
      });
    });

    it('is refused when its archive is gone', async () => {
      await assert.rejects(readBundle(await storeOf(body), { ...location, archive: 'gone.zip' }), damaged);
    });

    it('is refused when any of its bytes changed', async () => {
      for (let at = 0; at < first.length; at++) {
        const changed = Buffer.from(body);
        changed[first.offset + at] = (changed[first.offset + at] ?? 0) ^ 1;
        await assert.rejects(readBundle(await storeOf(changed), location), damaged);
      }
    });

    it("is refused when another device's bundle is in its place", async () => {
      const swapped = Buffer.from(body);
      body.copy(swapped, first.offset, second.offset, second.offset + second.length);
      body.copy(swapped, second.offset, first.offset, first.offset + first.length);
      await assert.rejects(readBundle(await storeOf(swapped), location), damaged);
    });
  });
}

it('a whole archive with swapped bundles and correct CRCs is refused by the SHA-256 of the record', async () => {
  const swapped = packArchive([
    { name: 'gw-1.tar', body: Buffer.from('bundle two'), info: {} },
    { name: 'gw-2.tar', body: Buffer.from('bundle one'), info: {} },
  ]);
  await assert.rejects(readBundle(await storeOf(swapped.body), first), damaged);
});
