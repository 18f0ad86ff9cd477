import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { discardDeadLetters } from '../../../lib/pipeline/discard-dead-letters.ts';
import { redriveDeadLetters } from '../../../lib/pipeline/redrive-dead-letters.ts';
import { someLetter, someReason } from '../../contract/dead-letter-store.ts';
import { someTime } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld } from '../../world.ts';

/** Letters a, b and c of queue orders, of which b has another reason, and d of manifest-uploads. */
async function someLetters(options: { millisecondsPerLetter?: number } = {}) {
  const { millisecondsPerLetter = 0 } = options;
  const deadLetters = createMemoryDeadLetterStore();
  for (const id of ['a', 'c']) await deadLetters.put(someLetter(id, 'orders'));
  await deadLetters.put({ ...someLetter('b', 'orders'), reason: { ...someReason, code: 'gave-up' } });
  await deadLetters.put(someLetter('d', 'manifest-uploads'));
  let asked = 0;
  const now = () => new Date(someTime.getTime() + millisecondsPerLetter * asked++);
  const waiting = async () => (await deadLetters.list({ size: 10 })).items.map(({ id }) => id);
  return { deadLetters, now, waiting };
}

describe('discarding dead letters', () => {
  it('takes those off the list that match, and keeps who did it and when', async () => {
    const ports = await someLetters();
    const discard = await discardDeadLetters({ code: 'unavailable', queue: 'orders' }, ports, 'mona');
    assert.deepEqual(discard, { discarded: 2, left: 0, more: false });
    assert.deepEqual(await ports.waiting(), ['b', 'd']);
    const { items } = await ports.deadLetters.list({ size: 10, state: 'discarded' });
    assert.deepEqual(
      items.map(({ id, discarded }) => [id, discarded]),
      ['a', 'c'].map((id) => [id, { by: 'mona', at: someTime.toISOString() }]),
    );
  });

  it('takes one off by its id, and all only when that is said', async () => {
    const ports = await someLetters();
    assert.equal((await discardDeadLetters({ ids: ['c', 'unknown'] }, ports)).discarded, 1);
    assert.deepEqual(await ports.waiting(), ['a', 'b', 'd']);
    await assert.rejects(discardDeadLetters({}, ports), { code: 'request-invalid', message: /all=true/ });
    await assert.rejects(discardDeadLetters({ all: false }, ports), { code: 'request-invalid' });
    assert.deepEqual(await ports.waiting(), ['a', 'b', 'd']);
    assert.deepEqual(await discardDeadLetters({ all: true }, ports), { discarded: 3, left: 0, more: false });
    assert.deepEqual(await discardDeadLetters({ all: true }, ports), { discarded: 0, left: 0, more: false });
  });

  it('leaves a letter that arrives again meanwhile', async () => {
    const ports = await someLetters();
    const { list } = ports.deadLetters;
    const deadLetters = {
      ...ports.deadLetters,
      async list(page: Parameters<typeof list>[0]) {
        const read = await list(page);
        await ports.deadLetters.put(someLetter('a', 'orders'));
        return read;
      },
    };
    const discard = await discardDeadLetters({ queue: 'orders' }, { ...ports, deadLetters });
    assert.deepEqual(discard, { discarded: 2, left: 1, more: false });
    assert.deepEqual(await ports.waiting(), ['a', 'd']);
  });

  it('ends after a minute and says that there are more', async () => {
    const ports = await someLetters({ millisecondsPerLetter: 25_000 });
    const first = await discardDeadLetters({ all: true }, ports);
    assert.equal(first.more, true);
    assert.ok(first.discarded > 0 && first.discarded < 4);
    assert.equal((await ports.waiting()).length, 4 - first.discarded);
  });
});

describe('redriving dead letters', () => {
  it('sends only those again that match', async () => {
    using world = createWorld();
    const ports = await someLetters();
    const sent: unknown[] = [];
    const queue = () => ({ send: async (messages: Iterable<unknown>) => void sent.push(...messages) });
    const services = { ...world.services(), ...ports, queue };
    const redrive = await redriveDeadLetters({ code: 'gave-up' }, services, 'mona');
    assert.deepEqual(redrive, { redriven: 1, left: 0, reasons: [], more: false });
    assert.deepEqual(sent, [{ of: 'b' }]);
    assert.equal((await redriveDeadLetters({ ids: ['a'], queue: 'orders' }, services)).redriven, 1);
    assert.deepEqual(sent, [{ of: 'b' }, { of: 'a' }]);
    assert.deepEqual(await ports.waiting(), ['c', 'd']);
    assert.equal((await ports.deadLetters.read('b'))?.redriven?.by, 'mona');
  });
});
