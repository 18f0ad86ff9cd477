import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { createRandom } from '../chaos/random.ts';
import fc from '../fast-check.ts';
import { draw, interval, mutantsOf, withOnly } from './sample.ts';

describe('draw', () => {
  const items = Array.from({ length: 40 }, (_, index) => index);

  it('takes each item at most once, and repeats itself with the same seed only', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(1e6), (size, seed) => {
        const drawn = draw(items, size, createRandom(seed));
        assert.equal(drawn.length, Math.min(size, 40));
        assert.equal(new Set(drawn).size, drawn.length);
        assert.deepEqual(
          drawn.filter((item) => !items.includes(item)),
          [],
        );
        assert.deepEqual(draw(items, size, createRandom(seed)), drawn);
      }),
    );
    assert.notDeepEqual(draw(items, 10, createRandom(1)), draw(items, 10, createRandom(2)));
  });

  it('gives each item the same chance', () => {
    const random = createRandom(7);
    const counts = items.map(() => 0);
    for (let round = 0; round < 4000; round += 1)
      for (const item of draw(items, 10, random)) counts[item] = (counts[item] ?? 0) + 1;
    // 1,000 times each, with a standard deviation of 27.
    assert.ok(Math.min(...counts) > 850 && Math.max(...counts) < 1150, counts.join(' '));
  });
});

describe('interval', () => {
  it('is that of Wilson', () => {
    // Brown, Cai and DasGupta 2001; each bound computed by hand from its formula.
    const rounded = (noticed: number, total: number) => interval(noticed, total).map((bound) => bound.toFixed(1));
    assert.deepEqual(rounded(85, 108), ['70.1', '85.4']);
    assert.deepEqual(rounded(10, 10), ['72.2', '100.0']);
    assert.deepEqual(rounded(0, 10), ['0.0', '27.8']);
    assert.deepEqual(rounded(0, 0), ['0.0', '100.0']);
  });
});

describe('mutants', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sample-'));
  after(() => rmSync(directory, { recursive: true }));
  const [first, second] = ['first.ts', 'second.ts'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(first, 'export const isLess = (a: number, b: number): boolean => a < b;\n');
  writeFileSync(second, "export function name(): string {\n  return ['a', 'b'].join('-');\n}\n");
  const shown = ({ fileName, replacement }: { fileName: string; replacement: string }) => [fileName, replacement];

  it('are those of Stryker, without the texts', async () => {
    assert.deepEqual((await mutantsOf([first, second])).map(shown), [
      [first, '() => undefined'],
      [first, 'true'],
      [first, 'false'],
      [first, 'a <= b'],
      [first, 'a >= b'],
      [second, '{}'],
      [second, '[]'],
    ]);
  });

  it('that were not drawn are not tested, where one has another inside too', async () => {
    const all = await mutantsOf([first, second]);
    const drawn = all.filter(({ replacement }) => replacement === '{}' || replacement === 'a <= b');
    assert.deepEqual((await withOnly(drawn, () => mutantsOf([first, second]))).map(shown), [
      [first, 'a <= b'],
      [second, '{}'],
    ]);
    const { instrument } = Instrumenter.prototype;
    await assert.rejects(
      withOnly(drawn, () => Promise.reject(new Error('no tests'))),
      /no tests/,
    );
    assert.equal(Instrumenter.prototype.instrument, instrument);
    assert.equal((await mutantsOf([first, second])).length, all.length);
  });
});
