import assert from 'node:assert/strict';
import { createHash, hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeBundle, readBundleEntries, tilePath } from '../../../lib/audit/tiles.ts';
import { leafHash, partialWidths, TreeEdge } from '../../../lib/audit/tree.ts';

/** MTH(D[n]), word for word as in RFC 6962, section 2.1. */
function merkleTreeHash(entries: readonly Buffer[]): Buffer {
  const [only] = entries;
  if (only === undefined) return hash('sha256', '', 'buffer');
  if (entries.length === 1) return createHash('sha256').update('\x00').update(only).digest();
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  const [left, right] = [merkleTreeHash(entries.slice(0, k)), merkleTreeHash(entries.slice(k))];
  return createHash('sha256').update('\x01').update(left).update(right).digest();
}

const entries = Array.from({ length: 70_000 }, (_, index) => Buffer.from(`entry ${index}`));

describe('the Merkle tree', () => {
  it('has the root hashes of RFC 6962 at every size around the edges of tiles', () => {
    const sizes = new Set([
      0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 65_792, 70_000,
    ]);
    const edge = new TreeEdge();
    for (let size = 0; size <= entries.length; size++) {
      if (sizes.has(size)) assert.deepEqual(edge.root(), merkleTreeHash(entries.slice(0, size)), `size ${size}`);
      const entry = entries[size];
      if (entry !== undefined) edge.add(leafHash(entry));
    }
  });

  it('has the tiles that the specification counts for 70,000 entries', () => {
    const edge = new TreeEdge();
    const full = [0, 0, 0];
    for (const entry of entries)
      for (const { level, index } of edge.add(leafHash(entry))) {
        assert.equal(index, full[level]);
        full[level] = index + 1;
      }
    assert.deepEqual(full, [273, 1, 0]);
    assert.deepEqual(
      edge.levels.map(({ length }) => length),
      [112, 17, 1],
    );
    assert.deepEqual(partialWidths(70_000), [112, 17, 1]);
    assert.deepEqual(partialWidths(256), [0, 1]);
  });

  it('goes on from its right edge', () => {
    const whole = new TreeEdge();
    for (const entry of entries.slice(0, 600)) whole.add(leafHash(entry));
    const first = new TreeEdge();
    for (const entry of entries.slice(0, 300)) first.add(leafHash(entry));
    const second = new TreeEdge(first.size, first.levels);
    for (const entry of entries.slice(300, 600)) second.add(leafHash(entry));
    assert.deepEqual(second.root(), whole.root());
  });
});

describe('tiles', () => {
  it('have the paths of the specification', () => {
    assert.equal(tilePath(0, 0), 'tile/0/000');
    assert.equal(tilePath(1, 1_234_067), 'tile/1/x001/x234/067');
    assert.equal(tilePath('entries', 1000, 5), 'tile/entries/x001/000.p/5');
  });

  it('of entries are read as they were written, up to where they are cut off', () => {
    const some = [Buffer.from(''), Buffer.from('a'), Buffer.alloc(0xffff, 1)];
    const body = encodeBundle(some);
    assert.deepEqual(readBundleEntries(body), some);
    assert.deepEqual(readBundleEntries(body.subarray(0, -1)), some.slice(0, 2));
  });
});
