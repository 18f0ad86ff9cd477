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
