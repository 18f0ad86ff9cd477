import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { createWorld } from '../../world.ts';
import { json } from './call.ts';

/* Dead letters as a client of the API meets them. Their filters are in parameter-effects.test.ts. */

const [first, second] = ['1'.repeat(32), '2'.repeat(32)];

async function letters() {
  const world = createWorld();
  await world.deadLetters.put({ ...someLetter(first, 'chunks'), outbox: [{ id: 'e' }] as never, owedSince: 'then' });
  await world.deadLetters.put(someLetter(second, 'orders'));
  return world;
}

describe('GET /api/dead-letters', () => {
  it('lists letters by state, without the events that they owe', async () => {
    using world = await letters();
    await json(world, 'discard-dead-letters', { query: { ids: second } });
    await world.deadLetters.noteRedriven({ id: first, queue: 'chunks', times: 1 }, { by: 'Ann', at: 'then' });
    const listed = async (query: Record<string, string>) =>
      (await json(world, 'list-dead-letters', { query }))['deadLetters'] as Record<string, unknown>[];
    const ids = async (query: Record<string, string>) => (await listed(query)).map(({ id }) => id);
    assert.deepEqual(await ids({}), []);
    assert.deepEqual([await ids({ state: 'redriven' }), await ids({ redriven: 'true' })], [[first], [first]]);
    assert.deepEqual([await ids({ redriven: 'false' }), await ids({ state: 'discarded' })], [[], [second]]);
    const [letter] = await listed({ state: 'redriven' });
    assert.deepEqual(Object.keys(letter ?? {}).sort(), ['at', 'body', 'id', 'queue', 'reason', 'redriven', 'times']);
  });

  it('takes 100 ids at most, and nothing that is none', async () => {
    using world = await letters();
    const ask = (ids: string) => json(world, 'list-dead-letters', { query: { ids } });
    assert.ok(await ask(Array(100).fill(first).join(',')));
    for (const ids of [Array(101).fill(first).join(','), `${first},x`, 'F'.repeat(32), `${first},`])
      await assert.rejects(ask(ids), { code: 'request-invalid' });
  });

  it('has one letter by its id, in any state', async () => {
    using world = await letters();
    const get = (letterId: string) => json(world, 'get-dead-letter', { params: { letterId } });
    const { id, queue, body } = await get(first);
    assert.deepEqual([id, queue, body], [first, 'chunks', someLetter(first, 'chunks').body]);
    await assert.rejects(get('3'.repeat(32)), { code: 'not-found' });
    await assert.rejects(get('no-id'), { code: 'not-found', message: /no-id/ });
  });
});
