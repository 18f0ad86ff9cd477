import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import type { BlobStore } from '../../../lib/storage.ts';
import { assertEvery } from '../../assert-every.ts';
import { createWorld } from '../../world.ts';

/**
 * Provisions one chunk.
 * @param create in place of the store's own
 * @returns the archives that were given to the store, and the error, if there was one
 */
async function provision(create: (store: BlobStore) => BlobStore['create']) {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\n');
  await world.queue.shift()?.run();
  const archives: Buffer[] = [];
  const bundles: BlobStore = {
    ...world.bundles,
    create(name, body, options) {
      archives.push(body as Buffer);
      return create(world.bundles)(name, body, options);
    },
  };
  const message = world.queue.shift()?.message as ChunkMessage;
  const error = await provisionChunk(message, { ...world.services(), bundles }).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { archives, error, stored: [...world.bundles.blobs.values()] };
}

const isErased = (bytes: Buffer) => bytes.every((octet) => octet === 0);

describe('the archive in memory', () => {
  it('is zeroed once it is stored', async () => {
    const { archives, error, stored } = await provision((store) => store.create);
    assert.equal(error, undefined);
    assert.deepEqual([archives.length, stored.length], [1, 1]);
    assertEvery(archives, isErased);
    assert.ok(stored[0]?.includes('index.json'));
  });

  it('is zeroed when it cannot be stored', async () => {
    const unavailable = new FleetError('unavailable', 'Blob storage does not answer.');
    const { archives, error } = await provision(() => () => Promise.reject(unavailable));
    assert.equal(error, unavailable);
    assert.equal(archives.length, 1);
    assertEvery(archives, isErased);
  });

  it('is zeroed when the archive of another delivery counts', async () => {
    const { archives, error } = await provision((store) => async (name, body, options) => {
      await store.create(name, Buffer.from(body), options);
      return undefined;
    });
    assert.equal(error, undefined);
    assert.equal(archives.length, 1);
    assertEvery(archives, isErased);
  });
});
