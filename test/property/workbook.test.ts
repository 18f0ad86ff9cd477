import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FleetError } from '../../lib/errors.ts';
import { isBlank } from '../../lib/manifest/blanks.ts';
import { csvRecords } from '../../lib/manifest/csv.ts';
import fc from '../fast-check.ts';
import { escaped, row, tableOf, workbook } from '../lib/manifest/workbook.ts';

const special = fc.constantFrom(
  '"',
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '=',
  '&',
  '<',
  '>',
  ']]>',
  '_x0041_',
  ' ',
  '\u0001',
  'ä',
  '工',
  '😀',
);
const cell = fc.oneof(
  fc.array(fc.oneof(special, fc.constantFrom('a', '0', '-')), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.integer({ min: -(10 ** 14), max: 10 ** 14 }),
);
/** Rows of a sheet: how many rows lie between, its cells, and whether their texts are shared. */
const rows = fc.array(
  fc.record({
    gap: fc.integer({ min: 0, max: 3 }),
    cells: fc.array(cell, { minLength: 1, maxLength: 5 }),
    isShared: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

it('a table that is written as a workbook is read as the same table, on the same lines', async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (table) => {
      const strings: string[] = [];
      const expected: { line: number; cells: string[] }[] = [];
      let line = 1;
      let xml = row(1, ['h1', 'h2', 'h3', 'h4', 'h5']);
      for (const { gap, cells, isShared } of table) {
        line += gap + 1;
        const shared = (text: string) => `<c t="s"><v>${strings.push(`<si><t>${escaped(text)}</t></si>`) - 1}</v></c>`;
        const written = cells.map((value) => (isShared && typeof value === 'string' ? shared(value) : value));
        // A text that begins with "<" is not a cell.
        xml += row(
          line,
          written.map((value) =>
            typeof value === 'string' && value.startsWith('<') && !value.startsWith('<c t="s">')
              ? shared(value)
              : value,
          ),
        );
        const texts = cells.map((value) => (isBlank(String(value)) ? '' : String(value)));
        if (texts.some((text) => text !== '')) {
          expected.push({ line, cells: Array.from({ length: 5 }, (_, index) => texts[index] ?? '') });
        }
      }
      const { text } = await tableOf(workbook({ rows: xml, strings }));
      const read = csvRecords(Buffer.from(text), ',', 1, true).slice(1);
      assert.deepEqual(
        read.map(({ line: at, cells }) => ({ line: at, cells })),
        expected,
      );
    }),
  );
});

it('any bytes are read or refused with a reason', async () => {
  const whole = workbook({ rows: row(1, ['deviceId']) + row(2, ['gw-1']) });
  const change = fc.record({
    at: fc.nat({ max: whole.length - 1 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat({ max: 40 }), async (changes, cut) => {
      const file = Buffer.from(whole.subarray(0, whole.length - cut));
      for (const { at, bytes } of changes)
        file.set(bytes.subarray(0, Math.max(file.length - at, 0)), Math.min(at, file.length));
      await tableOf(file).catch((error: unknown) => assert.ok(error instanceof FleetError, String(error)));
    }),
    { numRuns: 300 },
  );
});
