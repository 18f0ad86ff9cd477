import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateNameIn } from '../../../lib/devices/certificate.ts';

const serial = '5f0c6f0e8f1f4d6b9f5a1c2e3d4b5a69';
const withColons = serial.toUpperCase().replaceAll(/..(?=.)/g, '$&:');

describe('the name of a certificate', () => {
  for (const text of [
    serial,
    serial.toUpperCase(),
    withColons,
    `00:${withColons}`,
    `0x${serial}`,
    serial.replaceAll(/..(?=.)/g, '$& '),
    withColons.replaceAll(':', '-'),
    ` ${serial}\t`,
  ]) {
    it(`is read from ${JSON.stringify(text)}`, () => {
      assert.deepEqual(certificateNameIn(text), { kind: 'serialNumber', hex: serial });
    });
  }

  it('is a thumbprint by its length', () => {
    assert.deepEqual(certificateNameIn('AB'.repeat(20)), { kind: 'sha1Thumbprint', hex: 'ab'.repeat(20) });
    // U+200E, as the certificate dialog of Windows copies it.
    assert.deepEqual(certificateNameIn(`\u200e${'ab'.repeat(20)}`)?.kind, 'sha1Thumbprint');
    assert.deepEqual(certificateNameIn(`${'Cd:'.repeat(31)}cd`), { kind: 'sha256Thumbprint', hex: 'cd'.repeat(32) });
  });

  it('is read from 256 characters, and from no more', () => {
    assert.equal(certificateNameIn(serial.padEnd(256, ' '))?.hex, serial);
    assert.equal(certificateNameIn(serial.padEnd(257, ' ')), undefined);
  });

  for (const text of [
    '',
    ':',
    '0x',
    serial.slice(1),
    `${serial}0`,
    `g${serial.slice(1)}`,
    'x'.repeat(10_240),
    "' OR 1=1 --",
  ]) {
    it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(certificateNameIn(text), undefined);
    });
  }
});
