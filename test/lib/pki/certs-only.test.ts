import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { ContentInfo, id_signedData, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { certsOnly } from '../../../lib/pki/certs-only.ts';
import { someAuthority, someRoot } from './some-authority.ts';

const issuing = await someAuthority();
const [root = ''] = issuing.chainPem;
const chain = [issuing.certificatePem, root];
const derOf = (pem: string) => new X509Certificate(pem).raw;

/** Both orders: one of them is the order in which DER would sort the two. */
const orders = [chain, chain.toReversed()];

describe('certificates without a signer (PKCS#7)', () => {
  it('are encoded one behind the other in the order given', () => {
    for (const pems of orders) {
      const der = certsOnly(pems);
      const certificates = Buffer.concat(pems.map(derOf));
      const at = der.indexOf(certificates);
      assert.ok(at > 0);
      // Only the empty SET of signers follows.
      assert.equal(der.subarray(at + certificates.length).toString('hex'), '3100');
    }
  });

  it('are read by the library in that order, with no signer and no content', () => {
    for (const pems of orders) {
      const { contentType, content } = AsnConvert.parse(certsOnly(pems), ContentInfo);
      assert.equal(contentType, id_signedData);
      const signed = AsnConvert.parse(content, SignedData);
      const found = [...(signed.certificates ?? [])].map(({ certificate }) =>
        Buffer.from(AsnConvert.serialize(certificate)),
      );
      assert.deepEqual(found, pems.map(derOf));
      assert.equal(signed.version, 1);
      assert.equal(signed.signerInfos.length, 0);
      assert.equal(signed.encapContentInfo.eContent, undefined);
    }
  });

  it('are read by OpenSSL in that order', () => {
    for (const pems of orders) {
      const text = run('openssl', ['pkcs7', '-inform', 'DER', '-print_certs'], certsOnly(pems));
      assert.deepEqual(pemsIn(text).map(derOf), pems.map(derOf));
    }
  });

  it('are read by GnuTLS in that order', () => {
    for (const pems of orders) {
      const text = run('certtool', ['--p7-info', '--inder'], certsOnly(pems));
      assert.deepEqual(pemsIn(text).map(derOf), pems.map(derOf));
    }
  });

  it('may be a single one', async () => {
    const { certificatePem } = await someRoot();
    const text = run('openssl', ['pkcs7', '-inform', 'DER', '-print_certs'], certsOnly([certificatePem]));
    assert.deepEqual(pemsIn(text).map(derOf), [derOf(certificatePem)]);
  });

  it('may be longer than 64 KiB', () => {
    const pems = Array.from({ length: 200 }, () => root);
    const text = run('openssl', ['pkcs7', '-inform', 'DER', '-print_certs'], certsOnly(pems));
    assert.equal(pemsIn(text).length, 200);
  });
});

const run = (command: string, args: readonly string[], input: Buffer) =>
  execFileSync(command, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

const pemsIn = (text: string) =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.map((pem) => `${pem}\n`) ?? [];
