import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { readCertificate } from '../../../lib/pki/certificate.ts';
import type { EnrollmentKind } from '../../../lib/pki/est-request.ts';
import { isDeviceKey, subjectKeyOf } from '../../../lib/pki/keys.ts';
import { keyUsageBits, profiles } from '../../../lib/pki/profiles.ts';
import { issueRenewal, validityOf } from '../../../lib/pki/renewal-issuer.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { isIssuedBy } from '../../../lib/pki/x509.ts';
import { someTime } from '../../factories.ts';
import { someAuthority, someSigner } from './some-authority.ts';

const day = 24 * 60 * 60 * 1000;
const authority = await someAuthority({ pathLength: 1 });
const issuerCertificate = new X509Certificate(authority.certificatePem);

function deviceKey(publicKey: Parameters<typeof subjectKeyOf>[0]) {
  const key = subjectKeyOf(publicKey);
  assert.ok(key !== undefined && isDeviceKey(key));
  return key;
}

const keys = [
  deviceKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
  deviceKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
];

const request = (kind: EnrollmentKind, key = keys[0] ?? assert.fail(), days = 365) => ({
  ...{ kind, key, deviceId: 'gw-1', serialNumber: newSerialNumber(), reservedAt: someTime },
  ...validityOf(someTime, days, kind, authority),
});

describe('a certificate that was asked for by EST', () => {
  for (const [kind, profile, commonName] of [
    ['identity', profiles['device-identity'], 'gw-1'],
    ['est-id', profiles['est-id'], 'gw-1'],
    ['edge-ca', profiles['edge-ca'], 'gw-1 edge CA'],
  ] as const) {
    it(`is of its profile if it is for "${kind}", with either kind of key`, async () => {
      for (const key of keys) {
        const wanted = request(kind, key);
        const issued = await issueRenewal(wanted, authority);
        const certificate = new X509Certificate(issued.certificatePem);
        const parts = readCertificate(certificate.raw);
        assert.ok(isIssuedBy(certificate, issuerCertificate));
        assert.equal(parts.commonName?.toString(), commonName);
        assert.deepEqual(parts.publicKeyInfo, key.info);
        assert.equal(parts.serialNumber.toString('hex'), wanted.serialNumber);
        assert.deepEqual(parts.basicConstraints, { ca: profile.ca, pathLength: profile.ca ? 0 : undefined });
        assert.equal(parts.keyUsage, keyUsageBits(profile));
        assert.equal(issued.serialNumber, wanted.serialNumber);
        assert.equal(issued.sha256Thumbprint, hash('sha256', certificate.raw, 'hex').toUpperCase());
        assert.deepEqual([issued.notBefore, issued.notAfter], [certificate.validFromDate, certificate.validToDate]);
      }
    });
  }

  it('can be signed again later as it was reserved', async () => {
    // ECDSA takes a random number, so only the signature differs.
    const wanted = request('identity');
    const [first, second] = await Promise.all([issueRenewal(wanted, authority), issueRenewal(wanted, authority)]);
    const parts = [first, second].map(({ certificatePem }) => readCertificate(new X509Certificate(certificatePem).raw));
    assert.deepEqual(parts[0], parts[1]);
  });

  it('lives as long as the group says, and within the life of its issuer', () => {
    const { notBefore, notAfter } = validityOf(someTime, 30, 'identity', authority);
    assert.equal(notAfter.getTime(), someTime.getTime() + 30 * day);
    assert.equal(notBefore.getTime(), issuerCertificate.validFromDate.getTime());
    assert.deepEqual(validityOf(someTime, 3650, 'identity', authority).notAfter, issuerCertificate.validToDate);
  });

  it('is refused with the key of the issuing CA', async () => {
    const key = deviceKey(someSigner('ec-p256', 1).publicKey);
    await assert.rejects(issueRenewal(request('est-id', key), authority), {
      code: 'csr-invalid',
      message: /issuing CA/,
    });
  });

  it('is refused for an Edge CA where the issuing CA has no room for a CA below it', async () => {
    const short = await someAuthority({ pathLength: 0 });
    await assert.rejects(issueRenewal(request('edge-ca'), short), {
      code: 'certificate-rule',
      message: /^path-length/,
    });
  });

  it('is refused once it would have ended', async () => {
    const wanted = { ...request('identity'), reservedAt: new Date(someTime.getTime() + 366 * day) };
    await assert.rejects(issueRenewal(wanted, authority), { code: 'certificate-rule' });
  });
});
