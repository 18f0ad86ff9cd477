import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { single } from '../../bench/benchmark.ts';
import { performancePage } from '../../bench/performance-page.ts';
import type { Result } from '../../bench/results.ts';

const result: Result = {
  name: 'split',
  at: '2026-11-28T12:00:00.000Z',
  rounds: 5,
  machine: { processor: 'P', cores: 2, memoryGibibytes: 24, system: 'Linux x64', node: 'v24', openssl: '3.5' },
  load: 0.5,
  measurements: [single('memory', 'MiB', 300, { atMost: 128 })],
};

describe('the performance page', () => {
  it('says how fast the machine was before and after each benchmark', () => {
    const page = performancePage([{ ...result, speeds: [14_900, 8_000] }]);
    assert.match(page, /One core made 14,900 P-256 keys and signatures per second before, and 8,000 after\./);
    assert.doesNotMatch(performancePage([result]), /One core made/, 'a result of before it was measured');
  });

  it('marks a bar that was missed', () => {
    assert.match(performancePage([result]), /\| memory \| 300 MiB \| ≤ 128 MiB, \*\*missed\*\* \|/);
  });
});
