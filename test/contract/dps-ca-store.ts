import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DpsCaStore } from '../../lib/authorities/dps-cas.ts';

/** Tests that every DpsCaStore passes. `open` returns the same store, without a list at first. */
export function dpsCaStoreContract(name: string, open: () => DpsCaStore): void {
  const certificates = [{ name: 'fleet-root', sha1Thumbprint: 'A'.repeat(40), isVerified: true }];
  const earlier = { seenAt: '2026-11-23T08:00:00.000Z', certificates: [] };
  const later = { seenAt: '2026-11-23T08:00:00.001Z', certificates };

  describe(`DPS CA store: ${name}`, () => {
    it('has no list at first, and then the latest, in whatever order lists come', async () => {
      assert.equal(await open().read(), undefined);
      await open().keep(earlier);
      assert.deepEqual(await open().read(), earlier);
      await open().keep(later);
      await open().keep(earlier);
      assert.deepEqual(await open().read(), later);
    });

    it('keeps the first of two lists of the same time', async () => {
      const first = { seenAt: later.seenAt, certificates };
      await open().keep(first, 'north');
      await open().keep({ ...first, certificates: [] }, 'north');
      assert.deepEqual(await open().read('north'), first);
    });

    it('has the latest of several that are kept at once', async () => {
      const at = (second: number) => `2026-11-25T08:00:0${second}.000Z`;
      await Promise.all([3, 1, 4, 0, 2].map((second) => open().keep({ seenAt: at(second), certificates }, 'south')));
      assert.equal((await open().read('south'))?.seenAt, at(4));
    });

    it('has a list per DPS instance', async () => {
      const [first, second] = [earlier, later].map(({ seenAt }) => ({
        seenAt: seenAt.replace('23T', '24T'),
        certificates,
      }));
      if (first === undefined || second === undefined) throw new Error('There are two lists.');
      await open().keep(second);
      await open().keep(first, 'west');
      assert.deepEqual(await open().read('default'), second);
      assert.deepEqual(await open().read('west'), first);
      assert.equal(await open().read('east'), undefined);
    });
  });
}
