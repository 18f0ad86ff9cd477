import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Finding, type FindingStore, findingId, type Subject } from '../../lib/findings/finding.ts';
import type { FindingKind } from '../../lib/findings/kinds.ts';

const at = '2026-11-27T00:00:00.000Z';

export function someFinding(kind: FindingKind, subject: Subject, more: Partial<Finding> = {}): Finding {
  return {
    ...{ id: findingId(kind, subject), kind, subject, severity: 'high', state: 'open', digest: '0123456789abcdef' },
    ...{ expected: { hub: 'a' }, seen: { hub: null }, firstSeen: at, lastSeen: at, acts: [] },
    ...more,
  };
}

/** Tests that every FindingStore passes. Each test uses its own group, so they can share a store. */
export function findingStoreContract(name: string, open: () => FindingStore | Promise<FindingStore>): void {
  let made = 0;
  const newGroup = () => `group-${process.pid}-${made++}`;
  const device = (enrollmentGroup: string, id: string): Subject => {
    return { type: 'device', id: `${enrollmentGroup}-${id}`, enrollmentGroup };
  };

  describe(`findings on ${name}`, () => {
    it('creates a finding once, and replaces the version that was read', async () => {
      const store = await open();
      const finding = someFinding('other-hub', device(newGroup(), 'a'));
      const etag = await store.create(finding);
      assert.ok(etag);
      assert.equal(await store.create(finding), undefined);
      const accepted: Finding = { ...finding, state: 'accepted', acts: [{ act: 'accepted', by: 'me', at }] };
      assert.ok(await store.replace({ value: accepted, etag }));
      assert.equal(await store.replace({ value: finding, etag }), undefined);
      assert.deepEqual((await store.read(finding.id))?.value, accepted);
    });

    it('has no finding of an id that was never stored', async () => {
      const store = await open();
      assert.equal(await store.read(findingId('other-hub', device(newGroup(), 'a'))), undefined);
      assert.equal(await store.read('no-such-kind.0'), undefined);
      assert.equal(await store.read(''), undefined);
    });

    it('finds what is known of subjects, whatever its state, unless it is gone', async () => {
      const store = await open();
      const group = newGroup();
      const [a, b, c] = [device(group, 'a'), device(group, 'b'), device(group, 'c')];
      const first = someFinding('other-hub', a);
      const second = someFinding('tags-differ', a, { state: 'accepted' });
      const third = someFinding('other-hub', b, { state: 'repaired' });
      for (const each of [first, second, third, someFinding('tags-differ', b, { state: 'gone' })]) {
        await store.create(each);
      }
      await store.create(someFinding('other-hub', c));
      await store.create(someFinding('group-missing', { ...a, type: 'group' }));
      const found = await store.ofSubjects([a, b]);
      const byId = (x: Finding, y: Finding) => (x.id < y.id ? -1 : 1);
      assert.deepEqual(found.map(({ value }) => value).sort(byId), [first, second, third].sort(byId));
      for (const { value, etag } of found) assert.ok(await store.replace({ value, etag }));
      assert.deepEqual(await store.ofSubjects([]), []);
    });

    it('lists by kind, severity, state and group, in pages by id', async () => {
      const store = await open();
      const [group, other] = [newGroup(), newGroup()];
      const all = [
        someFinding('other-hub', device(group, 'a')),
        someFinding('other-hub', device(group, 'b'), { severity: 'critical' }),
        someFinding('tags-differ', device(group, 'a'), { state: 'accepted' }),
        someFinding('tags-differ', device(other, 'a')),
      ];
      for (const each of all) await store.create(each);
      const list = async (filter: Parameters<FindingStore['list']>[0]) => {
        return (await store.list(filter, { size: 10 })).items.map(({ id }) => id);
      };
      const idsOf = (...indexes: number[]) => indexes.map((index) => all[index]?.id ?? '').sort();
      const enrollmentGroups = [group];
      assert.deepEqual(await list({ enrollmentGroups }), idsOf(0, 1, 2));
      assert.deepEqual(await list({ enrollmentGroups: [group, other] }), idsOf(0, 1, 2, 3));
      assert.deepEqual(await list({ enrollmentGroups, kind: 'other-hub' }), idsOf(0, 1));
      assert.deepEqual(await list({ enrollmentGroups, severity: 'critical' }), idsOf(1));
      assert.deepEqual(await list({ enrollmentGroups, state: 'accepted' }), idsOf(2));
      assert.deepEqual(await list({ enrollmentGroups: [] }), []);
      const page = await store.list({ enrollmentGroups }, { size: 2 });
      assert.deepEqual(
        page.items.map(({ id }) => id),
        idsOf(0, 1, 2).slice(0, 2),
      );
      const rest = await store.list({ enrollmentGroups }, { size: 2, continuation: page.continuation });
      assert.deepEqual([rest.items.map(({ id }) => id), rest.continuation], [idsOf(0, 1, 2).slice(2), undefined]);
    });

    it('counts open findings by kind, severity and group', async () => {
      const store = await open();
      const group = newGroup();
      const unknown: Subject = { type: 'device', id: `${group}-x` };
      for (const each of [
        someFinding('other-hub', device(group, 'a')),
        someFinding('other-hub', device(group, 'b')),
        someFinding('other-hub', device(group, 'c'), { state: 'accepted' }),
        someFinding('tags-differ', device(group, 'a'), { severity: 'low' }),
      ]) {
        await store.create(each);
      }
      const before = (await store.countOpen()).value.find(
        (each) => each.kind === 'registered-unknown' && each.enrollmentGroup === undefined,
      );
      await store.create(someFinding('registered-unknown', unknown));
      const { value } = await store.countOpen();
      const own = value.filter(({ enrollmentGroup }) => enrollmentGroup === group);
      assert.deepEqual(
        own.sort((x, y) => y.findings - x.findings),
        [
          { kind: 'other-hub', severity: 'high', enrollmentGroup: group, findings: 2 },
          { kind: 'tags-differ', severity: 'low', enrollmentGroup: group, findings: 1 },
        ],
      );
      const after = value.find((each) => each.kind === 'registered-unknown' && each.enrollmentGroup === undefined);
      assert.equal(after?.findings, (before?.findings ?? 0) + 1);
    });
  });
}
