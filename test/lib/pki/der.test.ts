import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bitStringOctets,
  DerError,
  derElement,
  derHeader,
  readConstructed,
  readElement,
  readElements,
} from '../../../lib/pki/der.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
const refused = (message: string) => (error: unknown) => {
  assert.ok(error instanceof DerError);
  assert.equal(error.message, message);
  return true;
};

describe('an element of DER', () => {
  it('is read where it begins, with its header and content', () => {
    const bytes = hex('ffff0403a1a2a30500');
    const { tag, whole, content } = readElement(bytes, 2);
    assert.deepEqual([tag, whole, content], [4, hex('0403a1a2a3'), hex('a1a2a3')]);
    assert.deepEqual(
      readElements(bytes.subarray(2)).map((element) => element.tag),
      [4, 5],
    );
    assert.deepEqual(readElements(Buffer.alloc(0)), []);
  });

  it('is read with each length that it can have, as it was written', () => {
    for (const length of [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff]) {
      const content = Buffer.alloc(length, 7);
      const element = derElement(0x30, content.subarray(0, length >> 1), content.subarray(length >> 1));
      assert.deepEqual(readElement(element).content, content, `${length} octets`);
      assert.deepEqual(derHeader(0x30, length), element.subarray(0, element.length - length));
    }
    for (const [length, header] of [
      [0x10000, '3083010000'],
      [0x123456, '3083123456'],
    ] as const)
      assert.deepEqual(derHeader(0x30, length), hex(header));
  });

  for (const [bytes, message] of [
    ['', 'ends at octet 0, inside a header'],
    ['30', 'ends at octet 1, inside a header'],
    ['3081', 'ends at octet 2, inside a header'],
    ['308201', 'ends at octet 3, inside a header'],
    ['1f00', 'has a long-form tag at octet 0'],
    ['3f00', 'has a long-form tag at octet 0'],
    ['3080', 'has an unusable length at octet 0'],
    ['3083000100', 'has an unusable length at octet 0'],
    ['30817f', 'has a padded length at octet 0'],
    ['308200ff', 'has a padded length at octet 0'],
    ['3001', 'ends at octet 2; expected 3'],
    ['308180', 'ends at octet 3; expected 131'],
  ] as const)
    it(`is refused: ${bytes || 'nothing'}`, () => assert.throws(() => readElement(hex(bytes)), refused(message)));

  it('is refused with the octet at which it is wrong', () => {
    assert.throws(() => readElements(hex('05001f00')), refused('has a long-form tag at octet 2'));
    assert.throws(() => readElements(hex('05003080')), refused('has an unusable length at octet 2'));
    assert.throws(() => readElements(hex('050030817f')), refused('has a padded length at octet 2'));
  });
});

describe('a constructed element', () => {
  it('is read with its elements, if its tag is the expected one and nothing follows', () => {
    assert.deepEqual(
      readConstructed(hex('300405000500'), 0x30).map(({ tag }) => tag),
      [5, 5],
    );
    assert.throws(() => readConstructed(hex('310405000500'), 0x30), refused('has tag 0x31; expected 0x30'));
    assert.throws(() => readConstructed(hex('0200'), 0x30), refused('has tag 0x02; expected 0x30'));
    assert.throws(() => readConstructed(hex('300205000500'), 0x30), refused('is followed by other octets'));
  });
});

describe('a bit string', () => {
  it('has whole octets', () => {
    assert.deepEqual(bitStringOctets(readElement(hex('030300a1a2'))), hex('a1a2'));
    assert.throws(
      () => bitStringOctets(readElement(hex('0302a100'))),
      refused('has a BIT STRING that does not end at an octet'),
    );
    assert.throws(
      () => bitStringOctets(readElement(hex('0300'))),
      refused('has a BIT STRING that does not end at an octet'),
    );
    assert.throws(() => bitStringOctets(readElement(hex('040200a1'))), refused('lacks a BIT STRING'));
    assert.throws(() => bitStringOctets(undefined), refused('lacks a BIT STRING'));
  });
});
