import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodedJson, NotJson, NotText, textOf } from '../../../lib/jobs/message-text.ts';
import { decodedBody } from '../../../lib/jobs/messages.ts';
import { jsonPlace } from '../../../lib/manifest/json-text.ts';
import fc from '../../fast-check.ts';

const value = { orderId: 'PO-4711', note: 'Größe 📦', n: 1 };
const json = JSON.stringify(value);
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

describe('the text of a message', () => {
  const accepted: [what: string, text: string][] = [
    ['JSON', json],
    ['a byte order mark and JSON', `\ufeff\ufeff${json}`],
    ['JSON with CRLF', JSON.stringify(value, undefined, 2).replaceAll('\n', '\r\n')],
    ['base64', base64(json)],
    ['base64 of a byte order mark and JSON', base64(`\ufeff${json}`)],
    ['base64 of UTF-16', base64(utf16(json))],
    ['base64 of UTF-16 with a byte order mark', base64(utf16(`\ufeff${json}`))],
    ['base64 of big-endian UTF-16', base64(utf16(`\ufeff${json}`).swap16())],
    ['base64 of big-endian UTF-16 without a byte order mark', base64(utf16(json).swap16())],
    ['base64url', Buffer.from(json).toString('base64url')],
    ['base64 in lines', base64(json).replace(/.{20}/g, '$&\r\n')],
    ['base64 twice', base64(base64(json))],
    ['a text of JSON', JSON.stringify(json)],
    ['base64 of a text of JSON', base64(JSON.stringify(json))],
    ['a text of base64', JSON.stringify(base64(json))],
  ];
  for (const [what, text] of accepted) {
    it(`can be ${what}`, () => assert.deepEqual(decodedJson(text), value));
  }

  const deep = '['.repeat(30_000);
  const refused: [what: string, text: string, message: RegExp][] = [
    ['empty', '', /neither JSON nor base64/],
    ['of blanks', ' \r\n', /neither JSON nor base64/],
    ['a word', 'hello', /neither JSON nor base64/],
    ['XML', '<?xml version="1.0"?><order/>', /neither JSON nor base64 of JSON\. It looks like XML/],
    ['base64 of bytes that are no text', base64(Buffer.from([0xff, 0xfe, 0x00])), /neither JSON nor base64/],
    [
      'base64 of Latin-1',
      base64(Buffer.from('{"customer": "açme"}', 'latin1')),
      /^is base64 of text that is not UTF-8: the byte at offset 15 is 0xe7\. Send it as UTF-8\.$/,
    ],
    [
      'base64 of a byte order mark and Latin-1',
      base64(Buffer.concat([Buffer.from('\ufeff{"a":"'), Buffer.from([0xe7]), Buffer.from('"}')])),
      /not UTF-8: the byte at offset 9 is 0xe7/,
    ],
    [
      'base64 of UTF-16 with half of a pair',
      base64(utf16('\ufeff{"a":"\ud83d"}')),
      /not UTF-16: the byte at offset 14 is 0x3d/,
    ],
    ['base64 of UTF-16 that is cut', base64(utf16(json).subarray(0, -1)), /not UTF-16: the byte at offset \d+ is 0x/],
    ['JSON with an error', '{"a":1,\r\n  "b": tru}', /not JSON at line 2, column 11/],
    ['JSON with an error in its third line', '\n\n{"a":}', /not JSON at line 3, column 6/],
    ['JSON with a comma too many', '{"a":[1,2,],\n"b":1}', /line 1, column 11\. A comma/],
    ['JSON that ends early', '{"a":1', /line 1, column 7\. It ends before/],
    ['base64 of JSON with an error', base64('{"a":1,\n}'), /not JSON at line 2, column 1/],
    ['two values', '{"a":1}\n{"a":2}', /not JSON at line 2, column 1/],
    ['JSON in curly quotes', '{“a”:1}', /column 2\. It has curly quotes/],
    ['deep and cut', deep, /not JSON at line 1, column 30001/],
    ['encoded five times', base64(base64(base64(base64(base64(json))))), /more than 4 times/],
    ['a text in a text', JSON.stringify(JSON.stringify('PO-4711')), /neither JSON nor base64/],
  ];
  for (const [what, text, message] of refused) {
    it(`is refused when it is ${what}`, () =>
      assert.throws(
        () => decodedJson(text),
        (error) => error instanceof NotJson && message.test(error.message),
      ));
  }

  it('names the place to the sender', () => {
    assert.throws(() => decodedBody('{"a":1,\n}'), {
      code: 'message-invalid',
      message: /^The message is not JSON at line 2, column 1\. .*Send one JSON object\.$/,
    });
  });

  it('of 64 KiB is decoded or refused in a moment, whatever it is', () => {
    const hostile = [
      '{"a":'.repeat(13_000),
      'A'.repeat(65_536),
      `"${'\\'.repeat(65_000)}"`,
      `[${'1,'.repeat(32_000)}]`,
    ];
    const begun = performance.now();
    for (const text of hostile) assert.throws(() => decodedJson(text), NotJson);
    assert.ok(performance.now() - begun < 2000);
  });
});

describe('the text in bytes', () => {
  const encoders: Record<string, (text: string) => Buffer> = {
    'UTF-8': (text) => Buffer.from(text),
    'UTF-16': (text) => utf16(text),
    'big-endian UTF-16': (text) => utf16(text).swap16(),
  };
  for (const [name, encode] of Object.entries(encoders)) {
    it(`is what was written in ${name} behind a byte order mark, and never something else`, () =>
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          assert.equal(textOf(encode(`\ufeff${text}`)), text);
        }),
      ));
  }

  it('is decoded as it is, or refused with the offset of the first wrong byte', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 8 }), (text, more) => {
        const bytes = Buffer.concat([Buffer.from(`{"${text}`), more]);
        try {
          assert.deepEqual(Buffer.from(textOf(bytes)), bytes);
        } catch (error) {
          assert.ok(error instanceof NotText, String(error));
          const offset = Number(/offset (\d+)/.exec(error.message)?.[1]);
          assert.ok(offset >= bytes.length - more.length, error.message);
          assert.ok(error.message.includes(`0x${bytes.toString('hex', offset, offset + 1)}`));
        }
      }),
    ));
});

it('a member that stands twice is refused in every layer, since JSON.parse drops one of the two', () => {
  const text = '{"devices":[{"deviceId":"gw-1","tags":{"a":1,"\\u0061":2}}]}';
  const message = 'has the member "a" twice. Remove one of the two.';
  for (const each of [text, JSON.stringify(text), Buffer.from(text).toString('base64')])
    assert.throws(() => decodedJson(each), { message });
  assert.deepEqual(decodedJson('[{"a":1},{"a":{"a":2}}]'), [{ a: 1 }, { a: { a: 2 } }]);
});

describe('the place where a text stops being JSON', () => {
  it('is the character that was put there', () =>
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.constantFrom('\u0001', '§'), (anything, seed, wrong) => {
        const text = JSON.stringify([anything], undefined, 1);
        // Inside a text the section sign is allowed, so a control character is used there.
        const at = 1 + (seed % (text.length - 1));
        const broken = text.slice(0, at) + wrong + text.slice(at);
        try {
          JSON.parse(broken);
        } catch {
          const { line, column } = jsonPlace(broken);
          const before = broken.slice(0, at).split('\n');
          assert.deepEqual([line, column], [before.length, (before.at(-1)?.length ?? 0) + 1]);
        }
      }),
    ));
});
