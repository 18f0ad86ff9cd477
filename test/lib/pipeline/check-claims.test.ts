import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClaimTable, type TableClaim } from '../../../lib/pipeline/check-claims.ts';
import fc from '../../fast-check.ts';

describe('the claims of a check', () => {
  it('are found as they were set last, like those of a map', () => {
    const entry = fc.record({
      id: fc.stringMatching(/^[a-z]{1,2}$/),
      line: fc.nat().map((n) => n + 1),
      released: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 200 }), (entries) => {
        const table = createClaimTable();
        const map = new Map<string, TableClaim>();
        for (const { id, line, released } of entries) {
          table.set(id, { line, released });
          map.set(id, { line, released, writtenId: undefined });
        }
        for (const id of ['a', 'zz', ...map.keys()]) assert.deepEqual(table.find(id), map.get(id));
      }),
    );
  });

  it('of 300,000 devices take less than 32 MiB', () => {
    const table = createClaimTable();
    const before = process.memoryUsage();
    for (let line = 1; line <= 300_000; line++) table.set(`gw-${line}`, { line, released: line % 7 === 0 });
    const { arrayBuffers } = process.memoryUsage();
    assert.ok(arrayBuffers - before.arrayBuffers < 32 * 1024 * 1024, `${arrayBuffers - before.arrayBuffers} bytes`);
    assert.deepEqual(table.find('gw-210000'), { line: 210_000, released: true, writtenId: undefined });
    assert.equal(table.find('gw-1000001'), undefined);
  });
});
