import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { readCertificate } from '../../../lib/pki/certificate.ts';
import { createDeviceIssuer, type DeviceIssuerOptions } from '../../../lib/pki/device-issuer.ts';
import type { Authority } from '../../../lib/pki/issuer.ts';
import type { LocalSigner, RemoteSigner } from '../../../lib/pki/key-store.ts';
import { companionSerialNumber, newSerialNumber } from '../../../lib/pki/serial.ts';
import { someTime } from '../../factories.ts';
import { makeRequest } from './make-request.ts';
import { someAuthority, someCaKey, someSigner } from './some-authority.ts';

const day = 24 * 60 * 60 * 1000;

const issuerFor = (issuer: Authority, change: Partial<DeviceIssuerOptions> = {}) =>
  createDeviceIssuer({ issuer, keyType: 'ec-p256', validityDays: 365, now: someTime, ...change });

const certificateOf = (identity: { certificatePem: string }) => new X509Certificate(identity.certificatePem);

/** The signer as if each signature were a request over the network. */
const distant = (signer: LocalSigner): RemoteSigner => remote(signer, async (data) => signer.sign(data));
const remote = (signer: LocalSigner, sign: RemoteSigner['sign']): RemoteSigner => ({ ...signer, isLocal: false, sign });

describe('a device issuer', () => {
  it('signs what it issues, for names of several lengths', async () => {
    const authority = await someAuthority();
    const issuer = issuerFor(authority);
    for (const deviceId of ['gw-1', 'gw-2', 'gw-10', 'gw-11']) {
      const identity = await issuer.issue({ deviceId, serialNumber: newSerialNumber() });
      assert.ok(certificateOf(identity).verify(authority.signer.publicKey));
    }
  });

  it('issues many at once, and a fault of one fails that one only', async () => {
    for (const edgeCa of [undefined, 'edge-ca'] as const) {
      const authority = await someAuthority({ pathLength: 1 });
      const issuer = issuerFor(authority, { edgeCa });
      const ids = ['GW-1', 'gw-2', 'gw-3', 'gw-4', 'gw_5'];
      const issued = await Promise.allSettled(
        ids.map((deviceId) => issuer.issue({ deviceId, serialNumber: newSerialNumber() })),
      );
      const subjects = issued.map((each) => (each.status === 'fulfilled' ? certificateOf(each.value).subject : 'none'));
      assert.deepEqual(subjects, ['none', 'CN=gw-2', 'CN=gw-3', 'CN=gw-4', 'CN=gw_5']);
    }
  });

  // The identity's name is refused, while the Edge CA's name is as long as an earlier one.
  it('leaves no rejected promise behind', async () => {
    const issuer = issuerFor(await someAuthority({ pathLength: 1 }), { edgeCa: 'edge-ca' });
    await issuer.issue({ deviceId: 'a'.repeat(58), serialNumber: newSerialNumber() });
    await assert.rejects(() => issuer.issue({ deviceId: 'A'.repeat(59), serialNumber: newSerialNumber() }), {
      code: 'certificate-rule',
    });
  });

  it('returns the values that the certificate has', async () => {
    const issuer = issuerFor(await someAuthority());
    const serialNumber = newSerialNumber();
    const identity = await issuer.issue({ deviceId: 'gw-1', serialNumber });
    const certificate = certificateOf(identity);
    assert.equal(identity.serialNumber, serialNumber);
    assert.equal(certificate.serialNumber.toLowerCase(), serialNumber);
    assert.equal(certificate.subject, 'CN=gw-1');
    assert.equal(certificate.fingerprint.replaceAll(':', ''), identity.sha1Thumbprint);
    assert.equal(certificate.fingerprint256.replaceAll(':', ''), identity.sha256Thumbprint);
    assert.deepEqual(certificate.validFromDate, identity.notBefore);
    assert.deepEqual(certificate.validToDate, identity.notAfter);
    assert.equal(identity.notAfter.getTime(), someTime.getTime() + 365 * day);
    assert.equal(identity.edgeCa, undefined);
  });

  it('gives each device another key, which fits its certificate', async () => {
    for (const keyType of ['ec-p256', 'rsa-2048'] as const) {
      const issuer = issuerFor(await someAuthority(), { keyType });
      const ids = ['gw-1', 'gw-2', 'gateway-0003', 'gateway-0004'];
      const identities = await Promise.all(
        ids.map((deviceId) => issuer.issue({ deviceId, serialNumber: newSerialNumber() })),
      );
      for (const [index, identity] of identities.entries()) {
        const certificate = certificateOf(identity);
        assert.equal(certificate.subject, `CN=${ids[index]}`);
        assert.ok(certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem ?? Buffer.of())));
      }
      assert.equal(new Set(identities.map((identity) => String(identity.privateKeyPem))).size, ids.length);
    }
  });

  // One scalar in 256 begins with a zero octet, which Node drops and PKCS#8 needs.
  it('writes every private key in full', async () => {
    const issuer = issuerFor(await someAuthority());
    let leadingZeros = 0;
    // The probability that none of 6,000 keys has one is 6e-11.
    for (let count = 0; count < 6000 && leadingZeros === 0; count++) {
      const { privateKeyPem = Buffer.of() } = await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
      const key = createPrivateKey(privateKeyPem);
      assert.equal(key.export({ type: 'pkcs8', format: 'pem' }), privateKeyPem.toString());
      if (Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url')[0] === 0) leadingZeros += 1;
    }
    assert.equal(leadingZeros, 1);
  });

  it('keeps a certificate within the life of its issuer', async () => {
    const authority = await someAuthority({ validityDays: 30 });
    const { validFromDate, validToDate } = new X509Certificate(authority.certificatePem);
    const issuer = issuerFor(authority);
    const identity = await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
    assert.deepEqual([identity.notBefore, identity.notAfter], [validFromDate, validToDate]);
  });

  it('does not issue before its issuer is valid, or after', async () => {
    const authority = await someAuthority({ validityDays: 30 });
    for (const [days, rule] of [
      [31, 'validity-within-profile'],
      [-2, 'backdating'],
    ] as const) {
      const issuer = issuerFor(authority, { now: new Date(someTime.getTime() + days * day) });
      await assert.rejects(() => issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() }), {
        code: 'certificate-rule',
        message: new RegExp(`^${rule}: `),
      });
    }
  });

  it('cannot be made for a CA that may not issue, or with another key than the CA has', async () => {
    const authority = await someAuthority();
    const identity = await issuerFor(authority).issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
    for (const issuer of [
      { ...authority, signer: someSigner('ec-p256', 0) },
      { ...authority, certificatePem: identity.certificatePem },
      { ...authority, certificatePem: 'no certificate' },
    ]) {
      assert.throws(() => issuerFor(issuer), { code: 'certificate-rule', message: /^issuer: / });
    }
  });

  it('refuses an invalid device id, and issues for others after it', async () => {
    const issuer = issuerFor(await someAuthority());
    for (const deviceId of ['', 'GW-1', '../gw', 'gw 1', 'gw-ä', 'a'.repeat(65), 'gw\n1', '-gw']) {
      await assert.rejects(() => issuer.issue({ deviceId, serialNumber: newSerialNumber() }), {
        code: 'certificate-rule',
      });
    }
    await issuer.issue({ deviceId: 'a'.repeat(64), serialNumber: newSerialNumber() });
    // As long as the name before in characters, and longer in octets.
    await issuer.issue({ deviceId: 'gw-a', serialNumber: newSerialNumber() });
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-ä', serialNumber: newSerialNumber() }), {
      code: 'certificate-rule',
    });
  });

  it('signs with every kind of CA key, local and remote', async () => {
    for (const keyType of ['ec-p256', 'ec-p384', 'rsa-4096'] as const) {
      const authority = await someAuthority({ keyType, pathLength: 1 });
      for (const signer of [authority.signer, distant(authority.signer)]) {
        const issuer = issuerFor({ ...authority, signer }, { edgeCa: 'edge-ca' });
        await issuer.issue({ deviceId: 'gw-0', serialNumber: newSerialNumber() });
        const issued = ['gw-1', 'gw-2', 'gw-3'].map((deviceId) =>
          issuer.issue({ deviceId, serialNumber: newSerialNumber() }),
        );
        for (const identity of await Promise.all(issued)) {
          assert.ok(certificateOf(identity).verify(signer.publicKey));
          assert.ok(certificateOf(identity.edgeCa ?? assert.fail()).verify(signer.publicKey));
        }
      }
    }
  });

  it('returns nothing that the key signed wrongly', async () => {
    const authority = await someAuthority();
    const other = someSigner('ec-p256', 2);
    const { signer } = authority;
    const bad: [string, LocalSigner | RemoteSigner][] = [
      ['another key', { ...signer, sign: (data) => other.sign(data) }],
      ['another key, remote', remote(signer, async (data) => other.sign(data))],
      ['other data', { ...signer, sign: (data) => signer.sign(data.subarray(1)) }],
      ['no signature', { ...signer, sign: () => Buffer.alloc(70) }],
      ['an empty signature', { ...signer, sign: () => Buffer.alloc(0) }],
      ['one with octets behind it', { ...signer, sign: (data) => Buffer.concat([signer.sign(data), Buffer.of(0)]) }],
    ];
    for (const [name, wrong] of bad) {
      const issuer = issuerFor({ ...authority, signer: wrong });
      await assert.rejects(
        () => issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() }),
        { code: 'certificate-rule', message: /^signature: / },
        name,
      );
    }
  });

  it('notices within 256 certificates that a local key has begun to sign wrongly', async () => {
    const authority = await someAuthority();
    let signed = 0;
    const sign: LocalSigner['sign'] = (data) =>
      (signed++ < 10 ? authority.signer : someSigner('ec-p256', 2)).sign(data);
    const issuer = issuerFor({ ...authority, signer: { ...authority.signer, sign } });
    await assert.rejects(
      async () => {
        for (let count = 0; count < 257; count++)
          await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
      },
      { message: /^signature: / },
    );
  });

  it('verifies every signature of a remote key', async () => {
    const authority = await someAuthority();
    let signed = 0;
    const sign: RemoteSigner['sign'] = async (data) =>
      (signed++ < 10 ? authority.signer : someSigner('ec-p256', 2)).sign(data);
    const issuer = issuerFor({ ...authority, signer: remote(authority.signer, sign) });
    for (let count = 0; count < 10; count++) await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() }), {
      code: 'certificate-rule',
      message: /^signature: /,
    });
  });

  it('passes on the error of a remote key', async () => {
    const authority = await someAuthority({ pathLength: 1 });
    const throttled = new FleetError('throttled', 'The vault asks to wait.', { retryAfter: 5 });
    const signer = remote(authority.signer, () => Promise.reject(throttled));
    const issuer = issuerFor({ ...authority, signer }, { edgeCa: 'edge-ca' });
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() }), throttled);
  });
});

describe('an Edge CA', () => {
  it('comes with the identity, and has another key, name and serial number', async () => {
    const authority = await someAuthority({ pathLength: 1 });
    const issuer = issuerFor(authority, { edgeCa: 'edge-ca' });
    const serialNumber = newSerialNumber();
    const identity = await issuer.issue({ deviceId: 'gw-1', serialNumber });
    assert.ok(identity.edgeCa);
    const certificate = certificateOf(identity.edgeCa);
    assert.equal(certificate.subject, 'CN=gw-1 edge CA');
    assert.equal(certificate.ca, true);
    assert.equal(certificate.serialNumber.toLowerCase(), companionSerialNumber(serialNumber, 'edge-ca'));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(identity.edgeCa.privateKeyPem)));
    assert.ok(!certificate.publicKey.equals(certificateOf(identity).publicKey));
    assert.equal(readCertificate(certificate.raw).basicConstraints?.pathLength, 0);
  });

  it('has path length 1 for IoT Edge 1.1, whose daemon makes a CA under it', async () => {
    const issuer = issuerFor(await someAuthority({ pathLength: 2 }), { edgeCa: 'edge-device-ca-1.1' });
    const { edgeCa } = await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
    assert.equal(readCertificate(certificateOf(edgeCa ?? assert.fail()).raw).basicConstraints?.pathLength, 1);
  });

  it('is refused under an issuing CA with too short a path, and nothing is signed', async () => {
    const authority = await someAuthority({ pathLength: 0 });
    let signed = 0;
    const sign: LocalSigner['sign'] = (data) => {
      signed += 1;
      return authority.signer.sign(data);
    };
    const issuer = issuerFor({ ...authority, signer: { ...authority.signer, sign } }, { edgeCa: 'edge-ca' });
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() }), {
      code: 'certificate-rule',
      message: /^path-length: /,
    });
    assert.equal(signed, 0);
  });

  it('has a name of at most 64 characters that no other Edge CA has', async () => {
    const issuer = issuerFor(await someAuthority({ pathLength: 1 }), { edgeCa: 'edge-ca' });
    const long = 'a'.repeat(63);
    const names = new Set<string>();
    for (const deviceId of [`${long}1`, `${long}2`, 'a'.repeat(56), 'a'.repeat(57), 'a'.repeat(39)]) {
      const { edgeCa } = await issuer.issue({ deviceId, serialNumber: newSerialNumber() });
      const name = certificateOf(edgeCa ?? assert.fail()).subject.replace('CN=', '');
      assert.ok(name.length <= 64 && name.endsWith(' edge CA'), name);
      assert.notEqual(name, deviceId);
      names.add(name);
    }
    assert.equal(names.size, 5);
  });
});

describe('a key in a request', () => {
  it('is given to the first of two devices that ask for it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = makeRequest({ privateKey, publicKey, commonName: '' });
    const issuer = issuerFor(await someAuthority());
    await issuer.issue({ deviceId: 'gw-1', csr, serialNumber: newSerialNumber() });
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-2', csr, serialNumber: newSerialNumber() }), {
      code: 'csr-invalid',
      message: /^key-reuse: .*"gw-1"/,
    });
    // The same device may ask again: the chunk was delivered twice, or the certificate is renewed.
    await issuer.issue({ deviceId: 'gw-1', csr, serialNumber: newSerialNumber() });
  });

  it('is refused if it is that of the issuing CA', async () => {
    const privateKey = someCaKey('ec-p256', 1);
    const csr = makeRequest({ privateKey, publicKey: createPublicKey(privateKey), commonName: 'gw-1' });
    const issuer = issuerFor(await someAuthority());
    await assert.rejects(() => issuer.issue({ deviceId: 'gw-1', csr, serialNumber: newSerialNumber() }), {
      code: 'csr-invalid',
      message: /^key-reuse: .*the issuing CA/,
    });
  });
});
