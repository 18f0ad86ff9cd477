import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateNameIn, formerCertificateNames } from '../../../lib/devices/device.ts';
import { someDevice } from '../../factories.ts';

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

describe('the certificates that a device had', () => {
  it('are named by serial number and thumbprints, for the latest ten', () => {
    let record = someDevice();
    for (let index = 1; index <= 12; index++) {
      const identity = {
        ...{ sha1Thumbprint: `A${index}`, sha256Thumbprint: `B${index}` },
        ...{ notBefore: '2026-11-23T08:00:00.000Z', notAfter: '2027-11-23T08:00:00.000Z' },
      };
      const predecessor = { ...record, serialNumber: `S${index}`, identity };
      record = someDevice({ formerCertificateNames: formerCertificateNames(predecessor) });
    }
    assert.equal(record.formerCertificateNames?.length, 30);
    assert.deepEqual(record.formerCertificateNames?.slice(0, 3), ['s3', 'a3', 'b3']);
    assert.deepEqual(record.formerCertificateNames?.slice(-3), ['s12', 'a12', 'b12']);
  });

  it('are named by the serial number alone where none was issued', () => {
    assert.deepEqual(formerCertificateNames(someDevice({ serialNumber: 'AB' })), ['ab']);
  });
});
