import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HubTwins } from '../../lib/enrollment/enrollments.ts';
import { FleetError } from '../../lib/errors.ts';

export interface HubTwinsUnderTest {
  readonly twins: HubTwins;
  /** A hub that has the device. The only member of its twin is the tag `site: berlin`. */
  readonly hub: string;
  readonly deviceId: string;
  /** A hub that does not have the device. */
  readonly otherHub: string;
  read(hub: string, deviceId: string): Promise<{ tags: unknown; desired: unknown }>;
}

/** Tests that every HubTwins passes. */
export function hubTwinsContract(name: string, open: () => Promise<HubTwinsUnderTest>): void {
  describe(`hub twins: ${name}`, () => {
    it('merges members into the twin repeatedly, and keeps the others', async () => {
      const { twins, hub, deviceId, read } = await open();
      const first = { tags: { slot: 3 }, desired: { interval: 5, nested: { a: 1 } } };
      await twins.merge(hub, deviceId, first);
      await twins.merge(hub, deviceId, first);
      await twins.merge(hub, deviceId, { tags: { slot: 4 }, desired: { nested: { b: 2 } } });
      assert.deepEqual(await read(hub, deviceId), {
        tags: { site: 'berlin', slot: 4 },
        desired: { interval: 5, nested: { a: 1, b: 2 } },
      });
    });

    it('removes no device that has another certificate', async () => {
      const { twins, hub, otherHub, deviceId, read } = await open();
      assert.equal(await twins.remove(hub, deviceId, ['AB'.repeat(20)]), 'other');
      assert.ok(await read(hub, deviceId));
      assert.equal(await twins.remove(otherHub, deviceId, ['AB'.repeat(20)]), 'absent');
    });

    it('reports a device that the hub does not have', async () => {
      const { twins, hub, otherHub, deviceId } = await open();
      const notFound = (error: unknown) => error instanceof FleetError && error.code === 'not-found';
      await assert.rejects(twins.merge(otherHub, deviceId, { tags: {}, desired: {} }), notFound);
      await assert.rejects(twins.merge(hub, 'nobody', { tags: {}, desired: {} }), notFound);
    });
  });
}
