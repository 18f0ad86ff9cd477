import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { companionSerialNumber, newSerialNumber } from '../../../lib/pki/serial.ts';

describe('a serial number', () => {
  it('is positive and 16 octets long for any random octets', () => {
    for (const octet of [0x00, 0x3f, 0x7f, 0x80, 0xff]) {
      assert.match(
        newSerialNumber((length) => Buffer.alloc(length, octet)),
        /^[4-7][0-9a-f]{31}$/,
      );
    }
  });

  it('is different each time', () => {
    assert.equal(new Set(Array.from({ length: 1000 }, () => newSerialNumber())).size, 1000);
  });

  it('determines the serial number of its companion', () => {
    const serial = newSerialNumber();
    const companion = companionSerialNumber(serial, 'edge-ca');
    assert.match(companion, /^[4-7][0-9a-f]{31}$/);
    assert.equal(companionSerialNumber(serial.toUpperCase(), 'edge-ca'), companion);
    assert.notEqual(companion, serial);
    assert.notEqual(companionSerialNumber(serial, 'other'), companion);
    assert.notEqual(companionSerialNumber(newSerialNumber(), 'edge-ca'), companion);
  });
});
