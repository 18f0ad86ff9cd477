import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measured, median, ratios, single } from '../../bench/benchmark.ts';

describe('a measurement', () => {
  it('is the median of its rounds, whatever their order and number', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 9]), 3);
  });

  it('keeps its bar at the bar itself, and misses it beyond, upwards or downwards', () => {
    assert.equal(single('fast', 'ratio', 0.8, { atLeast: 0.8 }).met, true);
    assert.equal(single('fast', 'ratio', 0.79, { atLeast: 0.8 }).met, false);
    assert.equal(single('small', 'MiB', 256, { atMost: 256 }).met, true);
    assert.equal(measured('small', 'MiB', [1, 300, 400], { atMost: 256 }).met, false);
    assert.equal('met' in single('only shown', 's', 1), false);
  });

  it('misses its bar where nothing was measured', () => {
    assert.equal(measured('none', 'ratio', [], { atLeast: 0.8 }).met, false);
    assert.equal(measured('none', 'ratio', [], { atMost: 5 }).met, false);
  });

  it('compares within a round, so that a machine that slows down between rounds changes nothing', () => {
    assert.deepEqual(ratios([100, 50, 10], [200, 100, 20]), [0.5, 0.5, 0.5]);
  });
});
