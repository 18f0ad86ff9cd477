import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { type Order, orderDigest, orderRows, ordersIn, parseOrder } from '../../../lib/orders/order.ts';
import fc from '../../fast-check.ts';
import { readManifest } from '../manifest/read-manifest.ts';

const range = { prefix: 'gw-', start: 1, count: 3, width: 6 };
const plain = { orderId: 'PO-4711', enrollmentGroup: 'line7', range };
const event = { specversion: '1.0', id: '1', source: '/erp', type: 'com.example.order' };
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

const rowsOf = async (order: Order) => {
  const bytes = Buffer.concat(await Array.fromAsync(orderRows(order)));
  return bytes
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((row) => JSON.parse(row));
};

describe('an order', () => {
  it('of a range is one row per number', async () => {
    const order = parseOrder({ ...plain, tags: { customer: 'acme' }, desired: { a: 1 } });
    assert.deepEqual(
      await rowsOf(order),
      ['gw-000001', 'gw-000002', 'gw-000003'].map((deviceId) => ({
        ...{ deviceId, enrollmentGroup: 'line7', tags: { customer: 'acme' }, desired: { a: 1 } },
      })),
    );
  });

  it('of devices is one row per device, whose own twin wins member by member', async () => {
    const devices = [
      { deviceId: 'gw-1', tags: { place: { hall: 2 }, site: 'porto' }, desired: { list: [2] } },
      { deviceId: 'gw-2', csr: 'MIIB' },
    ];
    const twin = { tags: { place: { hall: 1, row: 1 } }, desired: { list: [1, 1] } };
    const order = parseOrder({ orderId: 'PO', enrollmentGroup: 'line7', ...twin, devices });
    assert.deepEqual(await rowsOf(order), [
      {
        ...{ deviceId: 'gw-1', enrollmentGroup: 'line7' },
        ...{ tags: { place: { hall: 2, row: 1 }, site: 'porto' }, desired: { list: [2] } },
      },
      { deviceId: 'gw-2', enrollmentGroup: 'line7', csr: 'MIIB', ...twin },
    ]);
  });

  const envelopes: [what: string, body: unknown][] = [
    ['an event', { ...event, data: plain }],
    ['an event with a media type', { ...event, datacontenttype: 'application/json; charset=utf-8', data: plain }],
    ['an event with a suffixed type', { ...event, datacontenttype: 'application/vnd.acme.order+json', data: plain }],
    [
      'an event with extensions',
      { ...event, time: '2026-11-24T10:00:00Z', subject: 'x', traceparent: '00', data: plain },
    ],
    ['an event in base64', { ...event, data_base64: base64(plain) }],
  ];
  for (const [what, body] of envelopes) {
    it(`is the same in ${what}`, () => assert.deepEqual(parseOrder(body), parseOrder(plain)));
  }

  it('holds one piece of the largest range in memory at a time', async () => {
    const order = parseOrder({ ...plain, range: { prefix: 'g', start: 0, count: 1_000_000, width: 6 } });
    let [bytes, pieces, largest] = [0, 0, 0];
    for await (const piece of orderRows(order)) {
      pieces += 1;
      bytes += piece.length;
      largest = Math.max(largest, piece.length);
    }
    assert.ok(largest < 66_000 && pieces > 1000);
    assert.equal(bytes, 1_000_000 * '{"deviceId":"g000000","enrollmentGroup":"line7","tags":{},"desired":{}}\n'.length);
  });

  it('has invalid devices refused per row, not as a whole', async () => {
    const devices = [
      { deviceId: 'gw-1' },
      { deviceId: 'GW-2' },
      { deviceId: 'gw-3', tags: { 'a.b': 1 } },
      { deviceId: 'gw-1' },
      { deviceId: 'gw-5', tags: { place: { hall: null } } },
    ];
    const order = parseOrder({ orderId: 'PO', enrollmentGroup: 'line7', tags: { place: { hall: 2 } }, devices });
    const { requests, faults } = await readManifest(Buffer.concat(await Array.fromAsync(orderRows(order))), {
      format: 'ndjson',
      chunkRows: 10,
    });
    assert.deepEqual(
      requests.map(({ deviceId }) => deviceId),
      ['gw-1'],
    );
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [
        [2, 'device-id-invalid'],
        [3, 'twin-invalid'],
        [4, 'device-id-duplicate'],
        [5, 'twin-invalid'],
      ],
    );
    assert.match(faults.at(-1)?.message ?? '', /^tags\.place\.hall: null/);
  });
});

describe('limits of an order', () => {
  const withRange = (change: object) => ({ ...plain, range: { ...range, ...change } });
  /** @returns undefined for an order that is taken */
  const firstFaultOf = (body: unknown) => {
    try {
      parseOrder(body);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof FleetError, String(error));
      return error.details.faults?.[0]?.path;
    }
  };
  /** An order whose JSON has so many bytes. */
  const ofBytes = (bytes: number) => {
    const order = { ...plain, reference: { a: '' } };
    const texts = Array.from({ length: 20 }, (_, index) => [`t${index}`, ''] as const);
    const rest = bytes - JSON.stringify({ ...order, devices: undefined, tags: Object.fromEntries(texts) }).length;
    const tags = Object.fromEntries(
      texts.map(([key], index) => [key, '\n'.repeat(Math.max(0, Math.min(2000, Math.floor(rest / 2) - index * 2000)))]),
    );
    return { ...order, tags, ...(rest % 2 === 1 && { reference: { a: 'x' } }) };
  };
  const cases: [what: string, path: string, taken: unknown, refused: unknown][] = [
    [
      '200 characters of its id',
      'orderId',
      { ...plain, orderId: 'x'.repeat(200) },
      { ...plain, orderId: 'x'.repeat(201) },
    ],
    ['a first number of 0', 'range.start', withRange({ start: 0 }), withRange({ start: -1 })],
    ['a range of one device', 'range.count', withRange({ count: 1 }), withRange({ count: 0 })],
    [
      'a range of a million devices',
      'range.count',
      withRange({ count: 1_000_000, width: 7 }),
      withRange({ count: 1_000_001, width: 7 }),
    ],
    ['a width of 1', 'range.width', withRange({ width: 1 }), withRange({ width: 0 })],
    [
      'a last number as wide as the width',
      'range.width',
      withRange({ start: 97, count: 3, width: 2 }),
      withRange({ start: 98, count: 3, width: 2 }),
    ],
    ['a width of 64', 'range.width', withRange({ prefix: '', width: 64 }), withRange({ prefix: '', width: 65 })],
    [
      'a prefix of 63 characters',
      'range.prefix',
      withRange({ prefix: 'g'.repeat(63), width: 1 }),
      withRange({ prefix: 'g'.repeat(64), width: 1 }),
    ],
    [
      'a number in digits that a double holds exactly',
      'range.start',
      withRange({ start: '9007199254740989', width: 16 }),
      withRange({ start: '9007199254740992', width: 16 }),
    ],
    ['a message of 64 KiB', '(order)', ofBytes(65_536), ofBytes(65_537)],
  ];
  for (const [what, path, taken, refused] of cases)
    it(`allow ${what}, and no more`, () => {
      assert.equal(firstFaultOf(taken), undefined);
      assert.equal(firstFaultOf(refused), path);
    });

  it('allow 1 GiB of rows, and no more', () => {
    // A row of 32,768 bytes, 32,768 times.
    const ofRow = (bytes: number) => {
      const order = { ...plain, desired: {} as Record<string, string> };
      const width = 6;
      const empty = '{"deviceId":"gw-000001","enrollmentGroup":"line7","tags":{},"desired":{}}\n'.length;
      let left = bytes - empty;
      for (let index = 0; left > 0; index += 1) {
        // A member has its key, four quotes, a colon, and a comma from the second one on.
        const frame = `"d${index}":""`.length + (index > 0 ? 1 : 0);
        const length = Math.min(4000, left - frame);
        order.desired[`d${index}`] = 'x'.repeat(length);
        left -= frame + length;
      }
      return { ...order, range: { ...range, width, count: 32_768 } };
    };
    assert.equal(firstFaultOf(ofRow(32_768)), undefined);
    assert.equal(firstFaultOf(ofRow(32_769)), 'range.count');
  });

  it('allow 1000 orders in a message', () => {
    assert.equal(ordersIn(Array(1000).fill({})).length, 1000);
    assert.throws(() => ordersIn(Array(1001).fill({})), { code: 'order-invalid', message: /a list of 1001 orders/ });
  });

  it('find an order three levels below the message, and not deeper', () => {
    assert.throws(() => parseOrder({ d: { results: [plain] } }), { message: /Send what is in "d\.results"/ });
    assert.throws(() => parseOrder({ a: { b: { c: plain } } }), { message: /Send what is in "a\.b\.c"/ });
    assert.throws(() => parseOrder({ a: { b: { c: { d: plain } } } }), { message: /^(?!.*Send what is in)/s });
  });
});

describe('the digest of an order', () => {
  const digest = (body: unknown) => orderDigest(parseOrder(body));
  const same: [what: string, body: unknown][] = [
    ['its envelope', { ...event, id: '2', data: plain }],
    [
      'the order of its keys',
      { range: { width: 6, count: 3, start: 1, prefix: 'gw-' }, enrollmentGroup: 'line7', orderId: 'PO-4711' },
    ],
    ['a default that is written out', { ...plain, onConflict: 'reject', adopt: false, tags: {}, desired: null }],
    ['whether the order is only checked', { ...plain, dryRun: true }],
  ];
  for (const [what, body] of same) it(`does not depend on ${what}`, () => assert.equal(digest(body), digest(plain)));

  const other: [what: string, body: unknown][] = [
    ['the range', { ...plain, range: { ...range, count: 4 } }],
    ['the group', { ...plain, enrollmentGroup: 'line8' }],
    ['a tag', { ...plain, tags: { a: 1 } }],
    ['the section of a value', { ...plain, desired: { a: 1 } }],
    ['the type of a value', { ...plain, tags: { a: '1' } }],
    ['the policy', { ...plain, onConflict: 'replace' }],
    ['a take-over', { ...plain, adopt: true }],
  ];
  it('is that of earlier versions, since it is stored: SHA-256 of JSON with sorted keys', () => {
    const text =
      '{"desired":{},"enrollmentGroup":"line7","onConflict":"reject","orderId":"PO-4711",' +
      '"range":{"count":3,"prefix":"gw-","start":1,"width":6},"tags":{}}';
    assert.equal(digest(plain), hash('sha256', text));
    assert.equal(digest({ ...plain, adopt: true }), hash('sha256', text.replace('{', '{"adopt":true,')));
  });

  it('differs between different orders', () => {
    const digests = [plain, ...other.map(([, body]) => body)].map(digest);
    assert.equal(new Set(digests).size, digests.length);
  });
});

describe('a message that is not an order', () => {
  const devices = [{ deviceId: 'gw-1' }];
  const named = { orderId: 'PO', enrollmentGroup: 'line7', devices };
  const deep = JSON.parse(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`);
  const refused: [what: string, body: unknown, path: string, message?: RegExp][] = [
    ['is null', null, '(order)'],
    ['is a list', [plain, plain], '(order)'],
    ['is a text', 'PO-4711', '(order)'],
    ['has no id', { ...plain, orderId: undefined }, 'orderId'],
    ['has a fraction for an id', { ...plain, orderId: 4711.5 }, 'orderId'],
    ['has an id that a double cannot hold exactly', { ...plain, orderId: 2 ** 53 }, 'orderId'],
    ['has a number below zero for an id', { ...plain, orderId: -1 }, 'orderId'],
    ['has null for an id', { ...plain, orderId: null }, 'orderId', /is missing/],
    ['has an empty id', { ...plain, orderId: '' }, 'orderId'],
    ['has a long id', { ...plain, orderId: 'x'.repeat(201) }, 'orderId'],
    ['has a padded id', { ...plain, orderId: 'PO-4711 ' }, 'orderId', /white space/],
    ['has a line end in its id', { ...plain, orderId: 'PO\nX' }, 'orderId', /control character/],
    ['has half of a character in its id', { ...plain, orderId: 'PO\ud800' }, 'orderId', /half/],
    ['has a path for a group', { ...plain, enrollmentGroup: '../x' }, 'enrollmentGroup'],
    [
      'has neither devices nor range',
      { orderId: 'PO', enrollmentGroup: 'line7' },
      '(order)',
      /either "devices" or "range"/,
    ],
    ['has both', { ...plain, devices }, '(order)', /either/],
    ['has no devices', { ...named, devices: [] }, 'devices'],
    ['has an unknown member', { ...plain, quantity: 3 }, '(order)', /"quantity"/],
    ['has a device with an unknown member', { ...named, devices: [{ deviceId: 'a', tag: {} }] }, 'devices.0', /"tag"/],
    ['has a device without id', { ...named, devices: [{}] }, 'devices.0.deviceId'],
    ['has tags that are a list', { ...plain, tags: [] }, 'tags'],
    ['has tags that a twin cannot hold', { ...plain, tags: { 'a.b': 1 } }, 'tags', /holds "\."/],
    ['has another policy', { ...plain, onConflict: 'merge' }, 'onConflict'],
    ['has an empty range', { ...plain, range: { ...range, count: 0 } }, 'range.count'],
    ['has a range beyond what DPS holds', { ...plain, range: { ...range, count: 1_000_001, width: 7 } }, 'range.count'],
    ['has a count that is not whole', { ...plain, range: { ...range, count: 1.5 } }, 'range.count'],
    ['has numbers below zero', { ...plain, range: { ...range, start: -1 } }, 'range.start'],
    ['has numbers that a double cannot hold exactly', { ...plain, range: { ...range, start: 2 ** 53 } }, 'range.start'],
    [
      'has a width too narrow',
      { ...plain, range: { ...range, start: 95, count: 10, width: 2 } },
      'range.width',
      /number 104.*3 digits/,
    ],
    ['has a prefix of upper case', { ...plain, range: { ...range, prefix: 'GW-' } }, 'range.prefix', /"GW-000001"/],
    ['has a prefix that is a path', { ...plain, range: { ...range, prefix: '../' } }, 'range.prefix'],
    ['makes ids too long', { ...plain, range: { ...range, prefix: 'g'.repeat(59) } }, 'range.prefix'],
    [
      'makes more than a gigabyte',
      { ...plain, tags: { a: 'x'.repeat(1100) }, range: { ...range, count: 1_000_000, width: 7 } },
      'range.count',
      /bytes of rows/,
    ],
    [
      'is larger than a queue message can be',
      { ...named, devices: Array(6000).fill({ deviceId: 'gw-1' }) },
      '(order)',
      /at most 65536/,
    ],
    ['has null in a tag', { ...plain, tags: { place: { hall: null } } }, 'tags.place.hall', /^null, which no twin/],
    ['is deep', { ...plain, tags: deep }, 'tags.a', /nested deeper/],
    ['is deep all over', deep, 'a.a', /nested deeper/],
    ['would replace a prototype', JSON.parse('{"orderId":"PO","tags":{"__proto__":{"polluted":1}}}'), 'tags.__proto__'],
    ['is an event of another version', { ...event, specversion: '0.3', data: plain }, 'specversion'],
    ['is an event without id', { ...event, id: '', data: plain }, 'id'],
    ['is an event of XML', { ...event, datacontenttype: 'application/xml', data: '<order/>' }, 'datacontenttype'],
    ['is an event of nothing', event, 'data', /either/],
    ['is an event of two', { ...event, data: plain, data_base64: base64(plain) }, 'data', /either/],
    ['is an event of bad base64', { ...event, data_base64: '%%' }, 'data_base64'],
    ['is an event of bad JSON', { ...event, data_base64: 'AAAA' }, 'data_base64', /not JSON/],
    [
      'is an event of bad UTF-8',
      { ...event, data_base64: Buffer.from('"\xff"', 'latin1').toString('base64') },
      'data_base64',
      /UTF-8/,
    ],
    [
      'is an event of a deep text',
      { ...event, data_base64: base64({ a: JSON.parse(`${'['.repeat(99)}${']'.repeat(99)}`) }) },
      'data_base64.a',
      /nested deeper/,
    ],
    ['is an event of an invalid order', { ...event, data: { ...plain, orderId: [] } }, 'data.orderId'],
    ['is an event of a text that is not JSON', { ...event, data: 'PO-4711' }, 'data', /not JSON/],
  ];
  for (const [what, body, path, message = /./] of refused) {
    it(`is refused when it ${what}`, () => {
      assert.throws(
        () => parseOrder(body),
        (error) => {
          assert.ok(error instanceof FleetError);
          assert.equal(error.code, 'order-invalid');
          const fault = error.details.faults?.find((one) => one.path.startsWith(path));
          assert.match(fault?.message ?? `none at ${path}: ${error.message}`, message);
          assert.ok(fault, error.message);
          return true;
        },
      );
    });
  }

  it('is refused with all of its faults, in few words', () => {
    const body = {
      orderId: {},
      enrollmentGroup: 'X',
      range: { ...range, count: 0 },
      devices: Array(900).fill({ x: 1 }),
    };
    assert.throws(
      () => parseOrder(body),
      (error) =>
        error instanceof FleetError &&
        error.details.faults?.length === 20 &&
        error.message.length < 5000 &&
        /orderId.*enrollmentGroup/.test(error.message),
    );
  });

  it('throws order-invalid and nothing else, whatever it is', () =>
    fc.assert(
      fc.property(
        fc.jsonValue({ depthSize: 'large' }),
        fc.constantFrom('body', 'data', 'devices', 'tags', 'range'),
        (value, at) => {
          const body = { body: value, data: { ...event, data: value } };
          const order = {
            devices: { ...named, devices: value },
            tags: { ...plain, tags: value },
            range: { ...plain, range: value },
          };
          try {
            parseOrder({ ...body, ...order }[at]);
          } catch (error) {
            assert.ok(error instanceof FleetError, String(error));
            assert.equal(error.code, 'order-invalid');
          }
        },
      ),
      { numRuns: 500 },
    ));
});

describe('members that an order does not have', () => {
  const unknown = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`own${index}`, 1]));
  const faultsOf = (order: unknown): number => {
    try {
      parseOrder(order);
    } catch (error) {
      return Number(/ has (\d+) faults?/.exec((error as FleetError).message)?.[1]);
    }
    return assert.fail('accepted');
  };

  it('are faults, 20 at most', () => {
    assert.equal(faultsOf({ ...plain, ...unknown(3) }), 3);
    assert.equal(faultsOf({ ...plain, ...unknown(500) }), 20);
  });

  it('are told apart from a member under another spelling, among the first 20', () => {
    const { range: _range, ...rest } = plain;
    const misspelt = (before: number) => faultsOf({ ...unknown(before), Range: range, ...rest });
    assert.equal(misspelt(0), 1);
    assert.equal(misspelt(19), 20, 'the 20th member is compared');
    assert.equal(misspelt(20), 21, 'the 21st member is not, so the range is missing besides');
  });
});
