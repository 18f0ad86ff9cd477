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
    ['c01-sep-line.csv', { devices: ['c01-a', 'c01-b'], repairs: { 'sep-line': 1 } }],
    ['c02-utf16-unicode-text.csv', { devices: ['c02-a', 'c02-b'], repairs: { 'utf-16': 1 } }],
    ['c03-bom-twice.csv', { devices: ['c03-a'], tags: porto, repairs: { bom: 1 } }],
    ['c05-trailing-empty-columns.csv', { devices: ['c05-a', 'c05-b'], repairs: { 'empty-columns': 3 } }],
    ['c06-rows-of-commas.csv', { devices: ['c06-a', 'c06-b'], repairs: { 'blank-rows': 3 } }],
    [
      'c09-nbsp-and-spaces.csv',
      { devices: ['c09-a', 'c09-b', 'c09-c', 'c09-d', 'c09-e'], tags: porto, repairs: { 'trimmed-cells': 5 } },
    ],
    ['c10-header-spaces.csv', { devices: ['c10-a'], tags: { site: 'porto', slot: 1 }, repairs: { 'header-names': 3 } }],
    [
      'c11-header-device-id-spaced.csv',
      { devices: ['c11-a'], tags: { Site: 'porto' }, repairs: { 'header-names': 3 } },
    ],
    ['c14-cr-only.csv', { devices: ['c14-a', 'c14-b'], tags: porto, repairs: { 'line-ends': 2 } }],
    ['c21-ctrl-z.csv', { devices: ['c21-a', 'c21-b'], tags: porto, repairs: { 'blank-rows': 1 } }],
    [
      'c26-mixed-line-ends.csv',
      { devices: ['c26-a', 'c26-b', 'c26-c', 'c26-d'], tags: porto, repairs: { 'line-ends': 1 } },
    ],
    ['c40-equals-quoted-text.csv', { devices: ['c40-a', 'c40-b'], repairs: { 'text-marks': 4 } }],
    ['c43-leading-zero-width.csv', { devices: ['000123', '124', '000125'], repairs: { 'leading-zeros': 1 } }],
    ['c48-trailing-delimiter-rows-only.csv', { devices: ['c48-a', 'c48-b'], repairs: { 'extra-cells': 2 } }],
    [
      'd52-formula-text-in-tag.csv',
      { devices: ['d52-a', 'd52-b', 'd52-c'], tags: { part: '00124' }, repairs: { 'text-marks': 2 } },
    ],
    ['d79-vertical-tab-ff.csv', { devices: ['d79-a', 'd79-b'], tags: porto, repairs: { 'blank-rows': 1 } }],
    ['k02-resaved-on-mac-nfd.csv', { devices: ['k01-a'], tags: { site: 'München', slot: 1 }, repairs: { nfc: 1 } }],
    [
      'k03-trailing-space-again.csv',
      { devices: ['k01-b'], tags: { site: 'porto', slot: 2 }, repairs: { 'trimmed-cells': 1 } },
    ],
    ['n08-rs.ndjson', { devices: ['n08-a', 'n08-b'], repairs: { 'trimmed-cells': 2 } }],
    // Nothing to repair.
    ['c28-header-quoted-semicolon.csv', { devices: ['c28-a'], tags: { site: 'Halle "3"; Tor 2', slot: 7 } }],
    ['d82-underscore-dot-only.csv', { devices: ['a..b', 'a--b', '1', '192.168.0.1', 'www.example.com'] }],
    ['n07-bom-crlf.ndjson', { devices: ['n07-a', 'n07-b'] }],
    ['n13-arrays.ndjson', { devices: ['n13-a'] }],
  ];
  for (const [name, outcome] of cases) {
    it(name, () => holds(file(name), outcome, { format: formatOf(name) }));
  }
});

describe('a row is refused by what happened to it', () => {
  const cases: [name: string, outcome: Outcome][] = [
    [
      'c04-scientific.csv',
      {
        devices: [],
        faults: {
          2: /tags\.imei.*last digits are lost.*Device id "3\.5203E\+14" is a number as a spreadsheet shortens it/,
          3: /Device id "3\.5203E\+14".*original list/,
          4: /value-type: tags\.imei is "8\.96529E\+19".*last digits are lost/,
        },
      },
    ],
    ['c07-short-rows.csv', { devices: ['c07-b'], faults: { 2: /row-columns: .*2 fields where the header has 4/ } }],
    [
      'c15-upper-serials.csv',
      {
        devices: [],
        faults: { 2: /has upper case\. Write "ab1cd79ef1"/, 3: /Write "ab1cd79ef2"/, 4: /Write "ab1cd79ef3"/ },
      },
    ],
    [
      'c16-mac-colons.csv',
      {
        devices: ['001a.2b3c.4d60'],
        faults: {
          2: /has upper case and is not valid: it contains ":"\. Write "00-1a-2b-3c-4d-5e"/,
          3: /Write "00-1a-2b-3c-4d-5f"/,
        },
      },
    ],
    [
      'c19-fullwidth.csv',
      { devices: [], faults: { 2: /without full-width digits: 12\./, 3: /full-width character.*Write "c19-b"/ } },
    ],
    [
      'c30-duplicate-rows.csv',
      { devices: ['c30-a', 'c30-b'], faults: { 4: /on line 2 already/, 5: /on line 2 already/ } },
    ],
    [
      'c31-date-leading-zero-hash.csv',
      { devices: [], faults: { 2: /"#N\/A", which is an error value/, 3: /"#REF!", which/, 4: /"#VALUE!", which/ } },
    ],
    [
      'c35-quoted-newline-space-after-quote.csv',
      {
        devices: ['c35-b'],
        faults: { 2: /row-syntax: .*Remove the blank between the delimiter and the quote/ },
        repairs: { 'header-names': 1, 'trimmed-cells': 1 },
      },
    ],
    [
      'c36-long-id.csv',
      {
        devices: ['c36.plant-01.line-07.cell-12.sn_000000001'],
        faults: { 2: /is 65 characters long/, 4: /ends with "-"/, 5: /begins with "_"/ },
      },
    ],
    [
      'c39-null-cells.csv',
      {
        devices: ['c39-a'],
        faults: { 3: /is "null"\. Expected a number/, 4: /is "NaN"/ },
        repairs: { 'empty-words': 3 },
      },
    ],
    [
      'c42-group-case.csv',
      {
        devices: ['c42-b'],
        faults: { 2: /group-unknown: .*Did you mean "line7"/, 4: /mean "line7"/ },
        repairs: { 'trimmed-cells': 1 },
      },
    ],
    [
      'c50-semicolon-header-comma-rows.csv',
      { devices: [], faults: { 2: /separated by ";" and this row by ","/, 3: /by ","/ } },
    ],
    [
      'd51-tag-whitespace.csv',
      {
        devices: ['d51-a', 'd51-b', 'd51-c', 'd51-e'],
        tags: { site: 'porto', hall: 'h1' },
        faults: { 5: /U\+200B, zero-width space/ },
        repairs: { 'trimmed-cells': 3 },
      },
    ],
    ['d57-big-number.csv', { devices: [], faults: { 2: /outside/, 3: /outside/ } }],
    [
      'd58-json-excel-quotes.csv',
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
      'd59-multi-fault-row.csv',
      {
        devices: [],
        faults: { 2: /"1\.5\.2".*"GW:01" has upper case and .* contains ":"\. Write "gw-01".*Did you mean "line7"/ },
        repairs: { 'trimmed-cells': 1 },
      },
    ],
    [
      'd63-null-ids.csv',
      {
        devices: [],
        faults: Object.fromEntries([2, 3, 4, 5, 6, 7, 8].map((line) => [line, /device-id-invalid: .*for "no value"/])),
      },
    ],
    [
      'd64-concatenated-headers.csv',
      { devices: ['d64-a', 'd64-b'], faults: { 3: /row-syntax: The row is the header again/ } },
    ],
    ['d65-swallowed-rows.csv', { devices: ['d65-d'], faults: { 2: /row-syntax: .*takes in lines 2 to 4/ } }],
    [
      'd72-total-row.csv',
      { devices: ['d72-a', 'd72-b'], faults: { 4: /"total" belongs to a footer/, 5: /"2 rows" belongs/ } },
    ],
    ['d77-each-row-quoted.csv', { devices: [], faults: { 2: /whole row is in quotes/, 3: /whole row is in quotes/ } }],
    [
      'd78-trailing-backslash-escape.csv',
      { devices: ['d78-b'], faults: { 2: /row-syntax: .*backslash does not escape/ } },
    ],
    [
      'd84-excel-number-format.csv',
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
      'n01-numeric-id.ndjson',
      { devices: [], faults: { 1: /deviceId has the wrong type/, 2: /enrollmentGroup has the wrong/ } },
    ],
    [
      'n02-iothub-export.ndjson',
      { devices: [], faults: { 1: /no device id.*"importMode".*Did you mean deviceId by "id"/ } },
    ],
    ['n03-trailing-commas.ndjson', { devices: [], faults: { 1: /comma follows the object/, 2: /comma follows/ } }],
    [
      'n05-object-pretty.ndjson',
      { devices: [], faults: { 1: /whole object on one line/, 2: /row-syntax/, 3: /row-syntax/, 4: /row-syntax/ } },
    ],
    ['n06-glued.ndjson', { devices: [], faults: { 1: /ends at character 20, and more text follows/ } }],
    ['n14-big-int.ndjson', { devices: [], faults: { 1: /twin-invalid/, 2: /twin-invalid/ } }],
    ['n15-python-repr.ndjson', { devices: [], faults: { 1: /single quotes/, 2: /NaN is not a value of JSON/ } }],
    ['n16-flat-tags.ndjson', { devices: [], faults: { 1: /unknown members.*Write tags as an object/ } }],
    ['n17-desired-version.ndjson', { devices: [], faults: { 1: /\$version/ } }],
  ];
  for (const [name, outcome] of cases) {
    it(name, () => holds(file(name), outcome, { format: formatOf(name) }));
  }
});

describe('a file is refused with its cause', () => {
  const cases: [name: string, code: string, message: RegExp][] = [
    ['c08-windows1252.csv', 'manifest-encoding', /not UTF-8\. See byte 37, on line 2\. .*"CSV UTF-8"/],
    ['c12-header-snake.csv', 'manifest-header', /site: unknown column \(for a tag write tags\.site.*tags\.batch/],
    ['c24-title-row.csv', 'manifest-header', /The header seems to be on line 3/],
    ['c25-duplicate-header.csv', 'manifest-header', /tags\.site: appears twice/],
    ['c29-no-header.csv', 'manifest-header', /deviceId: missing, and the line looks like a device/],
    ['c34-template-header-only.csv', 'manifest-empty', /a header but no row/],
    ['c45-json-array.csv', 'manifest-format', /The file is JSON/],
    ['d61-line-code-columns.csv', 'manifest-header', /only together with line, code, message .*write tags\.line/],
    ['d66-xlsx-renamed.csv', 'manifest-not-text', /The file is an Excel workbook\. Name it \.xlsx\./],
    ['d68-type-suffixes.csv', 'manifest-header', /has 5 faults: tags\.a:string: unknown type/],
    ['d70-colon-tag.csv', 'manifest-header', /did you mean tags\.site\?.*did you mean desired\.interval\?/],
    ['d76-each-line-quoted.csv', 'manifest-header', /the whole line is in quotes/],
    ['n04-array-pretty.ndjson', 'manifest-format', /one JSON array/],
  ];
  for (const [name, code, message] of cases) {
    it(name, () => assert.rejects(readManifest(file(name), { format: formatOf(name) }), { code, message }));
  }
});

describe('a device id that a spreadsheet changed', () => {
  const refused: [id: string, message: RegExp][] = [
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
      const { requests, faults } = await readManifest(`deviceId,tags.a\ngw-0,1\n${id},1\n`);
      assert.deepEqual(
        requests.map(({ deviceId }) => deviceId),
        ['gw-0'],
      );
      assert.equal(faults[0]?.code, 'device-id-invalid');
      assert.match(faults[0]?.message ?? '', message);
    });
  }

  it('is accepted when it only resembles one', () =>
    holds('deviceId\n3e5\n12-04-07\nmay\ndec-12345\n1.2.3.4\n2026-13-01\ngw-44256\n', {
      devices: ['3e5', '12-04-07', 'may', 'dec-12345', '1.2.3.4', '2026-13-01', 'gw-44256'],
    }));

  it('is a serial number where all ids are numbers of five digits', () =>
    holds('deviceId\n44256\n44257\n', { devices: ['44256', '44257'] }));

  it('is accepted from NDJSON, which no spreadsheet writes', () =>
    holds(
      '{"deviceId":"2026-03-01"}\n{"deviceId":"gw-1"}\n{"deviceId":"44256"}',
      { devices: ['2026-03-01', 'gw-1', '44256'] },
      { format: 'ndjson' },
    ));
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
  const first = await hashes('k01-first.csv');
  for (const name of ['k01-resaved-by-excel.csv', 'k02-resaved-on-mac-nfd.csv', 'k03-trailing-space-again.csv']) {
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
