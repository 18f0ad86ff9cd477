import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differing, digestOf } from '../../../lib/findings/differences.ts';

type Members = Record<string, unknown>;

describe('members of two sides', () => {
  const same: readonly [what: string, expected: Members, seen: Members][] = [
    ['the same', { a: 1, b: { c: 'x' } }, { b: { c: 'x' }, a: 1 }],
    ['null and absent', { a: null }, {}],
    ['absent and null', {}, { a: null }],
    ['an empty object and absent', { a: {} }, {}],
    ['nested emptiness', { a: { b: { c: null } } }, { a: {} }],
    ['lists', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
  ];
  for (const [what, expected, seen] of same) {
    it(`do not differ: ${what}`, () => assert.equal(differing(expected, seen, 'all'), undefined));
  }

  const different: readonly [what: string, expected: Members, seen: Members, left: Members, right: Members][] = [
    ['another value', { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 2 }, { b: 3 }],
    ['a number and its text', { a: 1 }, { a: '1' }, { a: 1 }, { a: '1' }],
    ['a member that is missing', { a: 1 }, {}, { a: 1 }, { a: null }],
    ['a member too many', {}, { a: 1 }, { a: null }, { a: 1 }],
    ['a nested member', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, { 'a.c': 2 }, { 'a.c': 3 }],
    ['an object in place of a value', { a: 1 }, { a: { b: 1 } }, { a: 1, 'a.b': null }, { a: null, 'a.b': 1 }],
    ['a list in another order', { a: [1, 2] }, { a: [2, 1] }, { a: [1, 2] }, { a: [2, 1] }],
    ['false and absent', { a: false }, {}, { a: false }, { a: null }],
  ];
  for (const [what, expected, seen, left, right] of different) {
    it(`differ: ${what}`, () => assert.deepEqual(differing(expected, seen, 'all'), { expected: left, seen: right }));
  }

  it('that are only seen are not ours, where that is asked', () => {
    assert.equal(differing({ a: 1 }, { a: 1, theirs: 2 }, 'expected'), undefined);
    assert.deepEqual(differing({ a: 1 }, { theirs: 2 }, 'expected'), { expected: { a: 1 }, seen: { a: null } });
  });

  it('are listed by path, 20 at most, and a digest stands for the others', () => {
    const of = (count: number, value: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${String(index).padStart(2, '0')}`, value]));
    const twenty = differing(of(20, 1), of(20, 2), 'all')?.seen ?? {};
    assert.deepEqual(twenty, of(20, 2));
    const { expected = {}, seen = {} } = differing(of(23, 1), of(23, 2), 'all') ?? {};
    assert.deepEqual(Object.keys(seen).slice(-2), ['m19', '(more)']);
    assert.match(String(seen['(more)']), /^3 members, [0-9a-f]{16}$/);
    assert.notEqual(expected['(more)'], seen['(more)']);
    // One of those that are not shown changes.
    const other = differing(of(23, 1), { ...of(23, 2), m22: 3 }, 'all')?.seen ?? {};
    assert.notEqual(other['(more)'], seen['(more)']);
  });

  it('are shown up to 200 characters, and a digest stands for the rest', () => {
    // JSON has two characters more.
    const [fits, long] = ['x'.repeat(198), 'x'.repeat(199)];
    const seenOf = (value: string) => differing({ a: 1 }, { a: value }, 'all')?.seen['a'];
    assert.equal(seenOf(fits), fits);
    assert.equal(seenOf(long), `"${'x'.repeat(199)}… (201 characters, ${digestOf(long)})`);
  });
});
