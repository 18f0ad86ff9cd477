import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idError, isHeaderAgain, mayBeDateSerial } from '../../../lib/manifest/ids.ts';

/*
 * What a spreadsheet or a program writes in place of an id, and what only looks like it. The first is refused by its cause; the
 * second is an id, or is refused for its characters.
 */

type Kind = 'no value' | 'footer' | 'last digits are lost' | 'a number with decimals' | 'a date' | 'other' | 'accepted';
const kinds = ['no value', 'footer', 'last digits are lost', 'a number with decimals', 'a date'] as const;

function kindOf(id: string, format: 'csv' | 'ndjson' = 'csv'): Kind {
  const error = idError(id, format);
  if (error === undefined) return 'accepted';
  return kinds.find((kind) => error.message.includes(kind)) ?? 'other';
}

const table: readonly [kind: Kind, ids: readonly string[]][] = [
  [
    'no value',
    [
      ...['null', 'nil', 'none', 'nan', 'nat', 'na', 'n/a', 'n.a', 'n.a.', 'undefined', 'unknown', 'true', 'false'],
      ...['blank', 'empty', 'tbd', 'object object', 'inf', '+inf', '-infinity', '0', '-', '---', '(null)', '[nan]'],
      ...['<n/a>', 'NULL', '\\N', 'System.Object', 'system.object[]'],
    ],
  ],
  [
    'footer',
    [
      ...['total', 'Totals:', 'Grand Total', 'subtotal', 'sum', 'count', 'average', 'Gesamt', 'Gesamtsumme', 'Summe'],
      ...['Anzahl:', 'Mittelwert', 'somme', 'suma', 'totale', '3 rows', '(3 rows)', '1 device', '12 records', '1 item'],
      ...[
        '3 row(s) affected',
        '3 rows selected',
        'Total: 3',
        'totals:x',
        '** Page 1 of 2',
        'Seite 1',
        'printed on Monday',
      ],
      ...['generated: today', 'report 7', 'end of list', '# rows: 3', 'grand total 3'],
    ],
  ],
  [
    'last digits are lost',
    ['3.5E+14', '3,5203e+14', '+3E+5', '-3.5E+14', '35e+1', '3.5e10', '3,5E-2', '1E-05', '12E-123', '5E+100'],
  ],
  ['a number with decimals', ['123.0', '123,00', '0.0']],
  [
    'a date',
    [
      ...['1.3.2026', '01/03/2026', '31-12-1999', '1.3.2026 08:00', '2026-03-01', '2026/3/1', '2026.12.31T08:00'],
      ...['2026年3月', '2026年3月1日', '3/1/26', '12/31/26', '1-Mar', '1. März', '1 May 26', '1-Mar-2026'],
      ...['Mar-01', 'June 2026', 'Okt. 26', 'Dez 26', 'May 1, 2026', 'févr-26', 'Jan 2026', 'sept-26', 'dic 26'],
    ],
  ],
  [
    'other',
    [
      ...['xnull/', 'null/x', '(nullx)', 'n//a', 'inf+', 'systemXobject', '\\Nx', 'x\\N', 'undefined.'],
      ...['xtotal:x', '3 rowsx', 'x3 rows', '(rows)', 'totally: 3', 'x page 1'],
      ...['x3.5E+14', '3.5E+14x', '3.5E+', '3E+x', '1E-1234', '1E-1', 'x1E-05', '1E-05x'],
      ...['123,0x', 'x123,0', '123,01', '123,'],
      ...['x1/3/2026', '1/3/2026x', '1/3/2126', '32/1/2026', '1/32/2026', '0/1/2026', '1/0/2026', '100/1/2026'],
      ...[
        'x2026/3/1',
        '2026/13/1',
        '2026/0/1',
        '2026/3/32',
        '2026/3/1x',
        '2126/3/1',
        '2026年3月1',
        '26年3月',
        'x2026年3月',
      ],
      ...['3/1/2', 'x3/1/26', '3/1/267', '300/1/26', '3/100/26', '1 Maybe', '123 May', 'xMay 26', 'May 26x', 'May 123'],
    ],
  ],
  [
    'accepted',
    [
      ...[
        'nullx',
        'xnull',
        'n.a.1',
        '00',
        'object',
        'infinite',
        'true1',
        'total-1',
        'sum1',
        'rows',
        '3rows',
        'average-2',
      ],
      ...[
        '3e5',
        '5e10',
        '12e-5',
        '3.5',
        '3.05',
        '1e-05',
        '12.3.26',
        '2026-13-01',
        '2026-00-1',
        '32.1.2026',
        '1.32.2026',
      ],
      ...['1.3.26', '1.3.2126', 'may', 'mar', '1-marx', 'march-123', 'xmar-01', '1mar', 'mar01', '2026'],
    ],
  ],
];

for (const [kind, ids] of table)
  describe(`an id of CSV: ${kind}`, () => {
    for (const id of ids) it(JSON.stringify(id), () => assert.equal(kindOf(id), kind, idError(id, 'csv')?.message));
  });

describe('an id of NDJSON', () => {
  it('is refused for words of "no value", and for no habit of a spreadsheet', () => {
    assert.equal(kindOf('null', 'ndjson'), 'no value');
    for (const id of ['total', '123.0', '2026-03-01', '35e10']) assert.equal(kindOf(id, 'ndjson'), 'accepted', id);
    assert.equal(kindOf('Total: 3', 'ndjson'), 'other');
  });
});

describe('the form that is proposed', () => {
  const proposed = (id: string) => /Write "([^"]*)"/.exec(idError(id, 'csv')?.message ?? '')?.[1];

  for (const [id, form] of [
    ['GW-1', 'gw-1'],
    ['00:1A:2b', '00-1a-2b'],
    ['gw  1', 'gw-1'],
    ['ｇｗ－１', 'gw-1'],
    ['gw–1', 'gw-1'],
    ['gw−1', 'gw-1'],
    ['gw\u200e1', 'gw1'],
    ['{[(<GW-1>)]}', 'gw-1'],
    ['`GW-1`', 'gw-1'],
    ["'gw-1'", 'gw-1'],
    ['URN:UUID:0A', '0a'],
    ['urn:dev:mac:0A', '0a'],
    ['gw/1', undefined],
    ['gw(1)x', undefined],
    ['xurn:uuid:1/', undefined],
    [`(${'A'.repeat(64)})`, 'a'.repeat(64)],
    ['A'.repeat(65), undefined],
    [`${'('.repeat(79)}A`, 'a'],
    [`${'('.repeat(80)}A`, undefined],
  ] as const)
    it(`of ${id.slice(0, 20)} is ${form?.slice(0, 20)}`, () => assert.equal(proposed(id), form));
});

describe('the faults of an id', () => {
  for (const [id, message] of [
    ['a'.repeat(65), 'is 65 characters long. Use'],
    ['Aa', 'has upper case. Write'],
    ['.a', 'is not valid: it begins with ".". Use'],
    ['_a-', 'is not valid: it begins with "_" and ends with "-". Use'],
    ['A/a', 'has upper case and is not valid: it contains "/". Use'],
    ['a!#$%&/?', 'is not valid: it contains "!", "#", "$", "%", "&". Use'],
    ['a//a', 'is not valid: it contains "/". Use'],
    ['a b', 'is not valid: it contains a blank. Write'],
  ] as const)
    it(JSON.stringify(id.slice(0, 20)), () => {
      const error = idError(id, 'csv');
      assert.ok(error !== undefined);
      assert.ok(error.message.includes(` ${message}`), error.message);
      assert.deepEqual([error.column, error.code, error.value], ['deviceId', 'device-id-invalid', id]);
    });
});

it('a number of days since 1900 may be a date of 2000 to 2050', () => {
  for (const id of ['36526', '44256', '55153', '44256.5', '36526.25']) assert.equal(mayBeDateSerial(id), true, id);
  for (const id of ['36525', '55154', '4425', '442560', '4425a', '44256.', '44256.a', '44256x5', '7', '3652a'])
    assert.equal(mayBeDateSerial(id), false, id);
});

it('a header is known again however it is written', () => {
  for (const id of ['deviceId', 'device id', 'DEVICE_ID', 'device-id', 'device _ id'])
    assert.equal(isHeaderAgain(id), true);
  for (const id of ['xdeviceId', 'deviceIds', 'device.id', 'id']) assert.equal(isHeaderAgain(id), false);
});
