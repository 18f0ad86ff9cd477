import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readBundle } from '../../../lib/bundle/archive.ts';
import { createMemoryBlobStore } from '../../memory/blob-store.ts';

const bundles = createMemoryBlobStore();
await bundles.write('job/chunk.zip', Buffer.from('0123456789'), { contentType: 'application/zip' });
const location = { archive: 'job/chunk.zip', offset: 4, length: 3 };

it('a bundle is a range of its archive', async () => {
  assert.equal((await readBundle(bundles, location)).toString(), '456');
});

it('a bundle that is cut off is refused', async () => {
  await assert.rejects(readBundle(bundles, { ...location, offset: 8 }), {
    code: 'archive-damaged',
    message: 'The archive job/chunk.zip ends within the bundle at byte 8.',
  });
});

it('a bundle whose archive is gone is reported as a damaged archive', async () => {
  await assert.rejects(readBundle(bundles, { ...location, archive: 'gone.zip' }), { code: 'archive-damaged' });
});
