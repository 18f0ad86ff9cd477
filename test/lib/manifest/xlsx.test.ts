import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { createRowReader } from '../../../lib/manifest/rows.ts';
import { splitManifest } from '../../../lib/manifest/splitter.ts';
import { limits } from '../../../lib/manifest/xlsx/limits.ts';
import { bytesSource } from '../../../lib/manifest/xlsx/package.ts';
import { readWorkbook } from '../../../lib/manifest/xlsx/table.ts';
import { someGroup } from '../../factories.ts';
import { row, rowsOf, tableOf, type WorkbookParts, workbook, zip } from './workbook.ts';

/** The rows of a workbook, as the pipeline reads them. */
async function readRows(parts: WorkbookParts) {
  const { csv, sheet, repairs } = await readWorkbook(bytesSource(workbook(parts)));
  const table = Buffer.concat(await Array.fromAsync(csv));
  const { shape, chunks } = await splitManifest(
    (async function* () {
      yield table;
    })(),
    { format: 'csv', sheet, chunkRows: 2 },
  );
  const read = createRowReader({ shape, defaultGroup: 'line7', group: (id) => someGroup(id) });
  const parted = chunks.map(({ start, end, firstLine }) => read(table.subarray(start, end), firstLine));
  const requests = parted.flatMap(({ requests: some }) => some);
  const faults = parted.flatMap(({ faults: some }) => some);
  return { shape, requests, faults, repairs };
}

const text = async (parts: WorkbookParts) => (await tableOf(workbook(parts))).text;

function refused(parts: WorkbookParts | Buffer, code: string, message: RegExp): Promise<void> {
  const bytes = Buffer.isBuffer(parts) ? parts : workbook(parts);
  return assert.rejects(tableOf(bytes), (error) => {
    assert.ok(error instanceof FleetError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

const list = rowsOf([
  ['deviceId', 'tags.a'],
  ['gw-1', 'x'],
]);

describe('the table of a workbook', () => {
  it('has the rows of the first sheet with the line of each', async () => {
    const rows = `${row(1, ['deviceId', 'tags.a'])}${row(4, ['gw-1', 'x, "y"'])}${row(7, ['gw-2'])}`;
    assert.equal(await text({ rows }), 'deviceId,tags.a\n\n\ngw-1,"x, ""y"""\n\n\ngw-2,\n');
  });

  it('counts a row as one line, whatever line ends its cells have', async () => {
    const pem = '-----BEGIN\nREQUEST\n-----';
    const { requests, faults } = await readRows({
      rows: rowsOf([
        ['deviceId', 'tags.a'],
        ['gw-1', pem],
        ['GW 2', pem],
        ['gw-3', pem],
        ['gw-4', ''],
      ]),
    });
    assert.deepEqual(
      requests.map(({ line, deviceId, tags }) => ({ line, deviceId, tags })),
      [
        { line: 2, deviceId: 'gw-1', tags: { a: pem } },
        { line: 4, deviceId: 'gw-3', tags: { a: pem } },
        { line: 5, deviceId: 'gw-4', tags: {} },
      ],
    );
    assert.deepEqual(
      faults.map(({ line }) => line),
      [3],
    );
  });

  it('has the name of a column that is wrapped in its cell', async () => {
    const { shape } = await readRows({ rows: rowsOf([['Device\nID', 'tags.a'], ['gw-1']]) });
    assert.deepEqual(shape.columns, ['deviceId', 'tags.a']);
    assert.equal(shape.sheet, 'List');
    assert.equal(shape.bom, true);
  });

  it('is separated by commas, whatever the cells have', async () => {
    const { requests } = await readRows({
      rows: rowsOf([
        ['deviceId', 'tags.a', 'tags.b'],
        ['gw-1', 'a;b|c\td;e', '="00124"'],
      ]),
    });
    assert.deepEqual(requests[0]?.tags, { a: 'a;b|c\td;e', b: '00124' });
  });

  it('skips a first row that names a delimiter, as LibreOffice keeps it', async () => {
    const table = await tableOf(workbook({ rows: row(1, ['sep=;']) + row(2, ['deviceId']) + row(3, ['gw-1']) }));
    assert.equal(table.text, '\ndeviceId\ngw-1\n');
    assert.deepEqual(table.repairs, { 'sep-line': 1 });
  });

  it('names the row of a header below a title', async () => {
    const rows = row(1, ['Plant 7']) + row(3, ['deviceId', 'tags.a']) + row(4, ['gw-1', 'x']);
    await assert.rejects(readRows({ rows }), /The header seems to be on line 3/);
  });

  it('names a list in one column', async () => {
    const rows = rowsOf([['deviceId,tags.a'], ['gw-1,x']]);
    await assert.rejects(readRows({ rows }), /the whole line is in quotes/);
  });
});

describe('the text of a cell', () => {
  const cases: [what: string, cell: string | number, expected: string, more?: Partial<WorkbookParts>][] = [
    ['a whole number', 42, '42'],
    ['a number of 15 digits, which General shows as 3.52035E+14', 352034567890123, '352034567890123'],
    ['a number with more digits than a spreadsheet keeps', '<c><v>12345678901234567</v></c>', '1.2345678901234568E+16'],
    ['a fraction as binary numbers write it', '<c><v>3.1400000000000001</v></c>', '3.14'],
    ['a small number', '<c><v>1E-7</v></c>', '1E-07'],
    ['leading zeros of the format', '<c s="1"><v>42</v></c>', '00042', { formats: ['00000'] }],
    ['fixed signs of the format', '<c s="1"><v>12345</v></c>', 'SN-012-345', { formats: ['"SN-"000-000'] }],
    ['decimals that the format adds', '<c s="1"><v>123</v></c>', '123.0', { formats: ['0.0'] }],
    ['decimals that the format hides', '<c s="1"><v>123.456</v></c>', '123.456', { formats: ['0.0'] }],
    ['thousands', '<c s="1"><v>1234567</v></c>', '1234567', { formats: [3] }],
    ['percent', '<c s="1"><v>0.12</v></c>', '0.12', { formats: [9] }],
    ['scientific notation', '<c s="1"><v>352034567890123</v></c>', '352034567890123', { formats: [11] }],
    ['money', '<c s="1"><v>12</v></c>', '12', { formats: ['[$€-407] #,##0.00'] }],
    ['a text format', '<c s="1"><v>42</v></c>', '42', { formats: [49] }],
    ['a format that cannot be read', '<c s="1"><v>42</v></c>', '42', { formats: ['[<1]0;['] }],
    ['a style that does not exist', '<c s="99"><v>42</v></c>', '42'],
    ['a date', '<c s="1"><v>46082</v></c>', '2026-03-01', { formats: [14] }],
    ['a date without a year', '<c s="1"><v>46082</v></c>', '2026-03-01', { formats: [16] }],
    ['a date with a time', '<c s="1"><v>46082.75</v></c>', '2026-03-01T18:00:00', { formats: ['dd.mm.yyyy'] }],
    ['a time', '<c s="1"><v>0.5208333333333334</v></c>', '12:30:00', { formats: [20] }],
    ['hours', '<c s="1"><v>1.5</v></c>', '36:00:00', { formats: ['[h]:mm'] }],
    ['a moment before midnight', '<c s="1"><v>46082.9999999</v></c>', '2026-03-02', { formats: [22] }],
    ['the day that was not', '<c s="1"><v>60</v></c>', '1900-02-29', { formats: [14] }],
    ['the first of March 1900', '<c s="1"><v>61</v></c>', '1900-03-01', { formats: [14] }],
    ['the first day', '<c s="1"><v>1</v></c>', '1900-01-01', { formats: [14] }],
    ['a date before the first', '<c s="1"><v>-1</v></c>', '#####', { formats: [14] }],
    [
      'a date of 1904',
      '<c s="1"><v>44620</v></c>',
      '2026-03-01',
      { formats: [14], properties: '<workbookPr date1904="1"/>' },
    ],
    ['a date of East Asia', '<c s="1"><v>46082</v></c>', '2026-03-01', { formats: [31] }],
    ['a date as text', '<c t="d"><v>2026-03-01T00:00:00.000</v></c>', '2026-03-01'],
    ['a boolean', '<c t="b"><v>1</v></c>', 'TRUE'],
    ['an error', '<c t="e"><v>#N/A</v></c>', '#N/A'],
    ['an error of another program', '<c t="e"><v>#PYTHON!</v></c>', '#PYTHON!'],
    ['an error that no reader knows', '<c t="e"><v>bad</v></c>', '#UNKNOWN!'],
    ['a formula', '<c t="str"><f>A1&amp;"x"</f><v>gw-1x</v></c>', 'gw-1x'],
    ['a formula that gives no text', '<c t="str"><f>""</f><v></v></c>', ''],
    ['a shared text', '<c t="s"><v>1</v></c>', 'gw-2', { strings: ['<si><t>gw-1</t></si>', '<si><t>gw-2</t></si>'] }],
    ['an empty shared text', '<c t="s"><v>0</v></c>', '', { strings: ['<si/>', '<si><t>x</t></si>'] }],
    [
      'the runs of a formatted text, and not its pronunciation',
      '<c t="s"><v>0</v></c>',
      'gw-1',
      {
        strings: [
          '<si><r><rPr><b/></rPr><t>gw</t></r><r><t>-1</t></r><rPh sb="0" eb="1"><t>ka</t></rPh><phoneticPr fontId="1"/></si>',
        ],
      },
    ],
    ['an escaped character', '<c t="inlineStr"><is><t>a_x0041_b_x005F_x0042_</t></is></c>', 'aAb_x0042_'],
    ['an escaped zero byte', '<c t="inlineStr"><is><t>a_x0000_</t></is></c>', 'a\ufffd'],
    ['CDATA', '<c t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c>', 'a<b'],
    ['blanks', '<c t="inlineStr"><is><t xml:space="preserve">   </t></is></c>', ''],
    ['a cell with a style only', '<c s="0"/>', ''],
  ];
  for (const [what, cell, expected, more] of cases) {
    it(`is right for ${what}`, async () => {
      const found = await text({ rows: row(1, ['h', 'i']) + row(2, ['x', cell]), ...more });
      assert.equal(found, `h,i\nx,${expected}\n`);
    });
  }

  const faults: [what: string, cell: string, message: RegExp, more?: Partial<WorkbookParts>][] = [
    ['lost digits', '<c><v>12345678901234567</v></c>', /its last digits are lost/],
    ['a date', '<c s="1"><v>46082</v></c>', /"2026-03-01" is a date/, { formats: [16] }],
    ['decimals', '<c s="1"><v>123</v></c>', /Write "123"/, { formats: ['0.0'] }],
    ['an error', '<c t="e"><v>#REF!</v></c>', /error value of a spreadsheet/],
    ['a boolean', '<c t="b"><v>0</v></c>', /no value/],
  ];
  for (const [what, cell, message, more] of faults) {
    it(`is refused as a device id for ${what}`, async () => {
      const read = await readRows({ rows: rowsOf([['deviceId']]) + row(2, [cell]) + row(3, ['gw-1']), ...more });
      assert.match(read.faults[0]?.message ?? '', message);
      assert.equal(read.faults[0]?.line, 2);
      assert.equal(read.requests.length, 1);
    });
  }

  it('keeps the type of its column', async () => {
    const cells = ['gw-1', '<c><v>1.5</v></c>', '<c t="b"><v>1</v></c>', '<c><v>1234567890123456</v></c>'];
    const { requests } = await readRows({
      rows: rowsOf([['deviceId', 'tags.a:number', 'tags.b:boolean', 'tags.c:number']]) + row(2, cells),
    });
    assert.deepEqual(requests[0]?.tags, { a: 1.5, b: true, c: 1234567890123456 });
  });
});

describe('what a sheet shows in another way', () => {
  const cases: [what: string, parts: WorkbookParts, counted: object][] = [
    [
      'further sheets with values',
      {
        rows: list,
        sheets: [
          { name: 'B', rows: list },
          { name: 'C', rows: '<row r="1"/>' },
          { name: 'D', rows: list, state: 'hidden' },
        ],
      },
      { 'other-sheets': 2 },
    ],
    [
      'hidden rows',
      { rows: list + row(3, ['gw-2'], ' hidden="1"') + row(4, [''], ' hidden="1"') },
      { 'hidden-rows': 1 },
    ],
    [
      'hidden columns',
      { rows: list, before: '<cols><col min="2" max="16384" hidden="1"/></cols>' },
      { 'hidden-columns': 1 },
    ],
    [
      'cells merged in a row',
      { rows: list, behind: '<mergeCells><mergeCell ref="A2:B2"/></mergeCells>' },
      { 'merged-cells': 1 },
    ],
    ['formulas', { rows: list + row(3, ['<c t="str"><f>A2</f><v>gw-2</v></c>']) }, { 'formula-cells': 1 }],
    ['dates', { rows: list + row(3, ['gw-2', '<c s="1"><v>46082</v></c>']), formats: [14] }, { 'date-cells': 1 }],
    ['numbers', { rows: list + row(3, ['gw-2', 352034567890123]) }, { 'number-cells': 1 }],
    ['no number that is shown in full', { rows: list + row(3, ['gw-2', 35203456789]) }, {}],
  ];
  for (const [what, parts, counted] of cases) {
    it(`is counted: ${what}`, async () => assert.deepEqual((await tableOf(workbook(parts))).repairs, counted));
  }

  it('is the first sheet that is not hidden', async () => {
    const parts = {
      rows: list,
      firstState: 'veryHidden',
      sheets: [{ name: 'Shown', rows: rowsOf([['deviceId'], ['gw-9']]) }],
    };
    const table = await tableOf(workbook(parts));
    assert.equal(table.sheet, 'Shown');
    assert.deepEqual(table.repairs, { 'other-sheets': 1 });
  });
});

describe('a workbook of another writer', () => {
  const cases: [what: string, parts: WorkbookParts][] = [
    ['in the strict variant of the standard', { rows: list, variant: 'strict' }],
    ['with a prefix at each element', { rows: list, prefix: 'x:' }],
    ['without references', { rows: list.replace(/ r="[A-Z]*\d+"/g, '') }],
    ['with cells in any order', { rows: list.replace(/(<c r="A2".*?<\/c>)(<c r="B2".*?<\/c>)/, '$2$1') }],
    [
      'without styles and relationships of the package',
      { rows: list, change: (all) => all.filter(({ name }) => name !== '_rels/.rels') },
    ],
    [
      'in UTF-16',
      {
        rows: list,
        change: (all) =>
          all.map((entry) =>
            entry.name.endsWith('sheet1.xml')
              ? { ...entry, data: Buffer.from(`\ufeff${entry.data}`.replace('UTF-8', 'UTF-16'), 'utf16le') }
              : entry,
          ),
      },
    ],
    [
      'with a byte order mark',
      { rows: list, change: (all) => all.map((entry) => ({ ...entry, data: `\ufeff${entry.data}` })) },
    ],
    [
      'with names in another case',
      { rows: list, change: (all) => all.map((entry) => ({ ...entry, name: entry.name.replace('sheet1', 'Sheet1') })) },
    ],
    ['with stored parts', { rows: list, change: (all) => all.map((entry) => ({ ...entry, method: 0 })) }],
    [
      'made as a template',
      { rows: list, mainType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml' },
    ],
  ];
  for (const [what, parts] of cases) {
    it(`is read: ${what}`, async () => assert.equal(await text(parts), 'deviceId,tags.a\ngw-1,x\n'));
  }
});

describe('a workbook is refused', () => {
  const part = (name: string, data: string | Buffer = '<a/>') => ({ extra: [{ name, data }] });
  const compound = (stream: string) => {
    const file = Buffer.alloc(4096);
    file.write('d0cf11e0a1b11ae1', 'hex');
    file.writeUInt16LE(9, 30);
    file.writeUInt32LE(1, 48);
    file.write(stream, 1024 + 128, 'utf16le');
    return file;
  };
  const sheet = 'xl/worksheets/sheet1.xml';
  const replaced = (name: string, data: string | Buffer, more = {}) => ({
    rows: list,
    change: (all: { name: string; data: string | Buffer }[]) =>
      all.map((entry) => (entry.name === name ? { ...entry, data, ...more } : entry)),
  });
  const many = (size: number, text = ' ') => Buffer.alloc(size, text);
  const sheetOf = (data: string) => `<worksheet><sheetData>${data}</sheetData></worksheet>`;

  const cases: [what: string, parts: WorkbookParts | Buffer, message: RegExp, code?: string][] = [
    ['with macros', { rows: list, ...part('xl/vbaProject.bin') }, /has macros\. Save it as "Excel Workbook/],
    [
      'with the type of macros',
      { rows: list, mainType: 'application/vnd.ms-excel.sheet.macroEnabled.main+xml' },
      /has macros/,
    ],
    ['with macro sheets', { rows: list, ...part('xl/macrosheets/sheet1.xml') }, /has macros/],
    [
      'with links to other workbooks',
      { rows: list, ...part('xl/externalLinks/externalLink1.xml') },
      /links to other workbooks/,
    ],
    ['in binary', { rows: list, ...part('xl/workbook.bin') }, /\.xlsb/],
    ['that is encrypted', compound('EncryptedPackage'), /encrypted with a password/],
    ['of the old kind', compound('Workbook'), /old workbook \(\.xls\)/],
    [
      'that is OpenDocument',
      zip([
        { name: 'mimetype', data: 'x' },
        { name: 'content.xml', data: '<a/>' },
      ]),
      /OpenDocument/,
    ],
    ['that is of Numbers', zip([{ name: 'Index/Document.iwa', data: 'x' }]), /Numbers/],
    [
      'that is a Word document',
      zip([
        { name: '[Content_Types].xml', data: '<Types/>' },
        { name: 'word/document.xml', data: '<a/>' },
      ]),
      /Word document/,
    ],
    [
      'that is an archive of a list',
      zip([{ name: 'list.csv', data: 'deviceId' }]),
      /ZIP archive that holds "list\.csv"/,
    ],
    ['that is CSV', Buffer.from('deviceId\ngw-1\n'), /It is text: name it \.csv/],
    ['that is HTML', Buffer.from('\ufeff<html><table>'), /HTML or XML/],
    ['that is binary', Buffer.from([1, 0, 2, 0]), /not an \.xlsx workbook/],
    ['of no bytes', Buffer.alloc(0), /empty/, 'manifest-empty'],
    ['that is cut', workbook({ rows: list }).subarray(0, -30), /damaged or not complete/],
    [
      'with a part of a wrong checksum',
      replaced(sheet, sheetOf(list), { claims: { crc: 1 } }),
      /checksum of xl\/worksheets\/sheet1\.xml is wrong/,
    ],
    [
      'with a part that is longer than it says',
      replaced(sheet, sheetOf(list), { claims: { size: 10 } }),
      /damaged or not complete/,
    ],
    ['with an encrypted part', replaced(sheet, sheetOf(list), { flags: 1 }), /is encrypted/],
    ['with an unknown packing', replaced(sheet, sheetOf(list), { method: 99 }), /packed by method 99/],
    ['with a part twice', { rows: list, ...part('XL/Workbook.xml') }, /two parts XL\/Workbook\.xml/],
    [
      'without its sheet',
      { rows: list, change: (all) => all.filter(({ name }) => name !== sheet) },
      /has no part xl\/worksheets\/sheet1\.xml/,
    ],
    [
      'with a document type',
      replaced(sheet, `<!DOCTYPE x [<!ENTITY a "aaaa">]>${sheetOf('<row><c t="str"><v>&a;</v></c></row>')}`),
      /document type/,
    ],
    ['with an unknown entity', replaced(sheet, sheetOf('<row><c t="str"><v>&a;</v></c></row>')), /not valid/],
    [
      'in another encoding',
      replaced(sheet, `<?xml version="1.0" encoding="ISO-8859-1"?>${sheetOf(list)}`),
      /its encoding is ISO-8859-1/,
    ],
    ['with bytes that are not UTF-8', replaced(sheet, Buffer.from(sheetOf('\xff'), 'latin1')), /not valid/],
    ['that is not well-formed', replaced(sheet, '<worksheet><sheetData></worksheet>'), /not valid/],
    ['with elements nested too deep', replaced(sheet, '<a>'.repeat(100)), /nested too deep/, 'manifest-too-large'],
    [
      'with too many parts',
      { rows: list, extra: Array.from({ length: 1000 }, (_, index) => ({ name: `x/${index}`, data: '' })) },
      /1006 parts/,
      'manifest-too-large',
    ],
    ['that grows when it is unpacked', replaced(sheet, many(1024 * 1024)), /grows \d+ times/, 'manifest-too-large'],
    [
      'with a part over its limit',
      replaced('xl/styles.xml', many(8), { claims: { size: 16 * 1024 * 1024 } }),
      /16 MiB unpacked/,
      'manifest-too-large',
    ],
    [
      'with a text that does not end',
      replaced(sheet, Buffer.concat([Buffer.from('<a>'), many(2 ** 21, 'x')]), { method: 0 }),
      /text of more than 1 MiB/,
      'manifest-too-large',
    ],
    [
      'with an attribute that does not end',
      replaced(sheet, Buffer.concat([Buffer.from('<a b="'), many(2 ** 21, 'x')]), { method: 0 }),
      /text of more than 1 MiB/,
      'manifest-too-large',
    ],
    ['with rows out of order', { rows: row(2, ['a']) + row(1, ['b']) }, /Row "1" comes after row 2/],
    ['with a row beyond the last', { rows: row(1048577, ['a']) }, /up to 1048576/],
    ['with a cell of another row', { rows: '<row r="1"><c r="A2"><v>1</v></c></row>' }, /Cell "A2" is in row 1/],
    [
      'with a cell twice',
      { rows: '<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>' },
      /Cell A1 is there twice/,
    ],
    [
      'with a cell far to the right',
      { rows: '<row r="1"><c r="XFD1"><v>1</v></c></row>' },
      /Cell XFD1 has a value\. Expected none behind column AMJ/,
    ],
    [
      'with a number that is none',
      { rows: '<row r="1"><c r="A1"><v>0x10</v></c></row>' },
      /Cell A1 has the number "0x10"/,
    ],
    [
      'with a number without end',
      { rows: '<row r="1"><c r="A1"><v>1E999</v></c></row>' },
      /Cell A1 has the number "1E999"/,
    ],
    ['with a boolean that is none', { rows: '<row r="1"><c r="A1" t="b"><v>2</v></c></row>' }, /boolean "2"/],
    ['with a type that is unknown', { rows: '<row r="1"><c r="A1" t="x"><v>2</v></c></row>' }, /unknown type "x"/],
    [
      'with a shared text that is not there',
      { rows: '<row r="1"><c r="A1" t="s"><v>7</v></c></row>', strings: [] },
      /names the text 7, which is not there/,
    ],
    [
      'with a formula that was not calculated',
      { rows: '<row r="1"><c r="A1"><f>B1</f></c></row>' },
      /Cell A1 has a formula that was not calculated/,
    ],
    [
      'with formulas that are to be calculated when it is opened',
      { rows: '<row r="1"><c r="A1"><f>B1</f><v>0</v></c></row>', properties: '<calcPr fullCalcOnLoad="1"/>' },
      /was not calculated/,
    ],
    [
      'with cells merged across rows',
      { rows: list, behind: '<mergeCells><mergeCell ref="B2:B9"/></mergeCells>' },
      /B2:B9 are merged across rows/,
    ],
    ['without a sheet of cells', { rows: list, firstState: 'hidden' }, /no sheet with cells/],
    ['without values', { rows: '' }, /The first sheet, "List", is empty/, 'manifest-empty'],
    [
      'with the list on another sheet',
      { rows: '', sheets: [{ name: 'Devices', rows: list }] },
      /The sheet "Devices" has values\. Make it the first one/,
      'manifest-empty',
    ],
    [
      'with a row over the limit',
      {
        rows: row(1, Array.from({ length: 40 }, () => '<c t="s"><v>0</v></c>').slice(0, 26)),
        strings: [`<si><t>${'äbc'.repeat(20000)}</t></si>`],
      },
      /Row 1 of the sheet is longer/,
      'manifest-row-too-long',
    ],
  ];
  for (const [what, parts, message, code = 'manifest-workbook'] of cases) {
    it(what, async () => refused(parts, code, message));
  }

  it('over the size of a file, before it is read', async () => {
    const source = { bytes: limits.fileBytes + 1, read: () => assert.fail('read') };
    await assert.rejects(readWorkbook(source), { code: 'manifest-too-large' });
  });

  it('but not when its storage fails: the error of the storage is passed on', async () => {
    const bytes = workbook({ rows: list });
    const failure = new Error('no answer');
    for (let failing = 1; failing <= 2; failing += 1) {
      let reads = 0;
      const read = async (offset: number, length: number) => {
        reads += 1;
        if (reads === failing) throw failure;
        return bytes.subarray(offset, offset + length);
      };
      const source = { bytes: bytes.length, read };
      const whole = async () => Array.fromAsync((await readWorkbook(source)).csv);
      await assert.rejects(whole(), (error) => error === failure);
    }
  });

  it('or read, whichever byte of it is changed, and never fails in another way', async () => {
    const good = workbook({ rows: list });
    for (let at = 0; at < good.length; at += 7) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x55;
      await tableOf(bad).catch((error) => assert.ok(error instanceof FleetError, `byte ${at}: ${error}`));
    }
  });
});
