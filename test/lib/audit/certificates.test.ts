import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { certificateSha256, certificatesDigest, indexDigest } from '../../../lib/audit/certificates.ts';
import { someRoot } from '../pki/some-authority.ts';

describe('the digest of the certificates of an archive', () => {
  const certificates = [
    { deviceId: 'gw-2', serialNumber: '0B', sha256Thumbprint: 'CD' },
    { deviceId: 'GW-1', serialNumber: '0a', sha256Thumbprint: 'ab' },
  ];

  it('is that of its sorted lines, in lower case', () => {
    assert.equal(certificatesDigest(certificates), hash('sha256', 'gw-1 0a ab\ngw-2 0b cd\n'));
  });

  it('does not depend on their order', () => {
    assert.equal(certificatesDigest(certificates.toReversed()), certificatesDigest(certificates));
    assert.notEqual(certificatesDigest(certificates.slice(1)), certificatesDigest(certificates));
  });
});

it('a certificate is named by the SHA-256 that other programs show', async () => {
  const { certificatePem: pem } = await someRoot();
  assert.equal(certificateSha256(pem), new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase());
});

it('the index of an archive is named by the SHA-256 of its JSON', () => {
  assert.equal(indexDigest([{ deviceId: 'gw-1' }]), hash('sha256', '[{"deviceId":"gw-1"}]'));
});
