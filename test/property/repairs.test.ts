import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../lib/errors.ts';
import { splitManifest } from '../../lib/manifest/splitter.ts';
import fc from '../fast-check.ts';
import { pieces, readManifest } from '../lib/manifest/read-manifest.ts';

const rows = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z0-9]{1,8}$/).map((id) => `gw7-${id}`),
    site: fc.stringMatching(/^[g-m]{1,6}$/),
  }),
  { minLength: 1, maxLength: 8, selector: ({ id }) => id },
);
const blank = fc.constantFrom('', ' ', '\u00a0', '\u200b', '\ufeff', '\u200e', '\u00ad');
const habits = fc.record({
  marks: fc.integer({ min: 0, max: 3 }),
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  namesDelimiter: fc.boolean(),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n'),
  idName: fc.constantFrom('deviceId', 'Device ID', 'device_id', 'DEVICE-ID'),
  emptyColumns: fc.integer({ min: 0, max: 2 }),
  extraCells: fc.integer({ min: 0, max: 2 }),
  emptyRows: fc.integer({ min: 0, max: 2 }),
  blank,
  mark: fc.constantFrom('', "'00", '="'),
});

it('any table, with the habits of any program, is read as the same rows, and each repair is counted', () =>
  fc.assert(
    fc.asyncProperty(rows, habits, fc.integer({ min: 1, max: 40 }), async (table, habit, pieceBytes) => {
      const { marks, delimiter, namesDelimiter, lineEnd, idName, emptyColumns, extraCells, emptyRows } = habit;
      const line = (cells: string[]) => cells.join(delimiter) + lineEnd;
      const part = habit.mark === '' ? '00' : habit.mark === '="' ? '="00"' : "'00";
      const text = [
        '\ufeff'.repeat(marks),
        namesDelimiter ? `sep=${delimiter}${lineEnd}` : '',
        line([idName, 'tags.site', 'tags.part', ...Array(emptyColumns).fill('')]),
        line(['', '', '']).repeat(emptyRows),
        ...table.map(({ id, site }) =>
          line([id, habit.blank + site, part, ...Array(emptyColumns + extraCells).fill('')]),
        ),
      ].join('');
      const { requests, faults, repairs, rowRepairs } = await readManifest(text, { chunkRows: 3, pieceBytes });
      assert.deepEqual(faults, []);
      assert.deepEqual(
        requests.map(({ deviceId, tags }) => ({ deviceId, tags })),
        table.map(({ id, site }) => ({ deviceId: id, tags: { site, part: '00' } })),
      );
      const count = { ...repairs, ...rowRepairs };
      const all = table.length;
      assert.equal(count.bom ?? 0, marks > 1 ? 1 : 0);
      assert.equal(count['sep-line'] ?? 0, namesDelimiter ? 1 : 0);
      assert.equal(count['header-names'] ?? 0, idName === 'deviceId' ? 0 : 1);
      assert.equal(count['empty-columns'] ?? 0, emptyColumns);
      assert.equal(count['blank-rows'] ?? 0, emptyRows);
      assert.equal(count['extra-cells'] ?? 0, extraCells > 0 ? all : 0);
      assert.equal(count['trimmed-cells'] ?? 0, habit.blank === '' ? 0 : all);
      assert.equal(count['text-marks'] ?? 0, habit.mark === '' ? 0 : all);
    }),
    { numRuns: 300 },
  ));

describe('a file that is made to fill the memory', () => {
  const mebibyte = 1024 * 1024;
  async function* repeated(start: string, piece: string, times: number): AsyncIterable<Uint8Array> {
    yield Buffer.from(start);
    const bytes = Buffer.from(piece);
    for (let count = 0; count < times; count += 1) yield bytes;
  }
  const files: [what: string, start: string, piece: string][] = [
    ['a line without an end', 'deviceId\n', 'x'.repeat(mebibyte)],
    ['a quoted cell without an end', 'deviceId\n"', '\n'.repeat(mebibyte)],
    ['a row of delimiters', 'deviceId\n', ','.repeat(mebibyte)],
    ['a header without an end', 'deviceId', ',tags.a'.repeat(mebibyte / 8)],
    ['blank lines before the header', '', '\n'.repeat(mebibyte)],
    ['byte order marks', '', '\ufeff'.repeat(mebibyte / 4)],
  ];
  for (const [what, start, piece] of files) {
    it(`is refused early: ${what} of 100 MB`, async () => {
      const began = performance.now();
      const before = process.memoryUsage().rss;
      await assert.rejects(
        splitManifest(repeated(start, piece, 100), { format: 'csv', chunkRows: 250 }),
        (error) => error instanceof FleetError && error.code === 'manifest-row-too-long',
      );
      assert.ok(performance.now() - began < 20_000);
      assert.ok(process.memoryUsage().rss - before < 200 * mebibyte);
    });
  }

  it('is split when it has thousands of rows of delimiters', async () => {
    const rows = `${',,,,,,,,,'.repeat(10)}\n`.repeat(1000);
    const { repairs, rows: read } = await splitManifest(pieces(Buffer.from(`deviceId\ngw-1\n${rows}`), 4096), {
      format: 'csv',
      chunkRows: 250,
    });
    assert.deepEqual([read, repairs['blank-rows']], [1, 1000]);
  });
});
