import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FleetAct, FleetActStore } from '../../lib/jobs/fleet-act.ts';

/** Tests that every FleetActStore passes. */
export function fleetActStoreContract(name: string, open: () => FleetActStore): void {
  const act: FleetAct = {
    actId: Date.now().toString(16).padStart(24, '0'),
    kind: 'suspend',
    filter: { enrollmentGroup: 'line7' },
    by: 'Ann',
    reason: 'lost',
    status: 'running',
    estimate: { devices: 2, calls: { dps: 12, hub: 8 }, minutes: 1, limit: 'hub registry' },
    counts: { done: 0, underway: 0, refused: 0, unchanged: 0 },
    refusals: [],
    nextAt: '2026-11-23T08:00:00.000Z',
    startedAt: '2026-11-23T08:00:00.000Z',
  };

  describe(`fleet act store: ${name}`, () => {
    it('creates an act once, and replaces the version that was read', async () => {
      const store = open();
      assert.equal(await store.read(act.actId), undefined);
      assert.equal(await store.create(act), true);
      assert.equal(await store.create({ ...act, reason: 'another' }), false);
      const first = (await store.read(act.actId)) ?? assert.fail();
      assert.deepEqual(first.value, act);
      const value: FleetAct = { ...act, after: 'gw-1', counts: { ...act.counts, done: 1 } };
      const second = await store.replace({ value, etag: first.etag });
      assert.equal(second, (await store.read(act.actId))?.etag);
      assert.equal(await store.replace({ value: act, etag: first.etag }), undefined);
      assert.deepEqual((await store.read(act.actId))?.value, value);
    });

    it('lists acts, the latest first, by pages', async () => {
      const store = open();
      const ids = [1, 2, 3].map((day) => `${act.actId.slice(1)}${day}`);
      for (const [index, actId] of ids.entries()) {
        await store.create({ ...act, actId, startedAt: `2126-11-2${index}T08:00:00.000Z` });
      }
      const first = await store.list({ size: 2 });
      assert.deepEqual(
        first.items.map(({ actId }) => actId),
        [ids[2], ids[1]],
      );
      const { filter: _filter, ...listed } = (await store.read(ids[1] ?? ''))?.value ?? assert.fail();
      assert.deepEqual(first.items[1], listed);
      const second = await store.list({ size: 2, continuation: first.continuation });
      assert.equal(second.items[0]?.actId, ids[0]);
    });

    it('finds acts that are running and overdue', async () => {
      const store = open();
      const ids = ['d', 'e', 'f'].map((last) => `${act.actId.slice(1)}${last}`) as [string, string, string];
      await store.create({ ...act, actId: ids[0] });
      await store.create({ ...act, actId: ids[1], nextAt: '2026-11-23T08:10:00.000Z' });
      await store.create({ ...act, actId: ids[2], status: 'completed' });
      const overdue = await store.overdue('2026-11-23T08:10:00.000Z');
      assert.deepEqual(
        overdue.filter((id) => ids.includes(id)),
        [ids[0]],
      );
    });
  });
}
