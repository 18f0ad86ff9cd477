import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { withGuard, withoutGuard } from '../../../lib/manifest/csv.ts';
import type { ManifestShape } from '../../../lib/manifest/manifest.ts';
import { errorsCsv, resultsCsv } from '../../../lib/manifest/report.ts';
import { assertEvery } from '../../assert-every.ts';
import { each, type ReadOptions, readManifest, text } from './read-manifest.ts';

async function report(manifest: string, options: ReadOptions = {}): Promise<string> {
  const { faults, shape } = await readManifest(manifest, options);
  return text(errorsCsv(each(faults), shape));
}

describe('an error report', () => {
  it('has the rows of the manifest, then line, code and message', async () => {
    const manifest = 'deviceId;tags.a\r\ngw-1;1\r\nGW-2;"a;b"\r\n';
    assert.equal(
      await report(manifest),
      '\ufeffdeviceId;tags.a;line;code;message\nGW-2;"a;b";3;device-id-invalid;' +
        '"Device id ""GW-2"" has upper case. Write ""gw-2"". Use 1 to 64 of a-z, 0-9, ""-"", ""."" and ""_"", beginning and ending with a letter or digit."\n',
    );
  });

  it('is a manifest: fixed and sent again, its rows are accepted', async () => {
    const manifest =
      '\ufeffdeviceId,tags.a:number,tags.b\nGW-1,1,"two\nlines"\ngw-2,x,\ngw-3,3,fine\ngw-4,4,=1+1\nGW-5,5,=1+1\n';
    const errors = await report(manifest);
    assert.ok(errors.startsWith('\ufeff'));
    const fixed = errors.replace('GW-1', 'gw-1').replace('gw-2,x', 'gw-2,2').replace('GW-5', 'gw-5');
    const { requests, faults } = await readManifest(fixed);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      requests.map(({ deviceId, tags }) => [deviceId, tags]),
      [
        ['gw-1', { a: 1, b: 'two\nlines' }],
        ['gw-2', { a: 2 }],
        ['gw-5', { a: 5, b: '=1+1' }],
      ],
    );
  });

  const rows: [what: string, manifest: string, options?: ReadOptions][] = [
    ['has too few cells', 'tags.a,deviceId,tags.b\n1,gw-1\n'],
    ['has too many cells', 'deviceId,tags.a\ngw-1,1,2,=3\n'],
    ['has quotes that do not match', 'deviceId,tags.a\ngw-1,"a"b\n'],
    ['has such quotes and its id in the last column', 'tags.a,deviceId\n"a"b,gw-1\n'],
    ['has such quotes in a report whose columns were moved', 'line,code,message,tags.a,deviceId\n1,x,y,"a"b,gw-1\n'],
    ['is broken JSON', '{"deviceId":\n', { format: 'ndjson' }],
    ['is text after a tab', '\t=1\n', { format: 'ndjson' }],
  ];
  for (const [what, manifest, options] of rows) {
    it(`that is sent again unchanged fails again with the same row when a row ${what}`, async () => {
      const once = await report(manifest, options);
      const again = await report(once);
      assert.equal(parse(again, { relax_column_count: true }).length, 2);
      const [, row = []] = parse(once, { relax_column_count: true }) as string[][];
      const [, next = []] = parse(again, { relax_column_count: true }) as string[][];
      const own = row.length - 3;
      assert.deepEqual(
        next.slice(0, own - (what.includes('many') ? 2 : 0)),
        row.slice(0, own - (what.includes('many') ? 2 : 0)),
      );
    });
  }

  it('has the surplus cells of a long row behind the message', async () => {
    const errors = await report('deviceId,tags.a\ngw-1,1,2,3\n');
    const [, row = []] = parse(errors, { relax_column_count: true }) as string[][];
    assert.deepEqual(
      [row.slice(0, 3), row.slice(5)],
      [
        ['gw-1', '1', '2'],
        ['2', '3'],
      ],
    );
  });

  const shape: ManifestShape = { format: 'csv', delimiter: ',', columns: ['deviceId', 'csr', 'tags.a'] };
  const rowOf = async (source: string, message = 'm') => {
    const csv = await text(errorsCsv(each([{ line: 2, source, code: 'csr-invalid', message }]), shape));
    return (parse(csv, { bom: true }) as string[][])[1];
  };

  it('marks only the id where a number could be the serial number of a date', async () => {
    assert.deepEqual(await rowOf('45000,45000,45000'), ["'45000", '45000', '45000', '2', 'csr-invalid', 'm']);
  });

  it('keeps the blanks of a request, which are a part of its text, and drops those of other cells', async () => {
    assert.deepEqual(await rowOf(' gw-1 ,"MIIB\n ", x '), ['gw-1', 'MIIB\n ', 'x', '2', 'csr-invalid', 'm']);
  });

  it('shows a row of 128 Ki characters as a whole, and cuts a longer one to 1024', async () => {
    const longest = `gw-1,MIIB,${'x'.repeat(128 * 1024 - 10)}`;
    assert.deepEqual((await rowOf(longest))?.slice(0, 2), ['gw-1', 'MIIB']);
    const [cut, ...others] = (await rowOf(`${longest}x`)) ?? [];
    assert.equal(cut, `${longest.slice(0, 1024)}...`);
    assert.match(others.at(-1) ?? '', /^m The row has 131073 characters and is cut here; line 2 of the manifest/);
  });

  it('comes in pieces of 500 rows, or of 64 Ki characters where rows are long', async () => {
    const fault = (line: number, length: number) => ({
      ...{ line, source: 'x'.repeat(length), code: 'csr-invalid' as const, message: 'm' },
    });
    const rows = [fault(1, 64 * 1024), ...Array.from({ length: 1001 }, (_, index) => fault(index + 2, 4))];
    const sizes: number[] = [];
    for await (const piece of errorsCsv(each(rows))) sizes.push(piece.split('\n').length - 1);
    assert.deepEqual(sizes, [1, 1, 500, 500, 1]);
  });

  it('of NDJSON is CSV with the rows unchanged, and is accepted as a manifest', async () => {
    const errors = await report('{"deviceId":"GW-1","tags":{"a":"x,\\n"}}\n', { format: 'ndjson' });
    assert.match(errors, /^\ufeffrow,line,code,message\n"{""deviceId"":""GW-1""/);
    const { requests } = await readManifest(errors.replace('GW-1', 'gw-1'));
    assert.deepEqual(requests[0]?.tags, { a: 'x,\n' });
  });

  it('of a job that was never split is a header only', async () => {
    assert.equal(await text(errorsCsv(each([]))), '\ufeffrow,line,code,message\n');
  });

  it('comes in pieces of bounded size', async () => {
    const fault = { line: 2, source: 'GW-1', code: 'device-id-invalid', message: 'no' } as const;
    const shape = { format: 'csv', delimiter: ',', columns: ['deviceId'] } as const;
    const parts = await Array.fromAsync(errorsCsv(each(Array(1200).fill(fault)), shape));
    assert.deepEqual(
      parts.map((part) => part.split('\n').length - 1),
      [1, 500, 500, 200],
    );
  });
});

describe('a long row in an error report', () => {
  const limit = 128 * 1024;
  const message = 'There is no such group.';
  const faultOf = (source: string, line = 17) => ({ line, source, code: 'group-unknown' as const, message });
  const csvShape = { format: 'csv', delimiter: ',', columns: ['tags.a', 'deviceId'] } as const;
  const rowOf = async (source: string, shape: ManifestShape) => {
    const [, row = []] = parse(await text(errorsCsv(each([faultOf(source)]), shape))) as string[][];
    return row;
  };

  it('is whole up to 128 Ki characters', async () => {
    const source = `${'x'.repeat(limit - 5)},gw-1`;
    assert.deepEqual(await rowOf(source, csvShape), ['x'.repeat(limit - 5), 'gw-1', '17', 'group-unknown', message]);
  });

  it('is cut with one character more, and the message names its line', async () => {
    const [first, id, line, code, told] = await rowOf(`${'x'.repeat(limit - 4)},gw-1`, csvShape);
    assert.deepEqual([first, id, line, code], [`${'x'.repeat(1024)}...`, '', '17', 'group-unknown']);
    assert.match(told ?? '', /^There is no such group\. The row has 131073 characters .* line 17 of the manifest/);
  });

  it('fails again when it is sent again, also where its beginning is a whole row', async () => {
    const long = ' '.repeat(limit);
    for (const [source, shape] of [
      [`a,gw-1${long}`, csvShape],
      [`gw-1,${long}`, { ...csvShape, columns: ['deviceId', 'tags.a'] }],
      [`gw-1${long}`, { ...csvShape, columns: ['deviceId'] }],
      [`{"deviceId":"gw-1"}${long}`, { format: 'ndjson' }],
    ] as const) {
      const again = await readManifest(await text(errorsCsv(each([faultOf(source)]), shape)));
      assert.deepEqual([again.requests.length, again.faults.length], [0, 1], source.slice(0, 20));
    }
  });

  it('does not make a long piece: 312 rows of 1 MiB are a report of less than 1 MiB', async () => {
    const source = 'x'.repeat(1024 * 1024);
    const faults = Array.from({ length: 312 }, (_, index) => faultOf(source, index + 2));
    const pieces = await Array.fromAsync(errorsCsv(each(faults), csvShape));
    assertEvery(pieces, ({ length }) => length < 2 * 64 * 1024);
    assert.ok(pieces.join('').length < 1024 * 1024);
  });

  it('that is whole ends its piece', async () => {
    const faults = Array.from({ length: 20 }, () => faultOf(`${'x'.repeat(100_000)},gw-1`));
    const pieces = await Array.fromAsync(errorsCsv(each(faults), csvShape));
    assert.equal(pieces.length, 21);
    assertEvery(pieces, ({ length }) => length < 110_000);
  });
});

describe('a cell that a spreadsheet would run', () => {
  const formulas = [
    '=1+1',
    '+1',
    '-1+1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '＝1',
    '＋1',
    '－1',
    '＠x',
    '-',
    '-x',
    "'=1",
    "''=1",
  ];
  for (const cell of formulas) {
    it(`is guarded: ${JSON.stringify(cell)}`, () => {
      assert.equal(withGuard(cell), `'${cell}`);
      assert.equal(withoutGuard(withGuard(cell)), cell);
    });
  }

  for (const cell of ['', 'gw-1', '-5', '-3.25', '1', "'", "it's", "'a", '<missing>']) {
    it(`is not the same as ${JSON.stringify(cell)}`, () => {
      assert.equal(withGuard(cell), cell);
      assert.equal(withoutGuard(cell), cell);
    });
  }

  it('is guarded in every cell of a report, quoted or not', async () => {
    const errors = await report('deviceId,tags.a,tags.b\n=HYPERLINK(1),"\t=cmd|\'/c calc\'!A1",-1\n@x,+1,"=""a"""\n');
    const cells = (parse(errors) as string[][]).slice(1).flat();
    assert.equal(cells.length, 12, errors);
    assertEvery(cells, (cell) => !/^[=+@\t\r]|^-\D/.test(cell), errors);
  });
});

it('a result report has one line per device', async () => {
  const result = {
    ...({ line: 2, deviceId: 'gw-1', status: 'provisioned', enrollmentGroup: 'line7' } as const),
    ...{ serialNumber: '0a', sha256Thumbprint: 'AB', notAfter: '2027-01-01T00:00:00.000Z' },
  };
  assert.equal(
    await text(resultsCsv(each([result]))),
    '\ufeffline,deviceId,status,enrollmentGroup,serialNumber,sha256Thumbprint,notAfter\n2,gw-1,provisioned,line7,0a,AB,2027-01-01T00:00:00.000Z\n',
  );
  // Excel reads 5E10 and 5e10 as the same number.
  for (const serialNumber of ['5E10', '5e10', '510'])
    assert.match(
      await text(resultsCsv(each([{ ...result, serialNumber }]))),
      new RegExp(`,line7,'${serialNumber},AB,`),
    );
});
