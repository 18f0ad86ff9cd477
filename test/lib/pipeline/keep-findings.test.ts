import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Difference, type Finding, type FindingState, findingId } from '../../../lib/findings/finding.ts';
import { keepFindings } from '../../../lib/pipeline/keep-findings.ts';
import { acceptFinding, repairFinding } from '../../../lib/pipeline/repair-finding.ts';
import { createMemoryFindingStore } from '../../memory/finding-store.ts';
import { createWorld } from '../../world.ts';

const time = (minute: number) => `2026-11-27T00:${String(minute).padStart(2, '0')}:00.000Z`;
const subject = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;
const kind = 'tags-differ';
const id = findingId(kind, subject);
const ann = { by: 'Ann', reason: 'planned' };

const difference = (seen = 'ber', of = subject): Difference => {
  return { kind, subject: of, expected: { site: 'ams' }, seen: { site: seen } };
};

/** What a sweep saw of the device, and when. */
function observed(minute: number, seen: string | null = 'ber', store = createMemoryFindingStore()) {
  const differences = seen === null ? [] : [difference(seen)];
  return keepFindings([{ subject, decided: [kind], differences }], time(minute), store);
}

/** A store with the finding as it was seen first at minute 1, in a state that it got at minute 2. */
async function withFinding(state: FindingState = 'open') {
  const store = createMemoryFindingStore();
  await observed(1, 'ber', store);
  const { value, etag } = (await store.read(id)) ?? assert.fail();
  const { outbox: _outbox, owedSince: _owedSince, ...sent } = value;
  const acts = state === 'open' ? [] : [{ act: state, by: 'Ann', at: time(2) }];
  await store.replace({ value: { ...sent, state, acts } as Finding, etag });
  const stored = async () => (await store.read(id))?.value ?? assert.fail();
  return { store, stored };
}

describe('a difference that is seen', () => {
  it('is kept as an open finding, and announced once', async () => {
    const store = createMemoryFindingStore();
    const first = await observed(1, 'ber', store);
    assert.deepEqual([first.opened, first.gone, first.open.length], [1, 0, 1]);
    const { value } = (await store.read(id)) ?? assert.fail();
    assert.deepEqual([value.state, value.severity, value.firstSeen, value.lastSeen], ['open', 'low', time(1), time(1)]);
    assert.equal(value.outbox?.length, 1);
    const second = await observed(2, 'ber', store);
    assert.deepEqual([second.opened, second.open.length], [0, 1]);
    const again = (await store.read(id))?.value;
    assert.deepEqual([again?.firstSeen, again?.lastSeen, again?.outbox?.length], [time(1), time(2), 1]);
  });

  it('is not written when the observation is not newer than what is known', async () => {
    for (const [state, minute] of [
      ['open', 1],
      ['open', 0],
      ['repaired', 2],
      ['gone', 2],
    ] as const) {
      const { store, stored } = await withFinding(state);
      const before = await store.read(id);
      assert.equal((await observed(minute, 'other', store)).opened, 0, `${state} at ${minute}`);
      assert.deepEqual([await store.read(id), (await stored()).state], [before, state]);
    }
  });

  it('stays quiet where it was accepted, until it changes', async () => {
    const { store, stored } = await withFinding('accepted');
    const quiet = await observed(3, 'ber', store);
    assert.deepEqual([quiet.opened, quiet.open], [0, []]);
    assert.deepEqual([(await stored()).state, (await stored()).lastSeen], ['accepted', time(3)]);
    assert.equal((await observed(4, 'cgn', store)).opened, 1);
    const { state, seen, firstSeen, acts, outbox } = await stored();
    assert.deepEqual([state, seen, firstSeen, outbox?.length], ['open', { site: 'cgn' }, time(1), 1]);
    assert.deepEqual(acts.at(-1), { act: 'opened again', by: 'sweep', at: time(4) });
  });

  it('that changes while it is open is the same finding', async () => {
    const { store, stored } = await withFinding();
    assert.equal((await observed(2, 'cgn', store)).opened, 0);
    assert.deepEqual([(await stored()).seen, (await stored()).acts], [{ site: 'cgn' }, []]);
  });

  it('is opened again after a repair that did not help, since when it was there before', async () => {
    const { store, stored } = await withFinding('repaired');
    assert.equal((await observed(3, 'ber', store)).opened, 1);
    assert.deepEqual([(await stored()).state, (await stored()).firstSeen], ['open', time(1)]);
  });

  it('begins again after it was gone', async () => {
    const { store, stored } = await withFinding('gone');
    // A finding that is gone is not read with the others, and is found when it is created.
    assert.equal((await observed(3, 'ber', store)).opened, 1);
    assert.deepEqual([(await stored()).state, (await stored()).firstSeen], ['open', time(3)]);
  });

  it('is kept for each of many subjects', async () => {
    const store = createMemoryFindingStore();
    const asked: number[] = [];
    const counting = {
      ...store,
      ofSubjects: async (subjects: Parameters<typeof store.ofSubjects>[0]) => {
        asked.push(subjects.length);
        return store.ofSubjects(subjects);
      },
    };
    const comparisons = Array.from({ length: 250 }, (_, index) => {
      const own = { ...subject, id: `gw-${index}` };
      return { subject: own, decided: [kind], differences: [difference('ber', own as never)] } as const;
    });
    assert.equal((await keepFindings(comparisons, time(1), counting)).opened, 250);
    assert.deepEqual(asked, [100, 100, 50]);
    assert.equal((await keepFindings(comparisons, time(2), counting)).opened, 0);
  });
});

describe('a finding that is not seen any more', () => {
  it('is gone where its kind was looked for', async () => {
    for (const state of ['open', 'accepted', 'repaired'] as const) {
      const { store, stored } = await withFinding(state);
      assert.equal((await observed(3, null, store)).gone, 1);
      assert.equal((await stored()).state, 'gone');
      assert.deepEqual((await stored()).acts.at(-1), { act: 'gone', by: 'sweep', at: time(3) });
      assert.equal((await observed(4, null, store)).gone, 0);
    }
  });

  it('stays where its kind was not looked for', async () => {
    const { store, stored } = await withFinding();
    const other = { subject, decided: ['other-hub'], differences: [] } as const;
    assert.equal((await keepFindings([other], time(3), store)).gone, 0);
    assert.equal((await stored()).state, 'open');
  });

  it('stays where it was seen, or something was done about it, since', async () => {
    for (const [state, minute] of [
      ['open', 1],
      ['open', 0],
      ['accepted', 2],
    ] as const) {
      const { store, stored } = await withFinding(state);
      assert.equal((await observed(minute, null, store)).gone, 0, `${state} at ${minute}`);
      assert.equal((await stored()).state, state);
    }
  });
});

describe('a finding that an operator changes meanwhile', () => {
  /** The first writes of the store are refused, after which `meanwhile` has happened. */
  function contested(store: ReturnType<typeof createMemoryFindingStore>, times: number, meanwhile = async () => {}) {
    let writes = 0;
    const refuse = async () => {
      writes += 1;
      if (writes === 1) await meanwhile();
      return undefined;
    };
    return {
      writes: () => writes,
      store: {
        ...store,
        create: (value: Finding) => (writes < times ? refuse() : store.create(value)),
        replace: (value: { value: Finding; etag: string }) => (writes < times ? refuse() : store.replace(value)),
      },
    };
  }

  it('is read again before it is written', async () => {
    const { store, stored } = await withFinding();
    const accept = async () => {
      const { value, etag } = (await store.read(id)) ?? assert.fail();
      await store.replace({ value: { ...value, state: 'accepted' }, etag });
    };
    const { store: slow } = contested(store, 1, accept);
    assert.equal((await observed(3, 'ber', slow as never)).opened, 0);
    assert.deepEqual([(await stored()).state, (await stored()).lastSeen], ['accepted', time(3)]);
    const { store: slower } = contested(store, 1);
    assert.equal((await observed(4, null, slower as never)).gone, 1);
  });

  it('is given up where it changes at each look', async () => {
    for (const seen of ['cgn', null]) {
      const { store } = await withFinding();
      const { store: busy, writes } = contested(store, 100);
      await assert.rejects(observed(3, seen, busy as never), { code: 'concurrent-change' });
      assert.equal(writes(), 10);
    }
  });

  it('is accepted as the operator saw it only', async () => {
    const { store, stored } = await withFinding();
    const now = () => new Date(time(5));
    const accept = (slow: typeof store) => acceptFinding(id, ann, { findings: slow, now });
    const change = () => observed(3, 'cgn', store).then(() => {});
    await assert.rejects(accept(contested(store, 1, change).store as never), { code: 'concurrent-change' });
    assert.equal((await stored()).state, 'open');
    const busy = contested(store, 100);
    await assert.rejects(accept(busy.store as never), { code: 'concurrent-change' });
    assert.equal(busy.writes(), 10);
    assert.equal((await accept(store)).state, 'accepted');
    const [act] = (await stored()).acts;
    assert.deepEqual(act, { act: 'accepted', ...ann, at: time(5) });
    // Again.
    assert.deepEqual(await accept(store), await stored());
  });

  it('is not accepted once it is repaired or gone', async () => {
    for (const state of ['repaired', 'gone'] as const) {
      const { store } = await withFinding(state);
      const accept = acceptFinding(id, ann, { findings: store, now: () => new Date(time(5)) });
      await assert.rejects(accept, { code: 'method-conflict', message: new RegExp(`is ${state}`) });
    }
  });

  it('is not repaired a second time, nor when it is gone', async () => {
    using world = createWorld();
    for (const state of ['repaired', 'gone'] as const) {
      const { store, stored } = await withFinding(state);
      const repaired = await repairFinding(id, ann, { ...world.services(), findings: store });
      assert.deepEqual([repaired, repaired.acts.length], [await stored(), 1]);
    }
    const { store, stored } = await withFinding();
    const repaired = await repairFinding(id, ann, { ...world.services(), findings: store });
    assert.deepEqual([repaired.state, (await stored()).acts.at(-1)?.act], ['repaired', 'repaired']);
    await assert.rejects(repairFinding('no-such', ann, world.services()), { code: 'not-found' });
  });

  it('notes a repair that fails, and stays open', async () => {
    using world = createWorld();
    const missing = { type: 'group', id: 'line9' } as const;
    const opened = { kind: 'group-missing', subject: missing, expected: {}, seen: {} } as const;
    await keepFindings([{ subject: missing, decided: [], differences: [opened] }], time(1), world.findings);
    const repair = repairFinding(findingId('group-missing', missing), ann, world.services());
    await assert.rejects(repair, { code: 'not-found' });
    const [{ value } = assert.fail()] = await world.findings.ofSubjects([missing]);
    const [act] = value.acts;
    assert.deepEqual([value.state, act?.act, act?.by], ['open', 'repair failed', 'Ann']);
    assert.match(act?.reason ?? '', /line9/);
  });
});
