import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodedBody } from '../../../lib/jobs/messages.ts';
import { type Order, orderDigest, ordersIn, parseOrder } from '../../../lib/orders/order.ts';

/*
 * Messages as ERPs, client libraries and middleware send them.
 */

const vectors = new URL('../../vectors/orders/', import.meta.url);

/** As the Functions library hands it to the app: parsed if it is JSON. */
function messageIn(name: string): unknown {
  const text = readFileSync(new URL(name, vectors), 'utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const ordersOf = (name: string): Order[] => ordersIn(decodedBody(messageIn(name))).map(parseOrder);

describe('a message of the field', () => {
  const accepted: [name: string, ...orderIds: string[]][] = [
    ['plain.json', 'O24'],
    ['bom.json', 'O01'],
    ['crlf.json', 'O38'],
    ['base64-of-utf-16.txt', 'O03'],
    ['base64-twice.txt', 'O04'],
    ['base64url.txt', 'O36'],
    ['base64-in-lines.txt', 'O05N'],
    ['json-in-a-text.json', 'O06'],
    ['digits-as-text.json', 'O07'],
    ['whole-decimals.json', 'O09'],
    ['list.json', 'O12', 'O12B'],
    ['cloudevents-batch.json', 'O13', 'O13B'],
    ['cloudevent-charset.json', 'O15'],
    ['cloudevent-base64-bom.json', 'O17'],
    ['cloudevent-text-json.json', 'O18'],
    ['second-plant.json', 'PO-900'],
    ['overlapping-range.json', 'O32'],
    // The row of the second device is refused later, by its line.
    ['device-twice.json', 'O31'],
    // The group is looked up later.
    ['unknown-group.json', 'O26'],
  ];
  for (const [name, ...orderIds] of accepted) {
    it(`is read: ${name}`, () =>
      assert.deepEqual(
        ordersOf(name).map(({ orderId }) => orderId),
        orderIds,
      ));
  }

  it('has numbers where it has digits as text', () => {
    const [order] = ordersOf('digits-as-text.json');
    assert.ok(order !== undefined && 'range' in order);
    assert.deepEqual(order.range, { prefix: 'o07-', start: 1, count: 2, width: 6 });
  });

  const refused: [name: string, message: RegExp][] = [
    ['leading-zeros-as-text.json', /^The order has 1 fault: range\.start: has leading zeros \(write 1; "width" is/],
    ['padded-id.json', /1 fault: orderId: has white space around it/],
    ['cloudevent-0.3.json', /1 fault: specversion: .*"1\.0"/],
    ['event-grid-schema.json', /1 fault: .*Event Grid schema\. Send what is in "data", or .*CloudEvents 1\.0/],
    ['odata.json', /1 fault: .*OData.*Send what is in "d\.results"/],
    ['own-keys.json', /3 faults: .*"createdBy" \(your own keys belong in "reference"\)/],
    [
      'pascal-case.json',
      /3 faults: .*"OrderId" \(did you mean orderId\?\).*"EnrollmentGroup" \(did you mean enrollmentGroup\?\).*"Devices" \(did you mean devices\?\)/,
    ],
    ['no-devices.json', /1 fault: devices: Too small/],
    ['order.xml', /neither JSON nor base64 of JSON\. It looks like XML/],
    ['upper-case-prefix.json', /"SN-O30-0001".*; write "sn-o30-"\)/],
    ['one-device-as-object.json', /1 fault: devices: .*expected array/],
  ];
  for (const [name, message] of refused) {
    it(`is refused by the name of its fault: ${name}`, () => assert.throws(() => ordersOf(name), { message }));
  }
});

describe('an order', () => {
  const range = { prefix: 'gw-', start: 1, count: 3, width: 6 };
  const plain = { orderId: 'PO-4711', enrollmentGroup: 'line7', range };
  const event = { specversion: '1.0', id: '1', source: '/erp', type: 'order' };
  const same: [what: string, body: unknown][] = [
    [
      'null for each absent member',
      { ...plain, onConflict: null, tags: null, desired: null, devices: null, reference: null },
    ],
    ['a policy in another case', { ...plain, onConflict: 'Reject' }],
    ['digits with blanks', { ...plain, range: { ...range, count: ' 3 ' } }],
    ['an event whose data is a text of JSON', { ...event, data_base64: null, data: JSON.stringify(plain) }],
    [
      'an event whose data is base64 of UTF-16',
      { ...event, data_base64: Buffer.from(JSON.stringify(plain), 'utf16le').toString('base64') },
    ],
    [
      'an event whose data is null beside base64',
      { ...event, data: null, data_base64: Buffer.from(JSON.stringify(plain)).toString('base64') },
    ],
    ['an event of text/json', { ...event, datacontenttype: 'text/json; charset=utf-8', data: plain }],
  ];
  for (const [what, body] of same) {
    it(`is the same with ${what}`, () => assert.equal(orderDigest(parseOrder(body)), orderDigest(parseOrder(plain))));
  }

  it('may have a number for an id', () => assert.equal(parseOrder({ ...plain, orderId: 4711 }).orderId, '4711'));

  it('keeps the keys of its sender', () => {
    const reference = { company: 'C1', plant: 1000, lines: [{ item: 'X', unit: null }] };
    assert.deepEqual(parseOrder({ ...plain, reference }).reference, reference);
  });

  const wrong: [what: string, change: object, message: RegExp][] = [
    ['a reference that is a text', { reference: 'W10' }, /reference: expected a JSON object/],
    [
      'a long reference',
      { reference: { a: 'x'.repeat(2048) } },
      /reference: 2056 bytes of JSON \(expected at most 2048\)/,
    ],
    [
      'words for a count',
      { range: { ...range, count: 'three' } },
      /range\.count: expected a whole number, not "three"/,
    ],
    ['a decimal as text', { range: { ...range, count: '2.000' } }, /range\.count: expected a whole number/],
    ['null for a count', { range: { ...range, count: null } }, /range\.count: is missing/],
    ['a group in upper case', { enrollmentGroup: 'Line 7' }, /enrollmentGroup: expected .*; write "line7"$/],
    ['another word for devices', { range: undefined, device: [] }, /"device" \(did you mean devices\?\)$/],
  ];
  for (const [what, change, message] of wrong) {
    it(`is refused when it has ${what}`, () => assert.throws(() => parseOrder({ ...plain, ...change }), { message }));
  }
});

it('an event whose text of JSON has a member twice is refused, with the name of the member', () => {
  const event = { specversion: '1.0', id: '1', source: '/erp', type: 'order' };
  const data = '{"orderId":"PO-1","enrollmentGroup":"line7","orderId":"PO-2","devices":[{"deviceId":"gw-1"}]}';
  const message = /data: has the member "orderId" twice\. Remove one of the two/;
  assert.throws(() => parseOrder({ ...event, data }), { code: 'order-invalid', message });
  const data_base64 = Buffer.from(data).toString('base64');
  assert.throws(() => parseOrder({ ...event, data_base64 }), { code: 'order-invalid', message: /"orderId" twice/ });
});

it('an order inside something else is named with its place', () => {
  const message = /a wrapper around an order\. Send what is in "message\.orders"/;
  assert.throws(() => parseOrder({ message: { orders: [{ OrderId: 'PO-1' }] } }), { code: 'order-invalid', message });
});

describe('a batch', () => {
  const order = { orderId: 'PO-1', enrollmentGroup: 'line7', devices: [{ deviceId: 'a' }] };

  it('in the data of an event becomes one event per order', () => {
    const event = { specversion: '1.0', id: '1', source: '/erp', type: 'order', extra: 'x', data: [order, order] };
    const { extra: _, data: _data, ...attributes } = event;
    assert.deepEqual(ordersIn(event), [
      { ...attributes, data: order },
      { ...attributes, data: order },
    ]);
  });

  for (const count of [0, 1001, 10_000]) {
    it(`of ${count} is refused as a whole`, () =>
      assert.throws(() => ordersIn(Array(count).fill({})), { code: 'order-invalid', message: /a list of \d+ orders/ }));
  }

  it('that is deep or large is refused before it is walked', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(9000)}${']'.repeat(9000)}`);
    assert.throws(() => ordersIn(deep), { code: 'order-invalid', message: /nested deeper/ });
    assert.throws(() => ordersIn(Array(900).fill({ a: 'x'.repeat(100) })), { message: /expected at most 65536/ });
  });

  it('of many unknown members is refused in a moment', () => {
    const members = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`m${index}`, 1]));
    const begun = performance.now();
    assert.throws(() => parseOrder({ ...members }), { code: 'order-invalid' });
    assert.ok(performance.now() - begun < 1000);
  });
});
