import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeadLetterStore, LetterFilter } from '../../lib/jobs/dead-letters.ts';
import type { QueueName } from '../../lib/resource-names.ts';

export const someReason = { code: 'unavailable' as const, message: 'It was away.', hint: 'Wait.' };

const someAct = { by: 'operator', at: '2026-11-25T00:00:00.000Z' };

export const someLetter = (id: string, queue: QueueName) => ({
  ...{ id, queue, body: `{"of":"${id}"}`, reason: someReason },
  at: '2026-11-24T00:00:00.000Z',
});

/** Tests that every DeadLetterStore passes. Each test uses its own queue, so they can share a store. */
export function deadLetterStoreContract(name: string, open: () => DeadLetterStore | Promise<DeadLetterStore>): void {
  let made = 0;
  const newQueue = () => `queue-${process.pid}-${made++}` as QueueName;

  describe(`dead letters on ${name}`, () => {
    it('keeps a letter once, and counts how often it arrives', async () => {
      const store = await open();
      const [queue, other] = [newQueue(), newQueue()];
      await store.put(someLetter('a', queue));
      await store.put(someLetter('a', queue));
      await store.put(someLetter('a', other));
      assert.deepEqual((await store.list({ size: 10, queue })).items, [{ ...someLetter('a', queue), times: 2 }]);
      await store.noteRedriven({ ...someLetter('a', queue), times: 2 }, someAct);
      assert.deepEqual((await store.list({ size: 10, queue })).items, []);
      assert.deepEqual((await store.list({ size: 10, queue: other })).items, [{ ...someLetter('a', other), times: 1 }]);
    });

    it('counts every arrival when a letter arrives many times at once', async () => {
      const store = await open();
      const queue = newQueue();
      await Promise.all(Array.from({ length: 8 }, () => store.put(someLetter('a', queue))));
      assert.equal((await store.list({ size: 1, queue })).items[0]?.times, 8);
    });

    it('lists a redriven letter apart, until it arrives again', async () => {
      const store = await open();
      const queue = newQueue();
      await store.put(someLetter('a', queue));
      await store.put(someLetter('b', queue));
      await store.noteRedriven({ ...someLetter('a', queue), times: 1 }, someAct);
      assert.deepEqual((await store.list({ size: 10, queue })).items, [{ ...someLetter('b', queue), times: 1 }]);
      const redriven = await store.list({ size: 10, queue, state: 'redriven' });
      assert.deepEqual(redriven.items, [{ ...someLetter('a', queue), times: 1, redriven: someAct }]);
      await store.put(someLetter('a', queue));
      assert.deepEqual((await store.list({ size: 10, queue, state: 'redriven' })).items, []);
      assert.deepEqual((await store.list({ size: 1, queue })).items, [{ ...someLetter('a', queue), times: 2 }]);
    });

    it('keeps a letter that arrived again since it was read', async () => {
      const store = await open();
      const queue = newQueue();
      await store.put(someLetter('a', queue));
      const [read] = (await store.list({ size: 1, queue })).items;
      await store.put(someLetter('a', queue));
      await store.noteRedriven(read ?? assert.fail(), someAct);
      assert.equal((await store.list({ size: 1, queue })).items[0]?.times, 2);
    });

    it('lists letters in pages with each letter once, without the recorded reasons', async () => {
      const store = await open();
      const queue = newQueue();
      const ids = Array.from({ length: 7 }, (_, index) => `l${index}`);
      for (const id of ids) await store.put(someLetter(id, queue));
      await store.noteReason('l0', queue, someReason);
      const seen: string[] = [];
      let continuation: string | undefined;
      do {
        const page = await store.list({ size: 3, continuation, queue });
        seen.push(...page.items.map(({ id }) => id));
        continuation = page.continuation;
      } while (continuation !== undefined);
      assert.deepEqual(seen, ids);
    });

    it('lists letters by the code of their reason and by id', async () => {
      const store = await open();
      const queue = newQueue();
      await store.put(someLetter('a', queue));
      await store.put({ ...someLetter('b', queue), reason: { ...someReason, code: 'message-invalid' } });
      await store.put(someLetter('c', queue));
      const listed = async (filter: LetterFilter) =>
        (await store.list({ size: 10, queue, ...filter })).items.map(({ id }) => id);
      assert.deepEqual(await listed({ code: 'unavailable' }), ['a', 'c']);
      assert.deepEqual(await listed({ code: 'message-invalid' }), ['b']);
      assert.deepEqual(await listed({ ids: ['c', 'b', "b' OR '1'='1"] }), ['b', 'c']);
      assert.deepEqual(await listed({ ids: ['a', 'b'], code: 'unavailable' }), ['a']);
      assert.deepEqual(await listed({ ids: [] }), []);
    });

    it('reads one letter by its id, in any state', async () => {
      const store = await open();
      const queue = newQueue();
      const id = `${queue}-one`;
      assert.equal(await store.read(id), undefined);
      await store.noteReason(id, queue, someReason);
      assert.equal(await store.read(`reason-${id}`), undefined);
      await store.put(someLetter(id, queue));
      const letter = { ...someLetter(id, queue), times: 1 };
      assert.deepEqual(await store.read(id), letter);
      await store.noteDiscarded(letter, someAct);
      assert.deepEqual(await store.read(id), { ...letter, discarded: someAct });
    });

    it('lists a discarded letter apart, until it arrives again', async () => {
      const store = await open();
      const queue = newQueue();
      await store.put(someLetter('a', queue));
      const [read] = (await store.list({ size: 1, queue })).items;
      const letter = read ?? assert.fail();
      assert.equal(await store.noteDiscarded(letter, someAct), true);
      assert.equal(await store.noteDiscarded(letter, { ...someAct, by: 'another' }), false);
      assert.deepEqual((await store.list({ size: 10, queue })).items, []);
      const discarded = await store.list({ size: 10, queue, state: 'discarded' });
      assert.deepEqual(discarded.items, [{ ...letter, discarded: someAct }]);
      await store.put(someLetter('a', queue));
      assert.equal(await store.noteDiscarded(letter, someAct), false, 'it arrived again since it was read');
      assert.deepEqual((await store.list({ size: 10, queue })).items, [{ ...letter, times: 2 }]);
      assert.deepEqual((await store.list({ size: 10, queue, state: 'discarded' })).items, []);
    });

    it('counts the letters that wait, by queue and reason', async () => {
      const store = await open();
      const [queue, other] = [newQueue(), newQueue()];
      for (const id of ['a', 'b', 'c']) await store.put(someLetter(id, queue));
      await store.put({ ...someLetter('d', queue), reason: { ...someReason, code: 'gave-up' } });
      await store.put(someLetter('a', other));
      await store.noteRedriven({ ...someLetter('a', queue), times: 1 }, someAct);
      await store.noteReason('e', queue, someReason);
      const { value, requestUnits } = await store.countByReason();
      const counts = value.filter((each) => each.queue === queue || each.queue === other);
      const sorted = counts.map((each) => `${each.queue} ${each.code} ${each.letters}`).sort();
      assert.deepEqual(sorted, [`${queue} gave-up 1`, `${queue} unavailable 2`, `${other} unavailable 1`].sort());
      assert.ok(requestUnits >= 0);
    });

    it('keeps the latest reason of a message, per queue', async () => {
      const store = await open();
      const [queue, other] = [newQueue(), newQueue()];
      assert.equal(await store.readReason('a', queue), undefined);
      await store.noteReason('a', queue, { ...someReason, message: 'It was slow.' });
      await store.noteReason('a', queue, someReason);
      assert.deepEqual(await store.readReason('a', queue), someReason);
      assert.equal(await store.readReason('a', other), undefined);
    });
  });
}
