import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DerError } from '../../../lib/pki/der.ts';
import { readTime, timeEncodingByTag, timeEncodingOf, writeTime } from '../../../lib/pki/time.ts';
import fc from '../../fast-check.ts';

const written = (date: Date, octets: number): string => {
  const content = Buffer.alloc(octets);
  writeTime(content, date);
  return content.toString('latin1');
};

describe('times of certificates', () => {
  it('are written as RFC 5280 says', () => {
    const before = new Date('2049-12-31T23:59:59Z');
    const after = new Date('2050-01-01T00:00:00Z');
    assert.equal(timeEncodingOf(before), 'UTCTime');
    assert.equal(timeEncodingOf(after), 'GeneralizedTime');
    assert.equal(written(before, 13), '491231235959Z');
    assert.equal(written(after, 15), '20500101000000Z');
  });

  it('are read as they were written, to the second', () => {
    const seconds = fc.integer({ min: 0, max: Date.UTC(2199, 11, 31) / 1000 });
    fc.assert(
      fc.property(seconds, (second) => {
        const date = new Date(second * 1000);
        const encoding = timeEncodingOf(date);
        const content = Buffer.alloc(encoding === 'UTCTime' ? 13 : 15);
        writeTime(content, date);
        assert.deepEqual(readTime(content, encoding), date);
      }),
    );
  });

  it('of two digits are of 1950 to 2049, and those of four digits of any year but the first', () => {
    const read = (text: string) => readTime(Buffer.from(text), 'UTCTime').toISOString();
    assert.equal(read('491231235959Z'), '2049-12-31T23:59:59.000Z');
    assert.equal(read('500101000000Z'), '1950-01-01T00:00:00.000Z');
    assert.equal(readTime(Buffer.from('19991231235959Z'), 'GeneralizedTime').getUTCFullYear(), 1999);
    assert.throws(() => readTime(Buffer.from('00500101000000Z'), 'GeneralizedTime'), DerError);
    assert.throws(() => readTime(Buffer.from('261124000000Z'), 'GeneralizedTime'), DerError);
  });

  it('have the tags of X.690', () => {
    assert.deepEqual([0x17, 0x18, 0x16, undefined].map(timeEncodingByTag), [
      'UTCTime',
      'GeneralizedTime',
      undefined,
      undefined,
    ]);
  });

  for (const text of ['260230000000Z', '261301000000Z', '261124240000Z', '261124006000Z', '261124000060Z']) {
    it(`are refused when there is no such time: ${text}`, () => {
      assert.throws(() => readTime(Buffer.from(text), 'UTCTime'), DerError);
    });
  }

  for (const text of [
    '2611240000Z',
    '261124000000+',
    '26112400000aZ',
    '20261124000000Z',
    '2/1124000000Z',
    '26:124000000Z',
  ]) {
    it(`are refused in another form: ${text}`, () => {
      assert.throws(() => readTime(Buffer.from(text), 'UTCTime'), DerError);
    });
  }
});
