import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { benchmarks } from '../../bench/benchmarks.ts';
import { performancePage } from '../../bench/performance-page.ts';
import { readResults } from '../../bench/results.ts';
import { inAzure } from '../../bench/where-it-holds.ts';

describe('docs/performance.md', () => {
  it('is what bench/results.json says', async () => {
    const page = await readFile(new URL('../../docs/performance.md', import.meta.url), 'utf8');
    assert.equal(page, performancePage(await readResults()));
  });

  it('says of each benchmark which of its figures hold in Azure', () => {
    assert.deepEqual(
      benchmarks.map(({ name }) => name).filter((name) => inAzure[name] === undefined),
      [],
    );
  });
});
