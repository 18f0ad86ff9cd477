import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { RenewalRate } from '../../lib/devices/renewal-rate.ts';

/** What every counter of renewals must do. */
export function renewalRateContract(name: string, open: () => RenewalRate | Promise<RenewalRate>): void {
  describe(`renewal rate: ${name}`, () => {
    const group = `line-${randomUUID().slice(0, 8)}`;

    it('counts per group and minute', async () => {
      const rate = await open();
      assert.equal(await rate.count(group, 7), 1);
      assert.equal(await rate.count(group, 7), 2);
      assert.equal(await rate.count(group, 8), 1);
      assert.equal(await rate.count(`${group}-b`, 7), 1);
    });

    it('loses none of several at once, also of the first ones', async () => {
      const rate = await open();
      const counts = await Promise.all(Array.from({ length: 20 }, () => rate.count(group, 9)));
      assert.deepEqual(
        counts.sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    });
  });
}
