import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { withGuard, withoutGuard } from '../../../lib/manifest/csv.ts';
import { errorsCsv, type ResultRow, resultsCsv } from '../../../lib/manifest/report.ts';
import { isChangedBySpreadsheet } from '../../../lib/manifest/spreadsheet.ts';
import fc from '../../fast-check.ts';
import { lacks, run } from '../bundle/command.ts';
import { each, readManifest, text } from './read-manifest.ts';

/** Cells that Excel or LibreOffice changes when it opens a CSV file. */
const changed = [
  ...[
    '00071',
    '-00071',
    '1E5',
    '5e10',
    '1d5',
    '1.50',
    '2.10',
    '1.5',
    '-0',
    '.5',
    '+5',
    '123456789012',
    '1'.repeat(300),
  ],
  ...['89652900000000000001', '1,234', '1 234', '5%', '(5)', '$5', '€ 5', '3-4', '1/2', '1 1/2', '10.0.0.1', '12:30'],
  ...['5 a', '3:15 pm', '2026-03-01', '2026-03-01T10:00:00Z', '1-Mar', '3. März 2027', 'MAR1', 'sept-12', 'May 2027'],
  ...['TRUE', 'false', 'Wahr', 'FAUX', ' 5', '１２', '٣'],
];
const kept = ['', '71', '0', '-5', '-3.25', '123456789', 'gw-1', '1-gw', 'line7', 'may', 'porto', '19" rack', '[1, 2]'];

describe('a cell that a spreadsheet changes', () => {
  for (const cell of changed) {
    it(`is marked as text and read as it was: ${JSON.stringify(cell.slice(0, 30))}`, () => {
      assert.equal(withGuard(cell), `'${cell}`);
      assert.equal(withoutGuard(withGuard(cell)), cell);
      assert.equal(withoutGuard(withGuard(`'${cell}`)), `'${cell}`);
    });
  }
  for (const cell of kept) {
    it(`is not ${JSON.stringify(cell)}`, () => assert.equal(withGuard(cell), cell));
  }

  it('is marked and read back, whatever text it is', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '=',
      '="',
      '-',
      '+',
      '0',
      '1E5',
      '3-4',
      'TRUE',
      'May',
      ' ',
      '\t',
      '\n',
      '%',
      'ä',
    );
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 6 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(anyText, (value) => {
        const written = withGuard(value);
        assert.equal(withoutGuard(written), value);
        assert.ok(!isChangedBySpreadsheet(written));
      }),
      { numRuns: 5000 },
    );
  });

  it('is found in linear time in a hostile text', () => {
    const begun = performance.now();
    for (const unit of ['1', ' ', "'", '1 ', '-', '1e', '.', '\u00a0', '$1'])
      for (const end of ['x', '"', '\n']) withoutGuard(withGuard(unit.repeat(200_000) + end));
    assert.ok(performance.now() - begun < 2000);
  });
});

/** One row per cell, refused for its number; the error report of all of them, as a spreadsheet program gets it. */
async function reportWith(cells: readonly string[], delimiter: ',' | ';' | '\t' | '|'): Promise<string> {
  const rows = cells.map((cell, index) => [`gw7-${index}`, withGuard(cell), 'x']);
  const manifest = stringify([['deviceId', 'tags.a', 'tags.slot:number'], ...rows], {
    delimiter,
    quoted_match: /[\r\n]/,
  });
  const { faults, shape } = await readManifest(manifest, { chunkRows: 250 });
  assert.equal(faults.length, cells.length);
  return text(errorsCsv(each(faults), shape));
}

/** The report with each `x` replaced by 5, as people fix it. */
function fixed(report: string, delimiter: string): string {
  const table = parse(report, { delimiter, bom: true, relax_column_count: true }) as string[][];
  return stringify(
    table.map((row) => row.map((cell) => (cell === 'x' ? '5' : cell))),
    { delimiter, quoted_match: /[\r\n]/, bom: true },
  );
}

describe('an error report that a spreadsheet saved', () => {
  /** Opens and saves a table as Excel does: numbers lose zeros and digits, dates and truth values become others. */
  function savedByExcel(report: string, from: string, to: { delimiter: string; bom: boolean }): string {
    const table = parse(report, { delimiter: from, bom: true, relax_column_count: true }) as string[][];
    const cells = table.map((row) =>
      row.map((cell) => (isChangedBySpreadsheet(cell) ? `changed ${cell.length}` : cell.replace(/^="(.*)"$/s, '$1'))),
    );
    return stringify(cells, { ...to, record_delimiter: '\r\n', quoted_match: /[\r\n]/ });
  }

  it('has device 00071 and part 00123 once its number is fixed, however often it was opened', async () => {
    const list = readFileSync(new URL('../../vectors/manifests/report-leading-zeros.csv', import.meta.url));
    const { faults, shape } = await readManifest(list);
    const report = await text(errorsCsv(each(faults), shape));
    assert.match(
      report,
      /^\ufeffdeviceId,tags\.part,tags\.slot:number,line,code,message\n'00071,'00123,x,2,value-type,/,
    );
    for (const bom of [true, false]) {
      const once = savedByExcel(report, ',', { delimiter: ';', bom });
      const twice = savedByExcel(once.replace(';x;', ';5;'), ';', { delimiter: ';', bom });
      const { requests } = await readManifest(twice);
      assert.deepEqual(
        requests.map(({ deviceId, tags }) => ({ deviceId, tags })),
        [{ deviceId: '00071', tags: { part: '00123', slot: 5 } }],
      );
    }
  });

  it('has the numbers of five digits that its manifest had, and not the dates', async () => {
    const repaired = async (list: string) => {
      const { faults, shape } = await readManifest(list);
      const again = await readManifest(fixed(await text(errorsCsv(each(faults), shape)), ','));
      return again.requests.map(({ deviceId }) => deviceId);
    };
    const header = 'deviceId,tags.slot:number';
    assert.deepEqual(await repaired(`${header}\n44256,x\n44257,x\n44258,1\n`), ['44256', '44257']);
    assert.deepEqual(await repaired(`${header}\ngw-1,1\n44256,x\n`), []);
    const { requests } = await readManifest(`${header}\ngw-1,1\n'44256,1\n`);
    assert.equal(requests[1]?.deviceId, '44256');
  });

  it('has the signing request of its row, byte for byte', async () => {
    const pem = '-----BEGIN CERTIFICATE REQUEST-----\nMIIBADCB\n-----END CERTIFICATE REQUEST-----\n';
    const groups = { line7: { keyCustody: 'device' } } as const;
    const list = stringify(
      [
        ['deviceId', 'csr', 'tags.a:number'],
        ['00071', pem, 'x'],
      ],
      { quoted_match: /\n/ },
    );
    const { faults, shape } = await readManifest(list, { groups });
    const report = await text(errorsCsv(each(faults), shape));
    const { requests } = await readManifest(fixed(report, ','), { groups });
    assert.deepEqual([requests[0]?.deviceId, requests[0]?.csr], ['00071', pem]);
  });

  for (const delimiter of [',', ';', '\t', '|'] as const) {
    it(`has the same cells in its own delimiter ${JSON.stringify(delimiter)}`, async () => {
      const cells = [...changed, ...kept, '=1+1', "'=1", '@x', 'two\nlines', `a${delimiter}b`, '="1"'];
      const { requests, faults } = await readManifest(fixed(await reportWith(cells, delimiter), delimiter));
      assert.deepEqual(faults, []);
      assert.deepEqual(
        requests.map(({ tags }) => tags['a'] ?? ''),
        cells,
      );
    });
  }
});

describe('a report that LibreOffice opened and saved', { skip: lacks('soffice') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'reports-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  /**
   * Opens CSV as people do, with the types of cells guessed, saves it as a workbook, and that as CSV again.
   * Options: https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html
   */
  function saved(csv: string, options: { delimiter: string; language: number; format: 'xlsx' | 'ods' }): string {
    const { delimiter, language, format } = options;
    const separator = delimiter.charCodeAt(0);
    const convert = (file: string, ...args: string[]) => {
      const profile = `-env:UserInstallation=file://${directory}/profile`;
      const { output } = run('soffice', ['--headless', profile, ...args, '--outdir', directory, join(directory, file)]);
      assert.match(output, /convert .* using filter/);
    };
    writeFileSync(join(directory, 'report.csv'), csv);
    // Separator, quote, UTF-8, first line, types of columns, language, quoted cells are guessed too, dates are guessed.
    convert('report.csv', `--infilter=CSV:${separator},34,76,1,,${language},false,true`, '--convert-to', format);
    // Cells are saved as they are shown.
    const filter = `Text - txt - csv (StarCalc):${separator},34,76,1,,${language},false,true`;
    convert(`report.${format}`, '--convert-to', `csv:${filter}`);
    return readFileSync(join(directory, 'report.csv'), 'utf8');
  }

  const ways = [
    { delimiter: ',', language: 1033, format: 'xlsx' },
    { delimiter: ';', language: 1031, format: 'ods' },
    { delimiter: '\t', language: 1036, format: 'xlsx' },
  ] as const;

  it('has other cells where they have no mark', () => {
    const after = saved('a,b,c\n00071,1E5,5e10\n', ways[0]);
    assert.doesNotMatch(after, /00071|1E5|5e10/);
  });

  for (const way of ways) {
    it(`has the same rows: ${way.format}, language ${way.language}`, async () => {
      const { delimiter } = way;
      const cells = [...changed, ...kept, '=1+1', '="00071"', "'=1", "''5", '@x', '-x', 'two\nlines', `a${delimiter}b`];
      const once = saved(await reportWith(cells, delimiter), way);
      const twice = saved(once, way);
      const { requests, faults } = await readManifest(fixed(twice, delimiter));
      assert.deepEqual(faults, []);
      assert.deepEqual(
        requests.map(({ tags }) => tags['a'] ?? ''),
        cells,
      );
    });
  }

  it('has the same serial numbers and ids', async () => {
    const result = { line: 2, status: 'provisioned', notAfter: '2027-01-01T00:00:00.000Z' } as const;
    const rows = ['5e10', '12345678', '0123456789', '1E5', 'ab12', '00071'].map((id): ResultRow => {
      return { ...result, deviceId: id, enrollmentGroup: id, serialNumber: id, sha256Thumbprint: id };
    });
    const columns = (csv: string) =>
      (parse(csv, { delimiter: ';', bom: true, columns: true }) as Record<string, string>[]).map((row) =>
        ['deviceId', 'enrollmentGroup', 'serialNumber', 'sha256Thumbprint'].map((name) =>
          withoutGuard(row[name] ?? ''),
        ),
      );
    const report = await text(resultsCsv(each(rows), { format: 'csv', delimiter: ';' }));
    assert.deepEqual(columns(saved(report, ways[1])), columns(report));
  });
});

it('a result report has the delimiter of its manifest, and no hexadecimal number that is a decimal one', async () => {
  const result = {
    ...({ line: 2, deviceId: '00071', status: 'provisioned', enrollmentGroup: 'line7' } as const),
    ...{ serialNumber: '12345678', sha256Thumbprint: '5E10', notAfter: '2027-01-01T00:00:00.000Z' },
  };
  const other = { ...result, line: 3, deviceId: 'gw-1', serialNumber: '0a', sha256Thumbprint: 'AB' };
  assert.equal(
    await text(resultsCsv(each([result, other]), { format: 'csv', delimiter: ';' })),
    '\ufeffline;deviceId;status;enrollmentGroup;serialNumber;sha256Thumbprint;notAfter\n' +
      "2;'00071;provisioned;line7;'12345678;'5E10;2027-01-01T00:00:00.000Z\n" +
      '3;gw-1;provisioned;line7;0a;AB;2027-01-01T00:00:00.000Z\n',
  );
});
