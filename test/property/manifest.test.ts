import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { FleetError } from '../../lib/errors.ts';
import { withGuard, withoutGuard } from '../../lib/manifest/csv.ts';
import type { TextFormat } from '../../lib/manifest/manifest.ts';
import { createRecordScanner } from '../../lib/manifest/record-scanner.ts';
import { errorsCsv } from '../../lib/manifest/report.ts';
import { splitManifest } from '../../lib/manifest/splitter.ts';
import fc from '../fast-check.ts';
import { each, pieces, type ReadOptions, readManifest, text } from '../lib/manifest/read-manifest.ts';

/** Characters with a meaning in CSV, JSON, spreadsheets or UTF-8 are more frequent than others. */
const character = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '"',
      ',',
      ';',
      '\t',
      '\n',
      '\r',
      "'",
      '=',
      '-',
      '@',
      ' ',
      '\ufeff',
      'ä',
      '工',
      '😀',
      '\ufffd',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('a', 'b', '0', '1', '.', '{', '}') },
);
// A cell that seems to hold rows of the manifest is refused; field-cases.test.ts has such cells.
const cell = fc
  .array(character, { maxLength: 12 })
  .map((characters) => characters.join(''))
  .filter((text) => !/\n(?=[^\n]*\d)[^\n]*[,;\t|]/.test(text));
// The prefix keeps clear of dates, numbers and words that spreadsheets write.
const deviceId = fc.stringMatching(/^[a-z0-9](?:[a-z0-9._-]{0,8}[a-z0-9])?$/).map((id) => `gw7-${id}`);
const sizes = fc.record({
  chunkRows: fc.integer({ min: 1, max: 4 }),
  pieceBytes: fc.integer({ min: 1, max: 40 }),
  blockBytes: fc.constantFrom(8, 9, 13, 64, 4096),
});
const devices = fc.uniqueArray(fc.record({ deviceId, a: cell, b: cell }), {
  minLength: 1,
  maxLength: 8,
  selector: ({ deviceId }) => deviceId,
});

const tagsOf = ({ a, b }: { a: string; b: string }) => ({ ...(a === '' ? {} : { a }), ...(b === '' ? {} : { b }) });

/** A guarded cell as it is read: without blanks around it and without its guard. */
function asRead(value: string): string {
  const edge = '[ \\t\ufeff]';
  return withoutGuard(withGuard(value).replace(new RegExp(`^${edge}+|${edge}+$`, 'g'), ''));
}

const isRefused = (value: string) => /[\ufeff\ufffd]/.test(asRead(value));

describe('any cells, written as CSV by another library', () => {
  const dialect = fc.record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n'),
    encoding: fc.constantFrom('utf-8', 'utf-16le', 'utf-16be'),
    bom: fc.boolean(),
    quoted: fc.boolean(),
    lastLineEnd: fc.boolean(),
  });

  it('are read as the same rows on the same lines, wherever the file is cut', () =>
    fc.assert(
      fc.asyncProperty(devices, dialect, sizes, async (rows, dialectOfFile, cut) => {
        const { delimiter, lineEnd, encoding, bom, quoted, lastLineEnd } = dialectOfFile;
        const header = [['deviceId', 'tags.a', 'tags.b']];
        const guarded = rows.map(({ deviceId, a, b }) => [deviceId, withGuard(a), withGuard(b)]);
        const write = (table: string[][]) =>
          stringify(table, { delimiter, record_delimiter: lineEnd, quoted, quoted_match: /[\r\n]/ });
        const written = write(header) + write(guarded);
        const text = lastLineEnd ? written : written.slice(0, -lineEnd.length);
        const manifest = encoded(bom || encoding !== 'utf-8' ? `\ufeff${text}` : text, encoding);
        const { requests, faults, chunks } = await readManifest(manifest, cut);
        const isBad = ({ a, b }: { a: string; b: string }) => isRefused(a) || isRefused(b);
        assert.deepEqual(
          requests.map(({ deviceId, tags }) => ({ deviceId, tags })),
          rows
            .filter((row) => !isBad(row))
            .map(({ deviceId, a, b }) => ({ deviceId, tags: tagsOf({ a: asRead(a), b: asRead(b) }) })),
        );
        assert.equal(faults.length, rows.filter(isBad).length);
        const lines = [...requests, ...faults].map(({ line }) => line).sort((a, b) => a - b);
        let line = 2;
        for (const [index, row] of guarded.entries()) {
          assert.equal(lines[index], line);
          line += 1 + row.join('').split('\n').length - 1;
        }
        for (const { rows } of chunks) assert.ok(rows <= cut.chunkRows);
      }),
    ));

  it('are read from NDJSON as the same rows', () =>
    fc.assert(
      fc.asyncProperty(devices, sizes, async (rows, cut) => {
        const manifest = rows.map((row) => JSON.stringify({ deviceId: row.deviceId, tags: tagsOf(row) })).join('\r\n');
        const { requests, faults } = await readManifest(manifest, { ...cut, format: 'ndjson' });
        assert.deepEqual(faults, []);
        assert.deepEqual(
          requests.map(({ line, deviceId, tags }) => ({ line, deviceId, tags })),
          rows.map((row, index) => ({ line: index + 1, deviceId: row.deviceId, tags: tagsOf(row) })),
        );
      }),
    ));
});

it('the scanner finds the records that csv-parse finds, in any text that csv-parse accepts', () =>
  fc.assert(
    fc.property(cell, cell, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (one, two, cuts) => {
      const bytes = Buffer.from(`${one}\n${two}`);
      let expected: string[][];
      try {
        const options = { delimiter: ',', record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true };
        const all: string[][] = parse(bytes, { ...options, relax_column_count: true });
        // Rows of delimiters and blanks are skipped.
        expected = all.filter((row) => row.join('').replace(/[\s\ufeff]/g, '') !== '');
      } catch {
        return;
      }
      const found: [number, number][] = [];
      const scanner = createRecordScanner({
        ...{ delimiter: ',', offset: 0, line: 1, maxRecordBytes: 1000 },
        onRecord: (start, next) => found.push([start, next]),
      });
      const characters = [...bytes.toString()];
      for (let at = 0, step = 0; at < characters.length; step += 1) {
        const size = cuts[step % cuts.length] ?? 1;
        scanner.scan(Buffer.from(characters.slice(at, at + size).join('')));
        at += size;
      }
      assert.equal(scanner.finish(), undefined);
      assert.equal(found.length, expected.length);
    }),
    { numRuns: 500 },
  ));

describe('a fixed error report', () => {
  const broken = fc.record({ deviceId: deviceId.map((id) => `X${id}`), a: cell, b: cell });
  const table = fc.uniqueArray(broken, { minLength: 1, maxLength: 6, selector: ({ deviceId }) => deviceId });

  it('is read as the intended rows, whatever their cells contain', () =>
    fc.assert(
      fc.asyncProperty(table, fc.constantFrom(',', ';', '\t'), sizes, async (rows, delimiter, cut) => {
        const cells = rows.map(({ deviceId, a, b }) => [withGuard(a), deviceId, withGuard(b)]);
        const manifest = stringify([['tags.a', 'deviceId', 'tags.b'], ...cells], { delimiter, quoted_match: /[\r\n]/ });
        const first = await readManifest(manifest, cut);
        assert.equal(first.faults.length, rows.length);
        const errors = await text(errorsCsv(each(first.faults), first.shape));
        // Like a spreadsheet with its own way of quoting: read every cell, change one column, write every cell.
        const sheet = parse(errors, { delimiter, record_delimiter: '\n' }) as string[][];
        const fixed = sheet.map((row) => row.map((value, column) => (column === 1 ? value.replace(/^X/, '') : value)));
        const second = await readManifest(stringify(fixed, { delimiter, quoted: true }), cut);
        const isBad = ({ a, b }: { a: string; b: string }) => isRefused(a) || isRefused(b);
        assert.equal(second.faults.length, rows.filter(isBad).length);
        assert.deepEqual(
          second.requests.map(({ deviceId, tags }) => ({ deviceId, tags })),
          rows
            .filter((row) => !isBad(row))
            .map(({ deviceId, a, b }) => ({
              deviceId: deviceId.slice(1),
              tags: tagsOf({ a: asRead(a), b: asRead(b) }),
            })),
        );
      }),
    ));

  it('has the same errors again when it is sent without a fix', () =>
    fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 5 }), sizes, async (lines, cut) => {
        const first = await tried(readManifest(`deviceId,tags.a:number\n${lines.join('\n')}\n`, cut));
        if (first === undefined || first.faults.length === 0) return;
        const errors = await text(errorsCsv(each(first.faults), first.shape));
        const second = await readManifest(errors, cut);
        assert.deepEqual(
          second.requests.map(({ deviceId }) => deviceId),
          [],
        );
        const again = await text(errorsCsv(each(second.faults), second.shape));
        const cells = (report: string) =>
          (parse(report, { relax_column_count: true }) as string[][]).map((row) => row.slice(0, 2));
        assert.deepEqual(cells(again), cells(errors));
      }),
    ));
});

it('the guard can be removed again, and a guarded cell is never a formula', () =>
  fc.assert(
    fc.property(cell, (value) => {
      assert.equal(withoutGuard(withGuard(value)), value);
      assert.doesNotMatch(withGuard(value), /^(?:[=+@\t\r\n＝＋－＠]|-(?!\d+(?:\.\d+)?$))/);
    }),
    { numRuns: 1000 },
  ));

describe('bytes of any kind', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    fc.array(cell, { maxLength: 10 }).map((cells) => Buffer.from(`deviceId,tags.a\n${cells.join('')}`)),
    fc
      .tuple(fc.array(cell, { minLength: 1, maxLength: 6 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([cells, at, byte]) => {
        const manifest = Buffer.from(`deviceId;tags.a:json;desired.b\n${cells.join(';')}\n`);
        manifest[at % manifest.length] = byte;
        return manifest;
      }),
  );

  it('are rows that are each accepted or refused once, or one error for the file', () =>
    fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom<TextFormat>('csv', 'ndjson'), sizes, async (file, format, cut) => {
        const options: ReadOptions = { ...cut, format };
        const read = await tried(readManifest(file, options));
        if (read === undefined) return;
        const { requests, faults, rows, chunks } = read;
        assert.equal(requests.length + faults.length, rows);
        const lines = [...requests, ...faults].map(({ line }) => line);
        assert.equal(new Set(lines).size, rows);
        for (const [index, { start, end }] of chunks.entries()) {
          assert.ok(start < end && start >= (chunks[index - 1]?.end ?? 0));
        }
        for await (const part of errorsCsv(each(faults), read.shape)) assert.equal(typeof part, 'string');
      }),
      { numRuns: 1000 },
    ));

  it('are split the same, however they are cut', () =>
    fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom<TextFormat>('csv', 'ndjson'), sizes, async (file, format, cut) => {
        const outcome = (pieceBytes: number, blockBytes?: number) =>
          splitManifest(pieces(file, pieceBytes), { format, chunkRows: cut.chunkRows, blockBytes }).catch(
            (error: FleetError) => [error.code, error.message],
          );
        assert.deepEqual(await outcome(cut.pieceBytes, cut.blockBytes), await outcome(1_000_000));
      }),
      { numRuns: 500 },
    ));
});

function encoded(text: string, encoding: string): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16le' ? bytes : bytes.swap16();
}

/** @returns undefined when the file was refused as a whole */
async function tried<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    assert.ok(error instanceof FleetError, String(error));
    assert.match(error.code, /^manifest-/);
    assert.ok(error.message.length < 5000);
    return undefined;
  }
}
