import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AllocationHook,
  type AllocationKey,
  acceptsKey,
  keyDigest,
  validKeys,
  withNewKey,
  withWrittenKey,
} from '../../../lib/groups/allocation-hook.ts';
import fc from '../../fast-check.ts';

const start = Date.parse('2026-11-28T05:00:00.000Z');
const minute = 60_000;
const timeAt = (minutes: number) => new Date(start + minutes * minute).toISOString();
const textOf = (generation: number) => `key-${generation}`;
const keyOf = (generation: number, minutes: number): AllocationKey => ({
  ...{ generation, secret: `secret-${generation}`, sha256: keyDigest(textOf(generation)) },
  createdAt: timeAt(minutes),
});
const hookAt = (minutes: number): AllocationHook => ({
  url: 'https://x.example/api/allocations/a',
  keys: [keyOf(1, minutes)],
});

describe('the keys of a webhook', () => {
  it('accept the newest, and the one before for an hour after DPS has accepted the newest', () => {
    const written = withWrittenKey(hookAt(0), keyOf(1, 0), timeAt(0));
    const { hook: rotated, dropped } = withNewKey(written, keyOf(2, 10), new Date(timeAt(10)));
    assert.deepEqual(dropped, []);
    const accepts = (hook: AllocationHook, minutes: number) =>
      [1, 2, 3].filter((each) => acceptsKey(hook, textOf(each), new Date(start + minutes * minute)));
    // DPS did not take it yet, however long that lasts.
    assert.deepEqual(accepts(rotated, 10_000), [1, 2]);
    const done = withWrittenKey(rotated, keyOf(2, 10), timeAt(20));
    assert.deepEqual(accepts(done, 79), [1, 2]);
    assert.deepEqual(accepts(done, 80), [2]);
    assert.equal(done.since, timeAt(0));
  });

  it('are ten at most, also while DPS takes none of them', () => {
    let hook = hookAt(0);
    for (let generation = 2; generation <= 10; generation += 1) {
      const rotated = withNewKey(hook, keyOf(generation, generation), new Date(timeAt(generation)));
      assert.deepEqual(rotated.dropped, []);
      hook = rotated.hook;
    }
    const eleventh = withNewKey(hook, keyOf(11, 11), new Date(timeAt(11)));
    assert.deepEqual(eleventh.dropped, [keyOf(1, 0)]);
    assert.deepEqual(
      eleventh.hook.keys.map(({ generation }) => generation),
      [11, 10, 9, 8, 7, 6, 5, 4, 3, 2],
    );
  });

  it('refuse text of any length and kind', () => {
    const any = fc.string({ maxLength: 300 });
    fc.assert(
      fc.property(any, (text) => {
        assert.equal(acceptsKey(hookAt(0), text, new Date(start)), text === textOf(1));
      }),
    );
  });

  /*
   * A rotation is two steps, each of which can be cut or repeated: the key is stored, and DPS accepts it. DPS has the key of
   * the last write that it accepted, and a write can be of a key that is not the newest any more.
   */
  it('accept what DPS has, in every order of rotations and writes', () => {
    const step = fc.record({
      act: fc.constantFrom('rotate', 'write', 'late'),
      minutes: fc.integer({ min: 0, max: 59 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let hook = withWrittenKey(hookAt(0), keyOf(1, 0), timeAt(0));
        let inDps = 1;
        let at = 0;
        for (const { act, minutes } of steps) {
          const [newest] = hook.keys;
          if (act === 'rotate') {
            at += minutes;
            hook = withNewKey(hook, keyOf(newest.generation + 1, at), new Date(timeAt(at))).hook;
          } else {
            // A worker that is late writes the key before, and the note of it makes the newest be sent again at once.
            const key = act === 'late' ? (hook.keys[1] ?? newest) : newest;
            inDps = key.generation;
            hook = withWrittenKey(hook, key, timeAt(at));
          }
          assert.ok(acceptsKey(hook, textOf(inDps), new Date(start + at * minute)), `${inDps} at ${at}`);
          if (act === 'late') {
            inDps = hook.keys[0].generation;
            hook = withWrittenKey(hook, hook.keys[0], timeAt(at));
          }
          assert.ok(validKeys(hook, new Date(start + at * minute)).includes(hook.keys[0]));
        }
      }),
    );
  });

  it('are dropped by a rotation that comes an hour later, and are ten at most', () => {
    const first = withWrittenKey(hookAt(0), keyOf(1, 0), timeAt(0));
    let hook = withWrittenKey(withNewKey(first, keyOf(2, 1), new Date(timeAt(1))).hook, keyOf(2, 1), timeAt(1));
    const generations = ({ keys }: Pick<AllocationHook, 'keys'>) => keys.map(({ generation }) => generation);
    assert.deepEqual(generations(withNewKey(hook, keyOf(3, 60), new Date(timeAt(60))).hook), [3, 2, 1]);
    const { hook: rotated, dropped } = withNewKey(hook, keyOf(3, 61), new Date(timeAt(61)));
    assert.deepEqual(generations(rotated), [3, 2]);
    assert.deepEqual(
      dropped.map(({ generation }) => generation),
      [1],
    );
    for (let generation = 3; generation < 30; generation++) {
      const key = keyOf(generation, 2);
      hook = withWrittenKey(withNewKey(hook, key, new Date(timeAt(2))).hook, key, timeAt(2));
    }
    assert.equal(hook.keys.length, 10);
  });
});
