import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';

import { presentedCertificate } from '../../../functions/est/client-certificate.ts';
import { FleetError } from '../../../lib/errors.ts';
import fc from '../../fast-check.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const leaf = await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=gw-000001',
  // Long ago: dates are not its business.
  notBefore: new Date('2001-01-01'),
  notAfter: new Date('2002-01-01'),
  keys,
  signingAlgorithm: algorithm,
});
const der = Buffer.from(leaf.rawData);
const base64 = der.toString('base64');

const read = (text: string | undefined) =>
  presentedCertificate(new Headers(text === undefined ? {} : { 'X-ARR-ClientCert': text }));
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof FleetError && error.code === 'request-invalid' && message.test(error.message);

describe('the client certificate', () => {
  it('is read as the base64 of DER, also when it has expired', () => {
    assert.deepEqual(read(base64)?.raw, der);
  });

  it('is read as PEM without line breaks', () => {
    assert.deepEqual(read(`-----BEGIN CERTIFICATE-----${base64}-----END CERTIFICATE-----`)?.raw, der);
    assert.deepEqual(read(leaf.toString('pem').replaceAll('\n', ' '))?.raw, der);
  });

  it('is undefined when there is none', () => {
    assert.equal(read(undefined), undefined);
    assert.equal(read(''), undefined);
  });

  it('is refused when it is two: in one header, or in two', () => {
    assert.throws(() => read(Buffer.concat([der, der]).toString('base64')), refused(/more than one/));
    const twice = new Headers([
      ['X-ARR-ClientCert', base64],
      ['x-arr-clientcert', base64],
    ]);
    assert.throws(() => presentedCertificate(twice), refused(/not base64/));
  });

  it('is refused when it is cut, followed by more, or too long', () => {
    assert.throws(() => read(der.subarray(0, -1).toString('base64')), refused(/not an X.509 certificate/));
    assert.throws(() => read(Buffer.concat([der, Buffer.from([0])]).toString('base64')), refused(/more than one/));
    assert.throws(() => read('A'.repeat(16 * 1024 + 1)), refused(/longer than/));
  });

  it('is never anything but the one certificate, whatever the header is', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
      fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ by;
        return changed.toString('base64');
      }),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          const found = read(given);
          if (found !== undefined) assert.equal(found.raw.toString('base64'), given.trim());
        } catch (error) {
          assert.ok(refused(/./)(error), String(error));
        }
      }),
    );
  });
});
