import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findClashes } from '../../../lib/manifest/clashes.ts';
import { createRowReader } from '../../../lib/manifest/rows.ts';
import { splitManifest } from '../../../lib/manifest/splitter.ts';
import { someGroup } from '../../factories.ts';
import fc from '../../fast-check.ts';
import { pieces } from './read-manifest.ts';

const group = someGroup('line7', { deviceIdCase: 'fold' });

async function clashesIn(ids: readonly string[], { chunkRows = 1, pieceBytes = 7 } = {}) {
  const bytes = Buffer.from(`deviceId\n${ids.join('\n')}\n`);
  const { shape, chunks } = await splitManifest(pieces(bytes), { format: 'csv', chunkRows });
  const read = createRowReader({ shape, defaultGroup: 'line7', group: () => group });
  return findClashes(pieces(bytes, pieceBytes), chunks, read, () => true);
}

describe('ids that differ only in case', () => {
  it('are found in different chunks, with the lines of two rows', async () => {
    assert.deepEqual(await clashesIn(['AB1', 'gw-1', 'ab1', 'Ab1']), { ab1: [2, 4] });
  });

  it('are not ids that are written twice in one way', async () => {
    assert.deepEqual(await clashesIn(['AB1', 'AB1', 'gw-1', 'gw-1']), {});
  });

  it('are found when two of them stand in one chunk', async () => {
    assert.deepEqual(await clashesIn(['AB1', 'ab1', 'gw-1', 'AB1'], { chunkRows: 2 }), { ab1: [2, 5] });
    assert.deepEqual(await clashesIn(['AB1', 'gw-1', 'AB1', 'ab1'], { chunkRows: 2 }), { ab1: [2, 4] });
  });

  it('are those that a Map finds, wherever chunks and pieces end', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.stringMatching(/^g[abAB]{1,2}$/), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 30 }),
        async (ids, pieceBytes) => {
          const writings = new Map<string, Set<string>>();
          for (const id of ids) {
            const folded = id.toLowerCase();
            writings.set(folded, (writings.get(folded) ?? new Set()).add(id));
          }
          const expected = [...writings].filter(([, set]) => set.size > 1).map(([id]) => id);
          assert.deepEqual(Object.keys(await clashesIn(ids, { pieceBytes })).sort(), expected.sort());
        },
      ),
    ));

  it('refuse the manifest when there are more than a thousand', async () => {
    const ids = Array.from({ length: 1001 }, (_, index) => [`gw-${index}`, `GW-${index}`]).flat();
    await assert.rejects(clashesIn(ids, { pieceBytes: 65_536 }), {
      code: 'manifest-too-large',
      message: /^More than 1000 device ids/,
    });
  });
});
