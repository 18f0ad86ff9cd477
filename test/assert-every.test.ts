import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertEvery } from './assert-every.ts';

describe('assertEvery', () => {
  const isOne = (item: number | undefined) => item === 1;

  it('passes when it holds of each of some items', () => {
    assert.doesNotThrow(() => assertEvery(new Set([1]), isOne));
  });

  it('fails on an empty list, on a missing one, on a hole and on a wrong item', () => {
    const empty = { message: 'The list is empty.' };
    assert.throws(() => assertEvery([], isOne), empty);
    assert.throws(() => assertEvery(undefined, isOne), empty);
    assert.throws(() => assertEvery(new Array<number>(2), isOne), { message: 'It does not hold of item 0 of 2.' });
    assert.throws(() => assertEvery([1, 2, 1], isOne), { message: 'It does not hold of item 1 of 3.' });
    assert.throws(() => assertEvery([2], isOne, 'they are ones'), { message: 'they are ones' });
  });
});
