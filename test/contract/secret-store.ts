import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SecretStore } from '../../lib/events/webhook.ts';

/** Tests that every SecretStore passes. */
export function secretStoreContract(name: string, open: () => SecretStore | Promise<SecretStore>): void {
  let made = 0;
  const newName = () => `webhook-wh-${process.pid.toString(16)}-${Date.now().toString(16)}${made++}`;

  describe(`secrets on ${name}`, () => {
    it('are set, read and removed by name', async () => {
      const store = await open();
      const [first, second] = [newName(), newName()];
      assert.equal(await store.get(first), undefined);
      await store.set(first, 'whsec_first');
      await store.set(second, 'whsec_second');
      assert.deepEqual([await store.get(first), await store.get(second)], ['whsec_first', 'whsec_second']);
      await store.remove(first);
      assert.deepEqual([await store.get(first), await store.get(second)], [undefined, 'whsec_second']);
    });

    it('are removed twice without harm', async () => {
      const store = await open();
      const secret = newName();
      await store.remove(secret);
      await store.set(secret, 'whsec_some');
      await store.remove(secret);
      await store.remove(secret);
      assert.equal(await store.get(secret), undefined);
    });
  });
}
