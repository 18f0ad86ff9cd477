import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AttributeTypeAndValue,
  AttributeValue,
  Name,
  RelativeDistinguishedName,
  TBSCertificate,
} from '@peculiar/asn1-x509';
import { type CertificateParts, readToBeSigned, toPem } from '../../../lib/pki/certificate.ts';
import { DerError } from '../../../lib/pki/der.ts';
import { readIssuer } from '../../../lib/pki/issuer.ts';
import { subjectKeyOf } from '../../../lib/pki/keys.ts';
import { profiles, validityFrom } from '../../../lib/pki/profiles.ts';
import { toBeSigned } from '../../../lib/pki/template.ts';
import { someTime } from '../../factories.ts';
import { someAuthority } from './some-authority.ts';

const issuer = readIssuer(await someAuthority());
const profile = profiles['device-identity'];
const key = subjectKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey) ?? assert.fail();
const ours = await toBeSigned(
  {
    ...{ profile, serialNumber: '5f'.repeat(16), commonName: 'gw-1', key },
    ...validityFrom(someTime, 365, profile, issuer),
  },
  issuer,
);

/** The parts of our certificate after a change, as the certificate of another PKI could be. */
function partsAfter(change: (tbs: TBSCertificate) => void): CertificateParts {
  const tbs = AsnConvert.parse(ours, TBSCertificate);
  change(tbs);
  return readToBeSigned(Buffer.from(AsnConvert.serialize(tbs)));
}

const commonName = (value: AttributeValue) => new AttributeTypeAndValue({ type: '2.5.4.3', value });
const utf8 = commonName(new AttributeValue({ utf8String: 'gw-1' }));

describe('the parts of a certificate', () => {
  it('are those of ours', () => {
    const parts = readToBeSigned(ours);
    assert.deepEqual(
      [parts.version, parts.serialNumber.toString('hex'), parts.commonName?.toString()],
      [3, '5f'.repeat(16), 'gw-1'],
    );
    assert.deepEqual(parts.notAfterOctets.toString(), '271123080000Z');
    assert.deepEqual(parts.basicConstraints, { ca: false, pathLength: undefined });
    assert.deepEqual(parts.extendedKeyUsage, ['1.3.6.1.5.5.7.3.2']);
    assert.ok(parts.publicKey.equals(key.publicKey) && parts.publicKeyInfo.equals(key.info));
    assert.ok(parts.authorityKeyIdentifier?.equals(issuer.keyIdentifier));
  });

  it('are without extensions in version 1, which has none', () => {
    const parts = partsAfter((tbs) => {
      tbs.version = 0;
      delete tbs.extensions;
    });
    assert.deepEqual([parts.version, parts.extensions], [1, []]);
    const { basicConstraints, keyUsage, extendedKeyUsage, alternativeName } = parts;
    const { subjectKeyIdentifier, authorityKeyIdentifier } = parts;
    for (const part of [basicConstraints, keyUsage, extendedKeyUsage, alternativeName]) assert.equal(part, undefined);
    for (const part of [subjectKeyIdentifier, authorityKeyIdentifier]) assert.equal(part, undefined);
  });

  const subjects: [what: string, subject: Name][] = [
    ['no name', new Name()],
    [
      'a name in another encoding',
      new Name([new RelativeDistinguishedName([commonName(new AttributeValue({ printableString: 'gw-1' }))])]),
    ],
    ['two names', new Name([new RelativeDistinguishedName([utf8]), new RelativeDistinguishedName([utf8])])],
    [
      'two attributes in one part of the name',
      new Name([
        new RelativeDistinguishedName([
          utf8,
          new AttributeTypeAndValue({ type: '2.5.4.10', value: new AttributeValue({ utf8String: 'Acme' }) }),
        ]),
      ]),
    ],
    [
      'another attribute',
      new Name([
        new RelativeDistinguishedName([
          new AttributeTypeAndValue({ type: '2.5.4.10', value: new AttributeValue({ utf8String: 'gw-1' }) }),
        ]),
      ]),
    ],
  ];
  for (const [what, subject] of subjects)
    it(`have no common name where the subject has ${what}`, () => {
      const parts = partsAfter((tbs) => {
        tbs.subject = subject;
      });
      assert.equal(parts.commonName, undefined);
    });

  it('are not read where a time is neither UTCTime nor GeneralizedTime', () => {
    const other = Buffer.from(ours);
    const begin = other.indexOf(Buffer.from('170d', 'hex'));
    other.writeUInt8(0x0c, begin);
    assert.throws(
      () => readToBeSigned(other),
      (error) => error instanceof DerError && /time that is not in the form of RFC 5280/.test(error.message),
    );
  });

  it('are not read from other structures', () => {
    for (const hex of ['3000', '0500', '30030201ff'])
      assert.throws(() => readToBeSigned(Buffer.from(hex, 'hex')), DerError);
  });
});

describe('PEM', () => {
  it('has lines of 64 characters, and the rest on the last one', () => {
    for (const length of [1, 47, 48, 49, 96, 100]) {
      const der = Buffer.alloc(length, 7);
      const lines = toPem('PUBLIC KEY', der).split('\n');
      assert.deepEqual(
        [lines[0], lines.at(-2), lines.at(-1)],
        ['-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----', ''],
      );
      const body = lines.slice(1, -2);
      for (const line of body.slice(0, -1)) assert.equal(line.length, 64);
      assert.ok((body.at(-1) ?? '').length > 0 && (body.at(-1) ?? '').length <= 64);
      assert.deepEqual(Buffer.from(body.join(''), 'base64'), der);
    }
  });
});
