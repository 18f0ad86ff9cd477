import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GroupRecord, GroupStore } from '../../lib/groups/group.ts';
import { assertEvery } from '../assert-every.ts';
import { someGroup, someTime } from '../factories.ts';

function someRecord(id: string): GroupRecord {
  const at = someTime.toISOString();
  return { id, definition: someGroup(id), issuingCas: [], createdAt: at, updatedAt: at };
}

/** Tests that every GroupStore passes. */
export function groupStoreContract(name: string, open: () => Promise<GroupStore> | GroupStore): void {
  const run = Date.now().toString(36);

  describe(`group store: ${name}`, () => {
    it('creates a group once and returns it complete', async () => {
      const store = await open();
      const group = someRecord(`a-${run}`);
      const etag = await store.create(group);
      assert.ok(etag);
      assert.equal(await store.create(group), undefined);
      assert.deepEqual(await store.read(group.id), { value: group, etag });
      assert.equal(await store.read(`nobody-${run}`), undefined);
    });

    it('replaces a group only if it is the version that was read', async () => {
      const store = await open();
      const group = someRecord(`b-${run}`);
      const etag = (await store.create(group)) ?? '';
      const second = await store.replace({ value: { ...group, updatedAt: 'later' }, etag });
      assert.ok(second);
      assert.equal(await store.replace({ value: group, etag }), undefined);
      assert.equal((await store.read(group.id))?.value.updatedAt, 'later');
    });

    it('stores the first root CA only, and does not list it as a group', async () => {
      const store = await open();
      const kept = await store.keepRoot({ certificatePem: 'first root', keyName: 'root' });
      assert.deepEqual(await store.keepRoot({ certificatePem: 'second root' }), kept);
      assert.deepEqual(await store.readRoot(), kept);
      const groups = await store.all();
      assertEvery(groups, ({ value }) => value.definition !== undefined);
    });

    it('replaces the root CA only if it is the version that was read', async () => {
      const store = await open();
      const { etag } = await store.keepRoot({ certificatePem: 'first root', keyName: 'root' });
      const own = { certificatePem: 'own root', registration: { name: 'own', at: someTime.toISOString() } };
      const second = await store.replaceRoot({ value: own, etag });
      assert.ok(second);
      assert.equal(await store.replaceRoot({ value: { certificatePem: 'late' }, etag }), undefined);
      assert.deepEqual(await store.readRoot(), { value: own, etag: second });
    });
  });
}
