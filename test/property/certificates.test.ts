import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate as NodeCertificate, verify } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { readCertificate } from '../../lib/pki/certificate.ts';
import { bitStringOctets, DerError, derTag, readConstructed, readElement, readElements } from '../../lib/pki/der.ts';
import type { DeviceIdentity } from '../../lib/pki/device-issuer.ts';
import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { edgeCaCommonName } from '../../lib/pki/edge-ca.ts';
import type { Authority } from '../../lib/pki/issuer.ts';
import { companionSerialNumber, newSerialNumber } from '../../lib/pki/serial.ts';
import fc from '../fast-check.ts';
import { someAuthority, someCaKey } from '../lib/pki/some-authority.ts';

const seconds = (date: Date) => new Date(Math.floor(date.getTime() / 1000) * 1000);
const hour = 60 * 60 * 1000;
const day = 24 * hour;

const deviceId = fc.stringMatching(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/);
const ids = fc.uniqueArray(deviceId, { minLength: 1, maxLength: 8 });
const someDate = fc.date({
  min: new Date('1970-01-02T00:00:00Z'),
  max: new Date('2150-01-01T00:00:00Z'),
  noInvalidDate: true,
});
/** Days that calendars often get wrong. */
const edgeDate = fc
  .tuple(
    fc.constantFrom(
      '2049-12-31',
      '2050-01-01',
      '2028-02-29',
      '2100-03-01',
      '2096-02-29',
      '2000-02-29',
      '2027-01-01',
      '2038-01-19',
    ),
    fc.integer({ min: -2 * day, max: 2 * day }),
  )
  .map(([text, offset]) => new Date(Date.parse(text) + offset));
const date = fc.oneof(someDate, edgeDate);

/** The content of a certificate in the terms of the library. */
interface LibraryRequest {
  readonly made: { readonly certificatePem: string };
  readonly serialNumber: string;
  readonly identity: DeviceIdentity;
  readonly commonName: string;
  readonly issuerPem: string;
  readonly extensions: readonly x509.Extension[];
}

const caKeyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** The TBSCertificate that the library signs, used as its README shows: with the CA's key and its own key identifiers. */
async function byTheLibrary(request: LibraryRequest): Promise<Buffer> {
  const { publicKey } = new x509.X509Certificate(request.made.certificatePem);
  const issuer = new x509.X509Certificate(request.issuerPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: request.serialNumber,
    subject: new x509.Name([{ CN: [{ utf8String: request.commonName }] }]),
    issuer: issuer.subjectName,
    notBefore: request.identity.notBefore,
    notAfter: request.identity.notAfter,
    publicKey,
    signingKey: someCaKey('ec-p256', 1).toCryptoKey(caKeyAlgorithm, false, ['sign']),
    signingAlgorithm: caKeyAlgorithm,
    extensions: [
      ...request.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
    ],
  });
  assert.ok(await certificate.verify({ publicKey: issuer, signatureOnly: true }));
  return signedPart(Buffer.from(certificate.rawData));
}

/** Asserts that identity and Edge CA are, octet for octet, what the library makes of the same content. */
async function assertAsTheLibrary(identity: DeviceIdentity, { certificatePem: issuerPem }: Authority, id: string) {
  const made = new NodeCertificate(identity.certificatePem);
  const ofIdentity = await byTheLibrary({
    ...{ made: identity, serialNumber: identity.serialNumber, identity, commonName: id, issuerPem },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  assert.deepEqual(signedPart(made.raw), ofIdentity);

  if (identity.edgeCa === undefined) return;
  const ofEdgeCa = await byTheLibrary({
    ...{ made: identity.edgeCa, identity, commonName: edgeCaCommonName(id), issuerPem },
    serialNumber: companionSerialNumber(identity.serialNumber, 'edge-ca'),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  assert.deepEqual(signedPart(new NodeCertificate(identity.edgeCa.certificatePem).raw), ofEdgeCa);
}

const signedPart = (der: Buffer) => readConstructed(der, derTag.sequence)[0]?.whole ?? assert.fail();

describe('certificates from templates', () => {
  let authority: Authority;
  before(async () => {
    authority = await someAuthority();
  });

  // The second of each pair is filled into a template that exists already.
  it('have the octets that the library gives them', async () => {
    await fc.assert(
      fc.asyncProperty(ids, date, fc.integer({ min: 1, max: 3650 }), fc.boolean(), async (some, now, days, edge) => {
        const issuerThen = await someAuthority({ now, validityDays: 7300, pathLength: edge ? 1 : 0 });
        const options = { keyType: 'ec-p256', validityDays: days, now } as const;
        const issuer = createDeviceIssuer({ issuer: issuerThen, ...options, ...(edge && { edgeCa: 'edge-ca' }) });
        for (const id of some) {
          for (const each of [id, [...id].reverse().join('')]) {
            const identity = await issuer.issue({ deviceId: each, serialNumber: newSerialNumber() });
            await assertAsTheLibrary(identity, issuerThen, each);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('have them with RSA keys too', async () => {
    const now = new Date('2026-11-24T00:00:00Z');
    const authority = await someAuthority({ now });
    const issuer = createDeviceIssuer({ issuer: authority, keyType: 'rsa-2048', validityDays: 30, now });
    for (const id of ['gw-1', 'gw-2']) {
      const identity = await issuer.issue({ deviceId: id, serialNumber: newSerialNumber() });
      await assertAsTheLibrary(identity, authority, id);
    }
  });

  it('begin and end at the right second on any day', async () => {
    await fc.assert(
      fc.asyncProperty(date, fc.integer({ min: 1, max: 3650 }), async (now, validityDays) => {
        const then = await someAuthority({ now, validityDays: 7300 });
        const issuer = createDeviceIssuer({ issuer: then, keyType: 'ec-p256', validityDays, now });
        const { certificatePem } = await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
        const certificate = new NodeCertificate(certificatePem);
        const { notBefore, notAfter } = readCertificate(certificate.raw);
        assert.deepEqual(notBefore.date, seconds(new Date(now.getTime() - 12 * hour)));
        assert.deepEqual(notAfter.date, seconds(new Date(now.getTime() + validityDays * day)));
        assert.deepEqual([certificate.validFromDate, certificate.validToDate], [notBefore.date, notAfter.date]);
        for (const time of [notBefore, notAfter]) {
          assert.equal(time.encoding, time.date.getUTCFullYear() < 2050 ? 'UTCTime' : 'GeneralizedTime');
        }
      }),
      { numRuns: 100 },
    );
  });

  it('verify, with their serial numbers and names', async () => {
    const issuer = createDeviceIssuer({
      ...{ issuer: authority, keyType: 'ec-p256', validityDays: 365 },
      now: new NodeCertificate(authority.certificatePem).validFromDate,
    });
    await fc.assert(
      fc.asyncProperty(deviceId, fc.uint8Array({ minLength: 16, maxLength: 16 }), async (id, random) => {
        const serialNumber = newSerialNumber(() => Buffer.from(random));
        const identity = await issuer.issue({ deviceId: id, serialNumber });
        const certificate = new NodeCertificate(identity.certificatePem);
        assert.equal(certificate.subject, `CN=${id}`);
        assert.equal(certificate.serialNumber.toLowerCase(), serialNumber);
        const { tbsCertificate, signatureValue } = AsnConvert.parse(certificate.raw, Certificate);
        const tbs = Buffer.from(AsnConvert.serialize(tbsCertificate));
        assert.ok(verify('sha256', tbs, authority.signer.publicKey, Buffer.from(signatureValue)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('names of Edge CAs', () => {
  it('are at most 64 characters long, and differ from every id and from each other', () => {
    fc.assert(
      fc.property(deviceId, deviceId, (one, other) => {
        const name = edgeCaCommonName(one);
        assert.ok(name.length <= 64);
        assert.ok(!/^[a-z0-9._-]+$/.test(name));
        assert.equal(name === edgeCaCommonName(other), one === other);
      }),
      { numRuns: 1000 },
    );
    // Around the length from which names are cut, with ids that are equal up to there.
    const lengths = Array.from({ length: 64 }, (_, index) => 'a'.repeat(index + 1));
    assert.equal(new Set(lengths.map(edgeCaCommonName)).size, 64);
  });
});

describe('reading DER', () => {
  it('gives elements that make up the bytes, or refuses them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const bytes = Buffer.from(octets);
        try {
          const elements = readElements(bytes);
          assert.deepEqual(Buffer.concat(elements.map(({ whole }) => whole)), bytes);
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses elements that are cut, or followed by more', () => {
    const lengths = fc.constantFrom(0, 1, 127, 128, 255, 256, 1000);
    fc.assert(
      fc.property(lengths, fc.nat(), (length, cut) => {
        const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
        const whole = Buffer.from([derTag.sequence, ...header, ...new Array<number>(length).fill(0)]);
        assert.equal(readElement(whole).content.length, length);
        assert.throws(() => readElement(whole.subarray(0, cut % whole.length)), DerError);
        assert.throws(() => readConstructed(Buffer.concat([whole, whole]), derTag.sequence), DerError);
      }),
    );
    for (const hex of ['308101ff', '30820001ff', '3080', '30ff', '1f0100']) {
      assert.throws(() => readElement(Buffer.from(hex, 'hex')), DerError, hex);
    }
    assert.throws(() => bitStringOctets(readElement(Buffer.from('030201fe', 'hex'))), DerError);
  });
});
