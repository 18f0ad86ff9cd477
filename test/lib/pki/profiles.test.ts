import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extendedKeyUsageIds, keyUsageBits, profiles } from '../../../lib/pki/profiles.ts';

describe('the device identity', () => {
  it('has a key for signatures only, whatever its type: clients of TLS encipher nothing (RFC 5280 4.2.1.12)', () => {
    assert.equal(keyUsageBits(profiles['device-identity']), 1);
  });

  it('alone can have a subject alternative name', () => {
    const named = Object.values(profiles).filter(({ alternativeName }) => alternativeName);
    assert.deepEqual(named, [profiles['device-identity']]);
  });

  it('is for TLS clients (RFC 5280 4.2.1.12)', () => {
    assert.deepEqual(extendedKeyUsageIds(profiles['device-identity']), ['1.3.6.1.5.5.7.3.2']);
  });
});

for (const [name, profile] of Object.entries(profiles)) {
  describe(`the certificate profile ${name}`, () => {
    const { ca, keyTypes, keyUsage, pathLengths } = profile;

    it('has the name that it is found by', () => {
      assert.equal(profile.name, name);
    });

    it('allows a key', () => {
      assert.ok(keyTypes.length > 0);
    });

    it('signs certificates if it is a CA, and signs neither certificates nor lists otherwise', () => {
      if (ca) assert.ok(keyUsage.includes('keyCertSign'));
      else for (const usage of ['keyCertSign', 'cRLSign'] as const) assert.ok(!keyUsage.includes(usage));
    });

    it('has path lengths if it is a CA, and none otherwise', () => {
      assert.equal(pathLengths.length > 0, ca);
      for (const length of pathLengths) assert.ok(length === undefined || (Number.isInteger(length) && length >= 0));
    });

    it('lasts at least a day, in whole days', () => {
      assert.ok(Number.isInteger(profile.maxValidityDays) && profile.maxValidityDays >= 1);
    });

    it('is backdated by less than a day, and not postdated', () => {
      assert.ok(profile.backdateHours >= 0 && profile.backdateHours < 24);
    });

    it('matches the whole common name', () => {
      assert.ok(profile.commonName.source.startsWith('^') && profile.commonName.source.endsWith('$'));
      assert.ok(!profile.commonName.multiline && !profile.commonName.global);
    });
  });
}
