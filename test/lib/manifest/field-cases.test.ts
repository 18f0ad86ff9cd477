import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { contentHash } from '../../../lib/manifest/manifest.ts';
import type { Repairs } from '../../../lib/manifest/repairs.ts';
import { type ReadOptions, readManifest } from './read-manifest.ts';

/*
 * Lists as people send them: each input rebuilds a situation that users of such systems reported. The files are in
 * test/vectors/manifests/.
 */

/** The rows that are accepted, and the code and message of each other row by its line. */
interface Outcome {
  readonly devices: readonly string[];
  readonly faults?: Readonly<Record<number, RegExp>>;
  readonly repairs?: Repairs;
  /** What each accepted row has in `tags.site` or another tag. */
  readonly tags?: Readonly<Record<string, unknown>>;
}

const file = (name: string) => readFileSync(new URL(`../../vectors/manifests/${name}`, import.meta.url));
const formatOf = (name: string) => (name.endsWith('.ndjson') ? 'ndjson' : 'csv');

async function holds(manifest: string | Uint8Array, outcome: Outcome, options: ReadOptions = {}): Promise<void> {
  const { devices, faults = {}, repairs = {}, tags } = outcome;
  const read = await readManifest(manifest, { chunkRows: 250, ...options });
  assert.deepEqual(
    read.requests.map(({ deviceId }) => deviceId),
    devices,
  );
  for (const request of read.requests) if (tags !== undefined) assert.deepEqual(request.tags, tags);
  assert.deepEqual(
    read.faults.map(({ line }) => line),
    Object.keys(faults).map(Number),
  );
  for (const { line, code, message } of read.faults) assert.match(`${code}: ${message}`, faults[line] ?? /^$/);
  assert.deepEqual({ ...read.repairs, ...read.rowRepairs }, repairs);
}

describe('a list is repaired, and the repairs are counted', () => {
  const porto = { site: 'porto' };
  const cases: [name: string, outcome: Outcome][] = [
    ['sep-line.csv', { devices: ['c01-a', 'c01-b'], repairs: { 'sep-line': 1 } }],
    ['utf16-unicode-text.csv', { devices: ['c02-a', 'c02-b'], repairs: { 'utf-16': 1 } }],
    ['bom-twice.csv', { devices: ['c03-a'], tags: porto, repairs: { bom: 1 } }],
    ['trailing-empty-columns.csv', { devices: ['c05-a', 'c05-b'], repairs: { 'empty-columns': 3 } }],
    ['rows-of-commas.csv', { devices: ['c06-a', 'c06-b'], repairs: { 'blank-rows': 3 } }],
    [
      'nbsp-and-spaces.csv',
      { devices: ['c09-a', 'c09-b', 'c09-c', 'c09-d', 'c09-e'], tags: porto, repairs: { 'trimmed-cells': 5 } },
    ],
    ['header-spaces.csv', { devices: ['c10-a'], tags: { site: 'porto', slot: 1 }, repairs: { 'header-names': 3 } }],
    ['header-device-id-spaced.csv', { devices: ['c11-a'], tags: { Site: 'porto' }, repairs: { 'header-names': 3 } }],
    ['cr-only.csv', { devices: ['c14-a', 'c14-b'], tags: porto, repairs: { 'line-ends': 2 } }],
    ['ctrl-z.csv', { devices: ['c21-a', 'c21-b'], tags: porto, repairs: { 'blank-rows': 1 } }],
    [
      'mixed-line-ends.csv',
      { devices: ['c26-a', 'c26-b', 'c26-c', 'c26-d'], tags: porto, repairs: { 'line-ends': 1 } },
    ],
    ['equals-quoted-text.csv', { devices: ['c40-a', 'c40-b'], repairs: { 'text-marks': 4 } }],
    ['leading-zero-width.csv', { devices: ['000123', '124', '000125'], repairs: { 'leading-zeros': 1 } }],
    ['trailing-delimiter-rows-only.csv', { devices: ['c48-a', 'c48-b'], repairs: { 'extra-cells': 2 } }],
    [
      'formula-text-in-tag.csv',
      { devices: ['d52-a', 'd52-b', 'd52-c'], tags: { part: '00124' }, repairs: { 'text-marks': 2 } },
    ],
    ['vertical-tab-ff.csv', { devices: ['d79-a', 'd79-b'], tags: porto, repairs: { 'blank-rows': 1 } }],
    ['resaved-on-mac-nfd.csv', { devices: ['k01-a'], tags: { site: 'München', slot: 1 }, repairs: { nfc: 1 } }],
    [
      'trailing-space-again.csv',
      { devices: ['k01-b'], tags: { site: 'porto', slot: 2 }, repairs: { 'trimmed-cells': 1 } },
    ],
    ['rs.ndjson', { devices: ['n08-a', 'n08-b'], repairs: { 'trimmed-cells': 2 } }],
    // Nothing to repair.
    ['header-quoted-semicolon.csv', { devices: ['c28-a'], tags: { site: 'Halle "3"; Tor 2', slot: 7 } }],
    ['uppercase-suffix.CSV', { devices: ['d55-a'], tags: porto }],
    ['underscore-dot-only.csv', { devices: ['a..b', 'a--b', '1', '192.168.0.1', 'www.example.com'] }],
    ['bom-crlf.ndjson', { devices: ['n07-a', 'n07-b'] }],
    ['arrays.ndjson', { devices: ['n13-a'] }],
  ];
  for (const [name, outcome] of cases) {
    it(name, () => holds(file(name), outcome, { format: formatOf(name) }));
  }
});

describe('a row is refused by what happened to it', () => {
  const cases: [name: string, outcome: Outcome][] = [
    [
      'scientific.csv',
      {
        devices: [],
        faults: {
          2: /tags\.imei.*last digits are lost.*Device id "3\.5203E\+14" is a number as a spreadsheet shortens it/,
          3: /Device id "3\.5203E\+14".*original list/,
          4: /value-type: tags\.imei is "8\.96529E\+19".*last digits are lost/,
        },
      },
    ],
    ['short-rows.csv', { devices: ['c07-b'], faults: { 2: /row-columns: .*2 fields where the header has 4/ } }],
    [
      'upper-serials.csv',
      {
        devices: [],
        faults: { 2: /has upper case\. Write "ab1cd79ef1"/, 3: /Write "ab1cd79ef2"/, 4: /Write "ab1cd79ef3"/ },
      },
    ],
    [
      'mac-colons.csv',
      {
        devices: ['001a.2b3c.4d60'],
        faults: {
          2: /has upper case and is not valid: it contains ":"\. Write "00-1a-2b-3c-4d-5e"/,
          3: /Write "00-1a-2b-3c-4d-5f"/,
        },
      },
    ],
    [
      'fullwidth.csv',
      { devices: [], faults: { 2: /without full-width digits: 12\./, 3: /full-width character.*Write "c19-b"/ } },
    ],
    ['duplicate-rows.csv', { devices: ['c30-a', 'c30-b'], faults: { 4: /on line 2 already/, 5: /on line 2 already/ } }],
    [
      'date-leading-zero-hash.csv',
      { devices: [], faults: { 2: /"#N\/A", which is an error value/, 3: /"#REF!", which/, 4: /"#VALUE!", which/ } },
    ],
    [
      'quoted-newline-space-after-quote.csv',
      {
        devices: ['c35-b'],
        faults: { 2: /row-syntax: .*Remove the blank between the delimiter and the quote/ },
        repairs: { 'header-names': 1, 'trimmed-cells': 1 },
      },
    ],
    [
      'long-id.csv',
      {
        devices: ['c36.plant-01.line-07.cell-12.sn_000000001'],
        faults: { 2: /is 65 characters long/, 4: /ends with "-"/, 5: /begins with "_"/ },
      },
    ],
    [
      'null-cells.csv',
      {
        devices: ['c39-a'],
        faults: { 3: /is "null"\. Expected a number/, 4: /is "NaN"/ },
        repairs: { 'empty-words': 3 },
      },
    ],
    [
      'group-case.csv',
      {
        devices: ['c42-b'],
        faults: { 2: /group-unknown: .*Did you mean "line7"/, 4: /mean "line7"/ },
        repairs: { 'trimmed-cells': 1 },
      },
    ],
    [
      'semicolon-header-comma-rows.csv',
      { devices: [], faults: { 2: /separated by ";" and this row by ","/, 3: /by ","/ } },
    ],
    [
      'tag-whitespace.csv',
      {
        devices: ['d51-a', 'd51-b', 'd51-c', 'd51-e'],
        tags: { site: 'porto', hall: 'h1' },
        faults: { 5: /U\+200B, zero-width space/ },
        repairs: { 'trimmed-cells': 3 },
      },
    ],
    ['big-number.csv', { devices: [], faults: { 2: /outside/, 3: /outside/ } }],
    [
      'json-excel-quotes.csv',
      {
        devices: ['d58-b'],
        faults: {
          2: /row-syntax/,
          4: /single quotes/,
          5: /breaks at character 2/,
          6: /Write true/,
          7: /comma stands before/,
        },
      },
    ],
    [
      'multi-fault-row.csv',
      {
        devices: [],
        faults: { 2: /"1\.5\.2".*"GW:01" has upper case and .* contains ":"\. Write "gw-01".*Did you mean "line7"/ },
        repairs: { 'trimmed-cells': 1 },
      },
    ],
    [
      'null-ids.csv',
      {
        devices: [],
        faults: Object.fromEntries([2, 3, 4, 5, 6, 7, 8].map((line) => [line, /device-id-invalid: .*for "no value"/])),
      },
    ],
    [
      'concatenated-headers.csv',
      { devices: ['d64-a', 'd64-b'], faults: { 3: /row-syntax: The row is the header again/ } },
    ],
    ['swallowed-rows.csv', { devices: ['d65-d'], faults: { 2: /row-syntax: .*takes in lines 2 to 4/ } }],
    [
      'total-row.csv',
      { devices: ['d72-a', 'd72-b'], faults: { 4: /"total" belongs to a footer/, 5: /"2 rows" belongs/ } },
    ],
    ['each-row-quoted.csv', { devices: [], faults: { 2: /whole row is in quotes/, 3: /whole row is in quotes/ } }],
    ['trailing-backslash-escape.csv', { devices: ['d78-b'], faults: { 2: /row-syntax: .*backslash does not escape/ } }],
    [
      'excel-number-format.csv',
      {
        devices: [],
        faults: {
          2: /decimal comma\. Write 12\.50/,
          3: /value-type/,
          4: /no comma between thousands/,
          5: /"0012".*"\+5"/,
          6: /"5%".*"\.5"/,
        },
      },
    ],
    [
      'numeric-id.ndjson',
      { devices: [], faults: { 1: /deviceId has the wrong type/, 2: /enrollmentGroup has the wrong/ } },
    ],
    [
      'iothub-export.ndjson',
      { devices: [], faults: { 1: /no device id.*"importMode".*Did you mean deviceId by "id"/ } },
    ],
    ['trailing-commas.ndjson', { devices: [], faults: { 1: /comma follows the object/, 2: /comma follows/ } }],
    [
      'object-pretty.ndjson',
      { devices: [], faults: { 1: /whole object on one line/, 2: /row-syntax/, 3: /row-syntax/, 4: /row-syntax/ } },
    ],
    ['glued.ndjson', { devices: [], faults: { 1: /ends at character 20, and more text follows/ } }],
    ['big-int.ndjson', { devices: [], faults: { 1: /twin-invalid/, 2: /twin-invalid/ } }],
    ['python-repr.ndjson', { devices: [], faults: { 1: /single quotes/, 2: /NaN is not a value of JSON/ } }],
    ['flat-tags.ndjson', { devices: [], faults: { 1: /unknown members.*Write tags as an object/ } }],
    ['desired-version.ndjson', { devices: [], faults: { 1: /\$version/ } }],
  ];
  for (const [name, outcome] of cases) {
    it(name, () => holds(file(name), outcome, { format: formatOf(name) }));
  }
});

describe('a file is refused with its cause', () => {
  const cases: [name: string, code: string, message: RegExp][] = [
    ['windows1252.csv', 'manifest-encoding', /not UTF-8\. See byte 37, on line 2\. .*"CSV UTF-8"/],
    ['header-snake.csv', 'manifest-header', /site: unknown column \(for a tag write tags\.site.*tags\.batch/],
    ['title-row.csv', 'manifest-header', /The header seems to be on line 3/],
    ['duplicate-header.csv', 'manifest-header', /tags\.site: appears twice/],
    ['no-header.csv', 'manifest-header', /deviceId: missing, and the line looks like a device/],
    ['template-header-only.csv', 'manifest-empty', /a header but no row/],
    ['json-array.csv', 'manifest-format', /The file is JSON/],
    ['line-code-columns.csv', 'manifest-header', /only together with line, code, message .*write tags\.line/],
    ['xlsx-renamed.csv', 'manifest-not-text', /Excel workbook/],
    ['tags-special-keys.csv', 'manifest-header', /1 fault: tags\.\$version: not a path in a twin: key "\$version"/],
    ['type-suffixes.csv', 'manifest-header', /has 5 faults: tags\.a:string: unknown type/],
    ['colon-tag.csv', 'manifest-header', /did you mean tags\.site\?.*did you mean desired\.interval\?/],
    ['each-line-quoted.csv', 'manifest-header', /the whole line is in quotes/],
    ['array-pretty.ndjson', 'manifest-format', /one JSON array/],
  ];
  for (const [name, code, message] of cases) {
    it(name, () => assert.rejects(readManifest(file(name), { format: formatOf(name) }), { code, message }));
  }
});

describe('a device id that a spreadsheet changed', () => {
  const refused: [id: string, message: RegExp][] = [
    ['Mar 1, 2026', /is a date/],
    ['1. März 2026', /is a date/],
    ['déc-26', /is a date/],
    ['2026年3月1日', /is a date/],
    ['44256.5', /may be the date 2021-03-01/],
    ['5E+10', /last digits are lost/],
    ['1E-05', /last digits are lost/],
    ['1E5', /has upper case\. Write "1e5"/],
    ['NaT', /for "no value"/],
    ['<NA>', /for "no value"/],
    ['-inf', /for "no value"/],
    ['\\N', /for "no value"/],
    ['[object Object]', /for "no value"/],
    ['System.Object[]', /for "no value"/],
    ['#NOM?', /error value/],
    ['#¡REF!', /error value/],
    ['(3 rows)', /footer/],
    ['3 row(s) affected', /footer/],
    ['Total général', /footer/],
    ['Anzahl: 2', /footer/],
    ['Page 1 of 2', /footer/],
    ['*** end of list ***', /footer/],
    ['gw–1', /U\+2013, en dash\)\. Write "gw-1"/],
    ['gw\u20111', /U\+2011, no-break hyphen\)\. Write "gw-1"/],
    ['gw\u00ad1', /U\+00AD, soft hyphen/],
    ['gw\u200e1', /U\+200E, left-to-right mark\)\. Write "gw1"/],
    ['gw\u20281', /U\+2028, line separator\)\. Write "gw-1"/],
    ['gw-\u04301', /"\u0430" \(U\+0430, Cyrillic letter\)/],
    ['İ-1', /"İ" \(U\+0130\)/],
    ['ｇｗ－１', /full-width character.*Write "gw-1"/],
    ['gw²', /"²" \(U\+00B2\)\. Use/],
    ['`gw-1`', /Write "gw-1"/],
    ['‘gw-1’', /in curly quotes/],
    ['{0A1B2C3D-0000-0000-0000-000000000001}', /Write "0a1b2c3d-0000-0000-0000-000000000001"/],
    ['urn:uuid:0A1B', /Write "0a1b"/],
    ['001A.2B3C.4D5E', /has upper case\. Write "001a\.2b3c\.4d5e"/],
    ['gw:1/2', /it contains ":", "\/"\. Use/],
    ['01.03.2026', /is a date/],
    ['2026-03-01', /is a date/],
    ['3/1/2026', /is a date/],
    ['1-Mar', /is a date/],
    ['Mar-01', /is a date/],
    ['2. Mai 2026', /is a date/],
    ['44256', /may be the date 2021-03-01/],
    ['123.0', /is a number with decimals\. Write "123"/],
    ['3.5203e+14', /last digits are lost/],
    ['#REF!', /error value/],
    ['gw\ufffd1', /U\+FFFD/],
    ['“gw-1”', /curly quote/],
    ['{0A1B}', /Write "0a1b"/],
    ['(blank)', /for "no value"/],
    ['Grand Total', /footer/],
  ];
  for (const [id, message] of refused) {
    it(`is refused: ${id}`, async () => {
      const { requests, faults } = await readManifest(`deviceId,tags.a\ngw-0,1\n"${id}",1\n`);
      assert.deepEqual(
        requests.map(({ deviceId }) => deviceId),
        ['gw-0'],
      );
      assert.equal(faults[0]?.code, 'device-id-invalid');
      assert.match(faults[0]?.message ?? '', message);
    });
  }

  it('is accepted when it only resembles one', () =>
    holds('deviceId\n3e5\n5e10\n00e1\n12-04-07\nmay\ndec-12345\n1.2.3.4\n2026-13-01\ngw-44256\ntotal-1\nnull-1\n', {
      devices: [
        ...['3e5', '5e10', '00e1', '12-04-07', 'may', 'dec-12345', '1.2.3.4', '2026-13-01', 'gw-44256'],
        ...['total-1', 'null-1'],
      ],
    }));

  it('is a serial number where all ids are numbers of five digits', () =>
    holds('deviceId\n44256\n44257\n10001\n', {
      devices: ['44256', '44257', '10001'],
      repairs: { 'date-numbers': 2 },
    }));

  it('is accepted from NDJSON, which no spreadsheet writes', () =>
    holds(
      '{"deviceId":"2026-03-01"}\n{"deviceId":"gw-1"}\n{"deviceId":"44256"}',
      { devices: ['2026-03-01', 'gw-1', '44256'] },
      { format: 'ndjson' },
    ));
});

describe('a tag that a program changed', () => {
  const refused: [header: string, cell: string, message: RegExp][] = [
    ['tags.a', '#NOM?', /"#NOM\?", which is an error value/],
    ['tags.a', '#ÜBERLAUF!', /error value/],
    ['tags.a', '#N/D', /error value/],
    ['tags.a:number', '#DIV/0!', /error value/],
    ['tags.a:boolean', '#N/A', /error value/],
    ['tags.a:json', '#REF!', /error value/],
    ['tags.a', 'MÃ¼nchen', /UTF-8 that was read as Windows-1252\. Write "München"/],
    ['tags.a', 'a\u00adb', /U\+00AD, soft hyphen/],
    ['tags.a', 'a\u202eb', /U\+202E, right-to-left override/],
    ['tags.a', '‘porto’', /in curly quotes/],
    ['tags.a:number', '1 000', /marks between thousands\. Write 1000\./],
    ['tags.a:number', '1\u202f000', /marks between thousands\. Write 1000\./],
    ['tags.a:number', '−5', /minus sign \(U\+2212\)\. Write -5\./],
    ['tags.a:number', '1.000,5', /decimal comma\. Write 1000\.5\./],
    ['tags.a:boolean', 'WAHR', /Expected true or false\. Write true\./],
    ['tags.a:boolean', 'FAUX', /Write false\./],
  ];
  for (const [header, cell, message] of refused) {
    it(`is refused: ${cell}`, () =>
      holds(`deviceId;${header}\ngw-1;${cell}\n`, { devices: [], faults: { 2: message } }));
  }

  const counted: [cell: string, repairs: Repairs][] = [
    ['\u200eporto\u00ad', { 'trimmed-cells': 1 }],
    ['porto\u202c\u2028', { 'trimmed-cells': 1 }],
    ['<NA>', { 'empty-words': 1 }],
    ['(null)', { 'empty-words': 1 }],
    ['\\N', { 'empty-words': 1 }],
    ['None', { 'empty-words': 1 }],
    ['89652912345678900000', { 'lost-digits': 1 }],
    ['8965291234567891', {}],
  ];
  for (const [cell, repairs] of counted) {
    it(`is accepted, and counted: ${JSON.stringify(cell)}`, () =>
      holds(`deviceId,tags.a\ngw-1,${cell}\n`, { devices: ['gw-1'], repairs }));
  }
});

describe('a header from another program', () => {
  const read: [header: string, renamed: number][] = [
    ['DEVİCEID', 1],
    ['devıceıd', 1],
    ['ｄｅｖｉｃｅＩｄ', 1],
    ['device\u00adId', 1],
    ['\u200edeviceId', 1],
    ['Device-ID', 1],
  ];
  for (const [header, renamed] of read) {
    it(`is read: ${header}`, () =>
      holds(`${header},tags.a\ngw-1,x\n`, { devices: ['gw-1'], repairs: { 'header-names': renamed } }));
  }

  const refused: [start: string, message: RegExp][] = [
    ['#TYPE System.Object\n"deviceId","tags.a"', /The header seems to be on line 2/],
    ['# written by a program\n\ndeviceId,tags.a', /The header seems to be on line 3/],
    ['Table 1,\ndeviceId,tags.a', /The header seems to be on line 2/],
    ['deviceId tags.a', /separate the columns by comma, semicolon, tab or \|/],
    ['deviceId:tags.a', /separate the columns by/],
    ['deviceId (required),tags.a', /did you mean deviceId\?/],
    ['“deviceId”,tags.a', /did you mean deviceId\?/],
    ['#deviceId,tags.a', /did you mean deviceId\?/],
    ['d\u0435viceId,tags.a', /did you mean deviceId\?/],
    ['deviceId,properties.desired.x', /did you mean desired\.x\?/],
    ['deviceId,PROPERTY:x', /did you mean desired\.x\?/],
    ['deviceId,TAG:x', /did you mean tags\.x\?/],
  ];
  for (const [start, message] of refused) {
    it(`is refused: ${start.replaceAll('\n', ' / ')}`, () =>
      assert.rejects(readManifest(`${start}\ngw-1,x\n`), { code: 'manifest-header', message }));
  }

  it('has empty columns around it, as SAP writes a list', () =>
    holds('|deviceId|tags.a|\n|gw-1|x|\n', { devices: ['gw-1'], tags: { a: 'x' }, repairs: { 'empty-columns': 2 } }));
});

describe('a cell that holds whole rows', () => {
  it('is refused, with the lines', () =>
    holds('deviceId,tags.rack\ngw-1,"19 rack\ngw-2,porto\ngw-3,21 rack"\ngw-4,x\n', {
      devices: ['gw-4'],
      faults: { 2: /value-type: .*opens on line 2 takes in lines 2 to 4/ },
    }));

  it('is a text of several lines when they are not rows', () =>
    holds('deviceId,tags.note\ngw-1,"left, below\nright, above"\ngw-2,"Halle\n3"\n', { devices: ['gw-1', 'gw-2'] }));
});

it('a row that was made to take long is read in time', async () => {
  const long = (part: string) => part.repeat(Math.floor(400_000 / part.length));
  const cells = ['}', '" ', ' x', "'", '1,', '","', '\ufeff}', '1.'].map(long);
  for (const value of [...cells, `="${long('x')}"`, `x${long(' ')}x`, `{"a":${long(' ')}x`]) {
    const cell = `"${value.replaceAll('"', '""')}"`;
    const manifest = `tags.a:json;tags.b;tags.c:number;deviceId\n${cell};;;gw-1\n;${cell};;gw-2\n;;${cell};gw-3\n;;;${cell}\n`;
    const began = performance.now();
    const { rows } = await readManifest(manifest);
    assert.equal(rows, 4);
    assert.ok(
      performance.now() - began < 5000,
      `${JSON.stringify(value.slice(0, 10))} took ${performance.now() - began} ms`,
    );
  }
});

it('a word for "no value" is counted in any column', () =>
  holds('tags.a,deviceId,tags.b\nNULL,gw-1,-\n', { devices: ['gw-1'], repairs: { 'empty-words': 2 } }));

it('a value in a column without a name is refused', () =>
  holds('deviceId,,\ngw-1,,\ngw-2,x,\n', {
    devices: ['gw-1'],
    faults: { 3: /row-columns: Column 2 has no name, and its cell is "x"/ },
    repairs: { 'empty-columns': 2 },
  }));

it('a member that stands twice is refused, in a row and in a cell', async () => {
  await holds(
    '{"deviceId":"gw-1","tags":{"a":1,"b":{"a":2},"\\u0061":3}}\n{"deviceId":"gw-2","tags":{"a":"\\":","b":"a"}}',
    { devices: ['gw-2'], faults: { 1: /row-syntax: Member "a" stands twice/ } },
    { format: 'ndjson' },
  );
  await holds('deviceId,desired.a:json\ngw-1,"{""x"":1,""x"":2}"\n', {
    devices: [],
    faults: { 2: /value-type: .*Member "x" stands twice/ },
  });
});

it('a list that was saved again by another program asks for the same', async () => {
  const hashes = async (name: string) => {
    const { requests } = await readManifest(file(name));
    return new Map(requests.map((request) => [request.deviceId, contentHash(request)]));
  };
  const first = await hashes('saved-first.csv');
  for (const name of ['resaved-by-excel.csv', 'resaved-on-mac-nfd.csv', 'trailing-space-again.csv']) {
    for (const [id, hash] of await hashes(name)) assert.equal(hash, first.get(id), `${name}: ${id}`);
  }
});

describe('a group that folds the case of device ids', () => {
  const groups = { line7: { deviceIdCase: 'fold' }, line8: {} } as const;

  it('takes ids in upper case, and keeps how they were written', async () => {
    const { requests, faults, rowRepairs } = await readManifest('deviceId\nAB1CD79EF1\ngw-1\n', { groups });
    assert.deepEqual(faults, []);
    assert.deepEqual(
      requests.map(({ deviceId, writtenId }) => [deviceId, writtenId]),
      [
        ['ab1cd79ef1', 'AB1CD79EF1'],
        ['gw-1', undefined],
      ],
    );
    assert.deepEqual(rowRepairs, { 'folded-ids': 1 });
  });

  it('refuses both rows whose ids differ only in case, and the second of two equal ones', async () => {
    const manifest = 'deviceId\nAB1\ngw-1\nab1\nGW-2\nGW-2\n';
    const { requests, faults } = await readManifest(manifest, { groups, chunkRows: 250 });
    assert.deepEqual(
      requests.map(({ deviceId }) => deviceId),
      ['gw-1', 'gw-2'],
    );
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [2, 4, 6].map((line) => [line, 'device-id-duplicate']),
    );
    assert.match(faults[0]?.message ?? '', /Device ab1 is "AB1" on line 2 and "ab1" on line 4/);
  });

  it('does not change what other groups refuse', () =>
    holds('deviceId,enrollmentGroup\nGW-1,line8\n', { devices: [], faults: { 2: /has upper case/ } }, { groups }));
});
