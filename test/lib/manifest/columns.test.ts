import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { columnsOf, parseHeader } from '../../../lib/manifest/columns.ts';

describe('a header', () => {
  const taken: [header: string, delimiter: string, columns: string[]][] = [
    ['deviceId', ',', ['deviceId']],
    ['deviceId,tags.site', ',', ['deviceId', 'tags.site']],
    ['deviceId;tags.site;csr', ';', ['deviceId', 'tags.site', 'csr']],
    ['deviceId\ttags.site', '\t', ['deviceId', 'tags.site']],
    ['"deviceId";"tags.a,b"', ';', ['deviceId', 'tags.a,b']],
    ['tags.slot:number,deviceId,desired.a.b:json', ',', ['tags.slot:number', 'deviceId', 'desired.a.b:json']],
    ['row,line,code,message', ',', ['row', 'line', 'code', 'message']],
    ['deviceId,line,code,message', ',', ['deviceId', 'line', 'code', 'message']],
    ['deviceId,tags.straße,desired.工場:boolean', ',', ['deviceId', 'tags.straße', 'desired.工場:boolean']],
    ['deviceId,tags.constructor,tags.toString', ',', ['deviceId', 'tags.constructor', 'tags.toString']],
  ];
  for (const [header, delimiter, columns] of taken) {
    it(`is read from ${JSON.stringify(header)}`, () =>
      assert.deepEqual(parseHeader(header, 1), { delimiter, columns }));
  }

  it('has names in any spelling, which are shown', () => {
    for (const [written, read] of [
      ['deviceid', 'deviceId'],
      ['Device ID', 'deviceId'],
      ['device_id', 'deviceId'],
      [' deviceId\u00a0', 'deviceId'],
      ['ENROLLMENT-GROUP', 'enrollmentGroup'],
      ['Tags.Site', 'tags.Site'],
      ['tags.a ', 'tags.a'],
    ] as const) {
      const others = read === 'deviceId' ? [] : ['deviceId'];
      assert.deepEqual(parseHeader([...others, written].join(), 1), {
        ...{ delimiter: ',', columns: [...others, read], renamed: [{ written, read }] },
      });
    }
  });

  it('may have columns without a name', () => {
    assert.deepEqual(parseHeader('deviceId;tags.a;;', 1), { delimiter: ';', columns: ['deviceId', 'tags.a', '', ''] });
  });

  const refused: [header: string, fault: RegExp][] = [
    ['deviceId,Device ID', /Device ID: appears twice/],
    ['deviceId,line', /line: is a column of an error report only together with line, code, message .*write tags\.line/],
    ['deviceId,TAG:site', /TAG:site: unknown column \(did you mean tags\.site\?/],
    ['deviceId,PROPERTY:interval', /did you mean desired\.interval\?/],
    ['devceId', /devceId: unknown column \(did you mean deviceId\?/],
    ['deviceId,site', /site: unknown column \(for a tag write tags\.site/],
    ['serial', /if it identifies the device, write deviceId/],
    ['"deviceId,tags.a"', /the whole line is in quotes/],
    ['gw-000001,line7,berlin', /deviceId: missing, and the line looks like a device \(add a header line/],
    ['enrollmentGroup,tags.site', /deviceId: missing \(add the column\)/],
    ['deviceId,colour', /colour: unknown column/],
    ['deviceId,deviceId', /deviceId: appears twice/],
    ['deviceId,tags.a,tags.a', /tags\.a: appears twice/],
    ['deviceId,tags.a,tags.a:number', /tags\.a:number: appears twice/],
    ['deviceId,tags.a,tags.a.b', /tags\.a\.b: lies within column "tags\.a"/],
    ['deviceId,desired.a.b.c,desired.a:json', /desired\.a\.b\.c: lies within column "desired\.a:json"/],
    ['deviceId,tags.a:date', /unknown type \(expected :number, :boolean or :json\)/],
    ['deviceId,tags.a:', /unknown type/],
    ['deviceId,tags', /tags: unknown column/],
    ['deviceId,tags.', /tags\.: unknown column|not a path/],
    ['deviceId,tags.a..b', /not a path in a twin/],
    ['deviceId,tags.$version', /not a path in a twin/],
    ['deviceId,desired.__proto__.polluted', /not a path in a twin/],
    ['deviceId,tags.a.b.c.d.e.f.g.h.i.j.k.l', /deeper than 10/],
    [`deviceId,tags.${'k'.repeat(1025)}`, /not a path in a twin/],
    ['deviceId,"tags.a', /quotes do not match/],
    ['deviceId,tags.a"b"', /quotes do not match/],
    ['row,deviceId', /row: holds whole rows, so it must be the only column/],
    ['{"deviceId":"gw-1"}', /quotes do not match/],
  ];
  for (const [header, message] of refused) {
    it(`is refused when it is ${JSON.stringify(header).slice(0, 60)}`, () => {
      assert.throws(() => parseHeader(header, 7), { code: 'manifest-header', message });
    });
  }

  it('is refused with every fault at once, and with its line', () => {
    assert.throws(
      () => parseHeader('colour,tags.a,tags.a,tags.b:date', 3),
      (error) =>
        error instanceof FleetError &&
        error.details.line === 3 &&
        error.details.faults?.map(({ path }) => path).join() === 'colour,tags.a,tags.b:date,deviceId',
    );
  });

  it('with thousands of faults is refused in a short message', () => {
    const header = Array.from({ length: 8000 }, (_, index) => `x${index}`).join(',');
    assert.throws(
      () => parseHeader(header, 1),
      (error: Error) => error.message.length < 4000 && /has 8001 faults, the first 20: /.test(error.message),
    );
  });
});

it('twin columns have a section, a path and a type', () => {
  assert.deepEqual(columnsOf(['deviceId', 'tags.a.b:number', 'desired.c', 'code']), [
    { kind: 'deviceId' },
    { kind: 'twin', section: 'tags', path: ['a', 'b'], type: 'number' },
    { kind: 'twin', section: 'desired', path: ['c'], type: 'string' },
    { kind: 'report' },
  ]);
});
