import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DelegatedCa, DelegatedCaFilter, DelegatedCaStore } from '../../lib/authorities/delegated-ca.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';

export function someDelegatedCa(more: Partial<DelegatedCa> = {}): DelegatedCa {
  return {
    ...{ id: newSerialNumber(), enrollmentGroup: 'line7', caGeneration: 1, worker: 'host-1' },
    commonName: 'line7 delegated host-1 20261128T090000Z',
    reservedAt: '2026-11-28T09:00:00.000Z',
    notBefore: '2026-11-27T21:00:00.000Z',
    notAfter: '2027-11-28T10:05:00.000Z',
    signsUntil: '2026-11-28T10:00:00.000Z',
    ...more,
  };
}

/** Tests that every DelegatedCaStore passes. Each test uses its own group, so they can share a store. */
export function delegatedCaStoreContract(name: string, open: () => DelegatedCaStore | Promise<DelegatedCaStore>): void {
  let made = 0;
  const newGroup = () => `group-${process.pid}-${made++}`;
  const ended = { at: '2026-11-28T09:30:00.000Z', reason: 'idle', certificates: 7 } as const;
  const blocked = { at: '2026-11-28T09:31:00.000Z', by: 'Ada', reason: 'the host was lost' };

  describe(`delegated CAs on ${name}`, () => {
    it('creates a record once, and replaces the version that was read', async () => {
      const store = await open();
      const ca = someDelegatedCa();
      const etag = await store.create(ca);
      assert.ok(etag);
      assert.equal(await store.create(ca), undefined);
      const signed = { ...ca, certificatePem: 'PEM' };
      const next = await store.replace({ value: signed, etag });
      assert.ok(next);
      assert.equal(await store.replace({ value: { ...ca, ended }, etag }), undefined);
      assert.deepEqual(await store.read(ca.id), { value: signed, etag: next });
    });

    it('has no record of an id that was never stored', async () => {
      const store = await open();
      assert.equal(await store.read(newSerialNumber()), undefined);
      assert.equal(await store.replace({ value: someDelegatedCa(), etag: '"1"' }), undefined);
    });

    it('lists by group, state and time, newest first, in pages', async () => {
      const store = await open();
      const [group, other] = [newGroup(), newGroup()];
      const at = (minute: number) => `2026-11-28T09:${String(minute).padStart(2, '0')}:00.000Z`;
      const all = [
        someDelegatedCa({ enrollmentGroup: group, reservedAt: at(0), signsUntil: at(50) }),
        someDelegatedCa({ enrollmentGroup: group, reservedAt: at(1), signsUntil: at(51), ended }),
        someDelegatedCa({ enrollmentGroup: group, reservedAt: at(2), signsUntil: at(52), ended, blocked }),
        someDelegatedCa({ enrollmentGroup: group, reservedAt: at(3), signsUntil: at(53), blocked }),
        someDelegatedCa({ enrollmentGroup: other, reservedAt: at(4), signsUntil: at(54) }),
      ];
      for (const each of all) await store.create(each);
      const list = async (filter: DelegatedCaFilter) => (await store.list(filter, { size: 10 })).items;
      const these = (...indexes: number[]) => indexes.map((index) => all[index]);
      assert.deepEqual(await list({ enrollmentGroups: [group] }), these(3, 2, 1, 0));
      assert.deepEqual(await list({ enrollmentGroups: [group, other] }), these(4, 3, 2, 1, 0));
      assert.deepEqual(await list({ enrollmentGroups: [] }), []);
      assert.deepEqual(await list({ enrollmentGroups: [group], state: 'open' }), these(0));
      assert.deepEqual(await list({ enrollmentGroups: [group], state: 'ended' }), these(1));
      assert.deepEqual(await list({ enrollmentGroups: [group], state: 'blocked' }), these(3, 2));
      assert.deepEqual(await list({ enrollmentGroups: [group], signsUntilBefore: at(52) }), these(1, 0));
      const page = await store.list({ enrollmentGroups: [group] }, { size: 3 });
      assert.deepEqual(page.items, these(3, 2, 1));
      const rest = await store.list({ enrollmentGroups: [group] }, { size: 3, continuation: page.continuation });
      assert.deepEqual([rest.items, rest.continuation], [these(0), undefined]);
    });
  });
}
