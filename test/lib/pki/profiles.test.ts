import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ProfileConfig, profileConfigs, validateProfile } from '../../../lib/pki/profiles.ts';

const leaf = profileConfigs['device-identity'];
const ca = profileConfigs['issuing-ca'];

describe('a certificate profile', () => {
  it('gives keyEncipherment to RSA keys only', () => {
    const { keyUsage } = validateProfile('leaf', leaf);
    assert.equal(keyUsage('ec-p256'), 1);
    assert.equal(keyUsage('rsa-2048'), 1 | 4);
  });

  const faulty: [string, Partial<ProfileConfig>, ProfileConfig, RegExp][] = [
    ['no key', { keyTypes: [] }, leaf, /allows no key/],
    ['an end entity that signs certificates', { keyUsage: ['keyCertSign'] }, leaf, /only a CA signs/],
    ['an end entity with RSA that signs lists', { keyUsageRsa: ['cRLSign'] }, leaf, /only a CA signs/],
    ['an end entity with a path length', { pathLengths: [0] }, leaf, /path lengths belong to CAs/],
    ['an EC key that enciphers', { keyUsage: ['keyEncipherment'] }, leaf, /cannot encipher/],
    ['no day', { maxValidityDays: 0 }, leaf, /at least a day/],
    ['backdating by a day', { backdateHours: 24 }, leaf, /under 24 hours/],
    ['postdating', { backdateHours: -1 }, leaf, /under 24 hours/],
    ['a CA that does not sign certificates', { keyUsage: ['cRLSign'] }, ca, /needs keyCertSign/],
    ['a CA without a word on path lengths', { pathLengths: [] }, ca, /path lengths belong to CAs/],
    ['a CA with half a path', { pathLengths: [0.5] }, ca, /whole number/],
    ['a CA with a negative path', { pathLengths: [-1] }, ca, /whole number/],
  ];
  for (const [name, change, base, message] of faulty) {
    it(`is refused with ${name}`, () => {
      assert.throws(() => validateProfile('faulty', { ...base, ...change }), { code: 'certificate-rule', message });
    });
  }

  it('is refused with all its faults at once', () => {
    const change = { keyTypes: [], maxValidityDays: 0, backdateHours: 25 };
    assert.throws(() => validateProfile('faulty', { ...leaf, ...change }), { message: /no key.*a day.*24 hours/ });
  });
});
