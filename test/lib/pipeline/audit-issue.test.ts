import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificatesDigest, indexDigest } from '../../../lib/audit/certificates.ts';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { createWorld, type World } from '../../world.ts';

const list = 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\ngw-3,line8\n';

async function begin(world: World): Promise<void> {
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain' });
  await world.upload('devices.csv', list);
}

describe('issuing, in the audit trail', () => {
  it('has one intent and one result per chunk, by which its archive can be recognised', async () => {
    using world = createWorld();
    await begin(world);
    await world.settle();
    const entries = world.audit.entries.filter(({ action }) => action === 'issue-certificates');
    const [intent, result] = entries;
    assert.equal(entries.length, 2);
    assert.equal(intent?.action, 'issue-certificates');
    assert.equal(intent?.by, 'blob');
    const groups = intent?.details?.['groups'] as { enrollmentGroup: string; rows: number; caGeneration: number }[];
    assert.deepEqual(
      groups.map(({ enrollmentGroup, rows, caGeneration }) => [enrollmentGroup, rows, caGeneration]),
      [
        ['line7', 2, 1],
        ['line8', 1, 1],
      ],
    );
    const [[name, archive] = ['', Buffer.alloc(0)]] = world.bundles.blobs;
    const index = readArchiveIndex<Issued>(archive);
    assert.deepEqual(result?.details, {
      archive: name,
      indexSha256: indexDigest(index),
      certificates: 3,
      certificatesSha256: certificatesDigest(index.map(({ info }) => info)),
    });
  });

  it('signs nothing while the audit trail takes no entries', async () => {
    using world = createWorld();
    await begin(world);
    await world.queue.shift()?.run();
    world.audit.stop();
    const chunk = world.queue.shift();
    await assert.rejects(async () => chunk?.run(), { code: 'unavailable' });
    assert.equal(world.bundles.blobs.size, 0);
    world.audit.start();
    await chunk?.run();
    assert.equal(world.bundles.blobs.size, 1);
  });

  it('stores no archive whose certificates the trail does not name, cut after any call', async () => {
    for (let call = 1; ; call++) {
      using world = createWorld();
      await begin(world);
      world.interruptAfter(call);
      const calls = await world.settle();
      const named = world.audit.entries.flatMap(({ phase, details }) => (phase === 'result' ? [details] : []));
      for (const [name, archive] of world.bundles.blobs) {
        const digest = certificatesDigest(readArchiveIndex<Issued>(archive).map(({ info }) => info));
        assert.ok(
          named.some((details) => details?.['archive'] === name && details['certificatesSha256'] === digest),
          `after call ${call}`,
        );
      }
      if (calls < call) return;
    }
  });
});
