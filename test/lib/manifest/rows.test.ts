import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ReadOptions, readManifest } from './read-manifest.ts';

const fields = async (manifest: string, options: ReadOptions = {}) => {
  const { requests, faults } = await readManifest(manifest, options);
  assert.deepEqual(faults, []);
  return requests.map(({ deviceId, enrollmentGroup, tags, desired, csr }) => ({
    ...{ deviceId, enrollmentGroup, tags, desired },
    ...(csr === undefined ? {} : { csr }),
  }));
};

describe('a row', () => {
  it('has the same meaning in CSV, with any delimiter, and in NDJSON', async () => {
    const device = { deviceId: 'gw-1', enrollmentGroup: 'line7', tags: { place: { hall: 'A', row: 2 }, new: true } };
    const expected = [{ ...device, desired: { list: [1, 2] } }];
    for (const [delimiter, list] of [
      [',', '"[1, 2]"'],
      [';', '[1, 2]'],
      ['\t', '[1, 2]'],
    ] as const) {
      const header = 'deviceId,tags.place.hall,tags.place.row:number,tags.new:boolean,desired.list:json';
      const csv = `${header}\ngw-1,A,2,TRUE,LIST\n`.replaceAll(',', delimiter).replace('LIST', list);
      assert.deepEqual(await fields(csv), expected);
    }
    assert.deepEqual(await fields(JSON.stringify(expected[0]), { format: 'ndjson' }), expected);
  });

  it('has no value for an empty cell', async () => {
    const manifest = 'deviceId,enrollmentGroup,csr,tags.a,tags.b:number,desired.c:json\ngw-1,,,,,\n';
    const [device] = await fields(manifest);
    assert.deepEqual(device, { deviceId: 'gw-1', enrollmentGroup: 'line7', tags: {}, desired: {} });
    const ndjson = '{"deviceId":"gw-1","enrollmentGroup":"","csr":null,"tags":null}';
    assert.deepEqual(await fields(ndjson, { format: 'ndjson' }), [device]);
  });

  it('prefers its own group to that of the folder', async () => {
    const groups = { line7: {}, line8: {} };
    const devices = await fields('deviceId,enrollmentGroup\ngw-1,line8\ngw-2,\n', { groups });
    assert.deepEqual(
      devices.map(({ enrollmentGroup }) => enrollmentGroup),
      ['line8', 'line7'],
    );
  });

  it('cannot reach a prototype, in a path or in JSON', async () => {
    const csv = 'deviceId,tags.constructor.prototype.polluted,tags.toString:json\ngw-1,yes,1\n';
    const [device] = await fields(csv);
    assert.deepEqual(JSON.stringify(device?.tags), '{"constructor":{"prototype":{"polluted":"yes"}},"toString":1}');
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    const { faults } = await readManifest('deviceId,tags.a:json\ngw-1,"{""__proto__"":{""polluted"":1}}"\n');
    assert.deepEqual(
      faults.map(({ code, column }) => [code, column]),
      [['twin-invalid', 'tags.a:json']],
    );
  });

  it('has a CSR of several lines when its group keeps keys on the device', async () => {
    const csr = '-----BEGIN CERTIFICATE REQUEST-----\r\nMIIB\r\n-----END CERTIFICATE REQUEST-----\r\n';
    const groups = { line7: { keyCustody: 'device' } } as const;
    const [device] = await fields(`deviceId,csr\ngw-1,"${csr}"\n`, { groups });
    assert.equal(device?.csr, csr);
  });
});

describe('a row that breaks a rule', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(11)}1${'}'.repeat(11)}`);
  const csv: [what: string, manifest: string, code: string, column: string | undefined, message: RegExp][] = [
    ['has no id', 'deviceId,tags.a\n,1', 'device-id-invalid', 'deviceId', /no device id/],
    ['has upper case in its id', 'deviceId\nGW-1', 'device-id-invalid', 'deviceId', /"GW-1" has upper case/],
    ['has a long id', `deviceId\n${'g'.repeat(65)}`, 'device-id-invalid', 'deviceId', /is 65 characters long/],
    ['has a path for an id', 'deviceId\n../../etc/passwd', 'device-id-invalid', 'deviceId', /is not valid/],
    ['has ".." for an id', 'deviceId\n..', 'device-id-invalid', 'deviceId', /is not valid/],
    ['has a URL in its id', 'deviceId\na?x=1#y', 'device-id-invalid', 'deviceId', /is not valid/],
    ['has a letter that looks like another', 'deviceId\ngw-а', 'device-id-invalid', 'deviceId', /is not valid/],
    [
      'has too few cells',
      'deviceId,tags.a,tags.b\ngw-1,1',
      'row-columns',
      undefined,
      /2 fields where the header has 3/,
    ],
    ['has too many cells', 'deviceId,tags.a\ngw-1,1,2', 'row-columns', undefined, /3 fields where the header has 2/],
    [
      'has a quote in a bare cell',
      'deviceId,tags.a\ngw-1,3" pipe',
      'row-syntax',
      undefined,
      /A quote is in the wrong place/,
    ],
    ['has text behind a quote', 'deviceId,tags.a\ngw-1,"a"b', 'row-syntax', undefined, /A quote is in the wrong place/],
    [
      'has a word for a number',
      'deviceId,tags.a:number\ngw-1,one',
      'value-type',
      'tags.a:number',
      /is "one"\. Expected a number as in JSON/,
    ],
    ['has a decimal comma', 'deviceId;tags.a:number\ngw-1;1,5', 'value-type', 'tags.a:number', /Expected a number/],
    [
      'has a number that JSON does not have',
      'deviceId,tags.a:number\ngw-1,0x10',
      'value-type',
      'tags.a:number',
      /Expected a number/,
    ],
    ['has yes for true', 'deviceId,tags.a:boolean\ngw-1,yes', 'value-type', 'tags.a:boolean', /true or false/],
    ['has broken JSON', 'deviceId,desired.a:json\ngw-1,{a}', 'value-type', 'desired.a:json', /Expected JSON/],
    ['has an infinite number', 'deviceId,tags.a:number\ngw-1,1e999', 'twin-invalid', 'tags.a:number', /not a number/],
    [
      'has a number beyond 52 bits',
      'deviceId,tags.a:number\ngw-1,4503599627370496',
      'twin-invalid',
      'tags.a:number',
      /outside/,
    ],
    ['has a long text', `deviceId,tags.a\ngw-1,${'x'.repeat(4097)}`, 'twin-invalid', 'tags.a', /longer than 4096/],
    [
      'has deep JSON',
      `deviceId,tags.a:json\ngw-1,"${JSON.stringify(deep).replaceAll('"', '""')}"`,
      'twin-invalid',
      'tags.a:json',
      /deeper than 10/,
    ],
    [
      'has JSON of 400,000 levels',
      `deviceId,tags.a:json\ngw-1,${'['.repeat(400_000)}${']'.repeat(400_000)}`,
      'twin-invalid',
      'tags.a:json',
      /deeper than 10/,
    ],
    [
      'has a dollar in a key',
      'deviceId,tags.a:json\ngw-1,"{""$x"":1}"',
      'twin-invalid',
      'tags.a:json',
      /holds "\.", "\$"/,
    ],
    [
      'has more tags than 8 KB',
      `deviceId,tags.a:json\ngw-1,"${JSON.stringify(Array(9).fill('x'.repeat(999))).replaceAll('"', '""')}"`,
      'twin-invalid',
      'tags',
      /IoT Hub takes 8192/,
    ],
    [
      'names an unknown group',
      'deviceId,enrollmentGroup\ngw-1,line9',
      'group-unknown',
      'enrollmentGroup',
      /no enrollment group "line9"/,
    ],
    [
      'names a group that is a property',
      'deviceId,enrollmentGroup\ngw-1,constructor',
      'group-unknown',
      'enrollmentGroup',
      /"constructor"/,
    ],
    [
      'has a CSR but its group does not take one',
      'deviceId,csr\ngw-1,MIIB',
      'csr-unexpected',
      'csr',
      /keyCustody "plain"/,
    ],
    [
      'still has the mark of a report',
      'deviceId,tags.a,line,code,message\ngw-1,<missing>,2,row-columns,x',
      'row-columns',
      'tags.a',
      /still marked <missing>/,
    ],
  ];
  for (const [what, manifest, code, column, message] of csv) {
    it(`is one error when it ${what}, and its neighbours are accepted`, async () => {
      const [header = '', ...row] = manifest.split('\n');
      const columns = header.split(/[,;]/).length;
      const neighbour = (id: string) => [id, ...Array(columns - 1).fill('')].join(header.includes(';') ? ';' : ',');
      const { requests, faults } = await readManifest([header, neighbour('a'), ...row, neighbour('z')].join('\n'));
      assert.deepEqual(
        requests.map(({ deviceId }) => deviceId),
        ['a', 'z'],
      );
      assert.equal(faults.length, 1);
      const [fault] = faults;
      assert.deepEqual([fault?.line, fault?.source, fault?.code, fault?.column], [3, row.join('\n'), code, column]);
      assert.match(fault?.message ?? '', message);
    });
  }

  const ndjson: [what: string, row: string, code: string, column: string | undefined][] = [
    ['is not JSON', '{"deviceId":', 'row-syntax', undefined],
    ['is an array', '["gw-1"]', 'row-syntax', undefined],
    ['is null', 'null', 'row-syntax', undefined],
    ['has no id', '{}', 'device-id-invalid', 'deviceId'],
    ['has an empty id', '{"deviceId":""}', 'device-id-invalid', 'deviceId'],
    ['has a number for an id', '{"deviceId":4711}', 'value-type', 'deviceId'],
    ['has tags that are a list', '{"deviceId":"gw-1","tags":[1]}', 'value-type', 'tags'],
    ['has a member of an unknown name', '{"deviceId":"gw-1","tag":{}}', 'row-syntax', 'tag'],
    ['would replace a prototype', '{"deviceId":"gw-1","__proto__":{"polluted":1}}', 'row-syntax', '__proto__'],
    [
      'would replace one of its tags',
      '{"deviceId":"gw-1","tags":{"__proto__":{"polluted":1}}}',
      'twin-invalid',
      'tags',
    ],
    [
      'has 400,000 levels',
      `{"deviceId":"gw-1","tags":{"a":${'['.repeat(400_000)}${']'.repeat(400_000)}}}`,
      'twin-invalid',
      undefined,
    ],
  ];
  for (const [what, row, code, column] of ndjson) {
    it(`is one error of NDJSON when it ${what}`, async () => {
      const manifest = `{"deviceId":"a"}\n${row}\n{"deviceId":"z"}\n`;
      const { requests, faults } = await readManifest(manifest, { format: 'ndjson' });
      assert.deepEqual(
        requests.map(({ deviceId }) => deviceId),
        ['a', 'z'],
      );
      assert.deepEqual(
        faults.map((fault) => [fault.line, fault.code, fault.source]),
        [[2, code, row]],
      );
      if (column !== undefined) assert.equal(faults[0]?.column, column);
    });
  }

  it('has the messages of all its errors, and the code of the first', async () => {
    const { faults } = await readManifest('deviceId,enrollmentGroup,tags.a:number\nGW-1,line9,x\n');
    assert.equal(faults[0]?.code, 'value-type');
    assert.match(
      faults[0]?.message ?? '',
      /tags\.a:number is "x"\. Expected .*"GW-1" has upper case.*no enrollment group "line9"/,
    );
  });

  it('has no group when neither it nor the folder names one', async () => {
    const { faults } = await readManifest('deviceId\ngw-1\n', { defaultGroup: null });
    assert.deepEqual(
      faults.map(({ code, column }) => [code, column]),
      [['group-missing', 'enrollmentGroup']],
    );
  });

  it('needs a CSR when its group keeps keys on the device', async () => {
    const groups = { line7: { keyCustody: 'device' } } as const;
    const { faults } = await readManifest('deviceId,csr\ngw-1,\n', { groups });
    assert.deepEqual(
      faults.map(({ code, column }) => [code, column]),
      [['csr-missing', 'csr']],
    );
  });

  it('does not fit the twin of its group', async () => {
    const tags = { a: { b: 'x'.repeat(4000) }, c: 'y'.repeat(4000) };
    const groups = { line7: { initialTwin: { tags } } };
    const { requests, faults } = await readManifest(`deviceId,tags.a.d\ngw-1,${'z'.repeat(300)}\ngw-2,z\n`, { groups });
    assert.deepEqual(
      requests.map(({ deviceId }) => deviceId),
      ['gw-2'],
    );
    assert.match(faults[0]?.message ?? '', /IoT Hub takes 8192/);
  });

  it('is a duplicate of an earlier row for its device, if that one is valid', async () => {
    const manifest = 'deviceId,tags.a:number\ngw-1,x\ngw-1,1\ngw-1,2\n';
    const { requests, faults } = await readManifest(manifest);
    assert.deepEqual(
      requests.map(({ line }) => line),
      [3],
    );
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [
        [2, 'value-type'],
        [4, 'device-id-duplicate'],
      ],
    );
    assert.match(faults[1]?.message ?? '', /gw-1 is on line 3/);
  });

  it('shows only the beginning of a long value', async () => {
    const { faults } = await readManifest(
      `deviceId,tags.a:number,tags.b:json\n${'g'.repeat(9999)},${'x'.repeat(9999)},{${'y'.repeat(9999)}\n`,
    );
    const [fault] = faults;
    assert.ok((fault?.value ?? '').length <= 120);
    assert.ok((fault?.message ?? '').length < 1000);
  });
});
