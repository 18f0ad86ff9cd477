import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verifyBundle } from '../../../lib/bundle/verify-bundle.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { someTime } from '../../factories.ts';
import { createWorld } from '../../world.ts';

/** From a manifest to bytes in an archive: every bundle that a job makes passes the verifier. */
describe('the bundles of a job', () => {
  const groups: Record<string, GroupInput> = {
    gateways: { keyCustody: 'plain', edgeCa: 'issued' },
    old: { keyCustody: 'plain', target: 'iotedge-1.1' },
    sensors: { keyCustody: 'plain', target: 'dps-device', keyType: 'rsa-2048', enrollment: 'individual' },
  };

  it('pass the verifier, each in its range of an archive', async () => {
    using world = createWorld({ chunkRows: 4 });
    for (const [id, input] of Object.entries(groups)) await world.declare(id, input);
    const rows = Object.keys(groups).flatMap((group) => [1, 2, 3].map((n) => `${group}-${n},${group}`));
    const jobId = await world.upload('list.csv', `deviceId,enrollmentGroup\n${rows.join('\n')}\n`);
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, rows.length);

    const known = [...(await world.groupStore.all())].map(({ value: { definition, issuingCas } }) => {
      return { ...definition, issuingCas };
    });
    for (const { id, enrollmentGroup, bundle } of world.devices.records.values()) {
      assert.ok(bundle);
      const archive = world.bundles.blobs.get(bundle.archive);
      assert.ok(archive);
      const report = verifyBundle(archive.subarray(bundle.offset, bundle.offset + bundle.length), known, someTime);
      assert.deepEqual(
        report.checks.filter(({ fault }) => fault !== undefined),
        [],
      );
      assert.equal(report.deviceId, id);
      assert.equal(report.dps.group, enrollmentGroup);
      assert.ok(report.ok);
    }
  });

  it('do not exist when the target cannot read the chain: the group is refused before there is a row', async () => {
    using world = createWorld();
    const declaring = world.declare('old', { keyCustody: 'plain', target: 'iotedge-1.1', edgeCa: 'issued' });
    // The root that is made by default lives for 30 years.
    await assert.rejects(declaring, /edgeCa: the root ends at 2056.*IoT Edge 1\.1/);
  });
});
