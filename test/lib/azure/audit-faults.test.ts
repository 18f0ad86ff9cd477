import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type Audit, audited } from '../../../lib/audit/audit.ts';
import { createAudit } from '../../../lib/audit/intake.ts';
import { createAppendBlobs } from '../../../lib/azure/append-blobs.ts';
import { createBlobStore } from '../../../lib/azure/blobs.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { startAzurite } from '../../infra/local/azurite.ts';
import { createWorld } from '../../world.ts';

/*
 * The audit trail on Azurite, whose append blob takes no blocks: someone holds a lease on it, or its container is gone.
 * https://learn.microsoft.com/rest/api/storageservices/append-block
 */

const directory = mkdtempSync(join(tmpdir(), 'fleet-audit-'));
let azurite: Awaited<ReturnType<typeof startAzurite>>;
let service: BlobServiceClient;
let containers = 0;

before(async () => {
  azurite = await startAzurite(directory);
  service = BlobServiceClient.fromConnectionString(azurite.connectionString);
});

after(async () => {
  await azurite?.close();
  rmSync(directory, { recursive: true, force: true });
});

const act = { action: 'revoke-device', by: 'Ada', subject: { deviceId: 'gw-1' } };

async function openTrail(): Promise<{ audit: Audit; container: ContainerClient }> {
  containers += 1;
  const container = service.getContainerClient(`audit-${containers}`);
  await container.create();
  let ids = 0;
  const newId = () => `id-${++ids}`;
  const head = createBlobStore(container);
  const audit = createAudit({ segments: createAppendBlobs(container), head, now: () => new Date(), newId });
  await audit.intent({ ...act, action: 'before' });
  return { audit, container };
}

/** A chunk that is to be provisioned, with the audit trail on Azurite. */
async function openChunk(audit: Audit) {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\n');
  await world.queue.shift()?.run();
  const message = world.queue[0]?.message as ChunkMessage;
  const provision = () => provisionChunk(message, { ...world.services(), audit });
  return Object.assign(world, { provision, statusOf: () => world.devices.records.get('gw-1')?.status });
}

describe('while the append blob takes no blocks', () => {
  it('nothing is issued, and the chunk is issued when it takes them again', async () => {
    const { audit, container } = await openTrail();
    const blob = container.getAppendBlobClient('intake/000000');
    const lease = blob.getBlobLeaseClient();
    await lease.acquireLease(-1);
    using world = await openChunk(audit);
    await assert.rejects(world.provision(), { code: 'unavailable', message: /LeaseIdMissing/ });
    assert.equal(world.bundles.blobs.size, 0);
    assert.equal(world.statusOf(), undefined);
    await lease.releaseLease();
    await world.provision();
    assert.equal(world.statusOf(), 'provisioned');
    const lines = (await blob.downloadToBuffer()).toString().trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { action: string; phase: string });
    assert.deepEqual(
      entries.map(({ action, phase }) => `${action} ${phase}`),
      ['before intent', 'issue-certificates intent', 'issue-certificates result'],
    );
  });

  it('nothing that was signed is stored when only the intent could be written', async () => {
    const { audit, container } = await openTrail();
    const lease = container.getAppendBlobClient('intake/000000').getBlobLeaseClient();
    const half: Audit = {
      ...audit,
      async intent(given) {
        const intent = await audit.intent(given);
        await lease.acquireLease(-1);
        return intent;
      },
    };
    using world = await openChunk(half);
    await assert.rejects(world.provision(), { code: 'unavailable' });
    assert.equal(world.bundles.blobs.size, 0);
  });

  it('a device is revoked all the same', async () => {
    const { audit, container } = await openTrail();
    using world = await openChunk(audit);
    await world.provision();
    await container.delete();
    const revoke = () => blockDevice('gw-1', 'revoked', { by: 'Ada', reason: 'stolen' }, world.services());
    await assert.rejects(audited(audit, act, revoke), { code: 'unavailable', message: /ContainerNotFound/ });
    assert.equal(world.statusOf(), 'provisioned');
    await audited(audit, act, revoke, { withoutIntent: true });
    assert.equal(world.statusOf(), 'revoked');
  });
});
