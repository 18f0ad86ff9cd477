import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { Extension, Name, TBSCertificate, Time } from '@peculiar/asn1-x509';
import { FleetError } from '../../../lib/errors.ts';
import { readToBeSigned } from '../../../lib/pki/certificate.ts';
import { type Issuer, readIssuer } from '../../../lib/pki/issuer.ts';
import { subjectKeyOf } from '../../../lib/pki/keys.ts';
import { lint } from '../../../lib/pki/lint.ts';
import { profiles, validityFrom } from '../../../lib/pki/profiles.ts';
import { perCertificate, perTemplate } from '../../../lib/pki/rules.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { type CertificateContent, encodeName, toBeSigned } from '../../../lib/pki/template.ts';
import { someTime } from '../../factories.ts';
import { someAuthority } from './some-authority.ts';

const day = 24 * 60 * 60 * 1000;
let issuer: Issuer;
let edgeIssuer: Issuer;

before(async () => {
  issuer = readIssuer(await someAuthority());
  edgeIssuer = readIssuer(await someAuthority({ pathLength: 1 }));
});

const ecKey = subjectKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey) ?? assert.fail();
const p384Key = subjectKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey) ?? assert.fail();
const rsaKey = subjectKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey) ?? assert.fail();

function content(change: Partial<CertificateContent> = {}): CertificateContent {
  const profile = change.profile ?? profiles['device-identity'];
  const validity = validityFrom(someTime, 365, profile, issuer);
  return { profile, serialNumber: newSerialNumber(), commonName: 'gw-1', key: ecKey, ...validity, ...change };
}

interface Case {
  /** The certificate as it is meant to be. */
  readonly meant?: Partial<CertificateContent>;
  /** Differences of its bytes from that. */
  readonly made?: Partial<CertificateContent>;
  readonly tamper?: (tbs: TBSCertificate) => void;
  readonly under?: () => Issuer;
}

async function check({ meant = {}, made = {}, tamper, under = () => issuer }: Case): Promise<void> {
  const intended = content(meant);
  let tbs = await toBeSigned({ ...intended, ...made }, under());
  if (tamper !== undefined) {
    const certificate = AsnConvert.parse(tbs, TBSCertificate);
    tamper(certificate);
    tbs = Buffer.from(AsnConvert.serialize(certificate));
  }
  const { key, pathLength, alternativeName } = intended;
  lint(tbs, { ...intended, pathLength, alternativeName, keyType: key.type, issuer: under(), now: someTime });
}

const extensionOf = (tbs: TBSCertificate, id: string): Extension =>
  tbs.extensions?.find(({ extnID }) => extnID === id) ?? assert.fail();
const setExtension = (id: string, hex: string) => (tbs: TBSCertificate) => {
  extensionOf(tbs, id).extnValue = new OctetString(Buffer.from(hex, 'hex'));
};
const at = (days: number) => new Date(Math.floor((someTime.getTime() + days * day) / 1000) * 1000);
const named = (form: 'dns' | 'uri', text: string) => ({ alternativeName: { form, text } });
const identity = profiles['device-identity'];
const edgeCa = { profile: profiles['edge-ca'], commonName: 'gw-1 edge CA', pathLength: 0 };

/** An issuer that does not limit the life of what it signs. */
const longLived = (): Issuer => ({ ...issuer, notBefore: at(-10), notAfter: at(9000) });

/** Certificates that break each rule. A rule without one fails the test. */
const broken: Record<string, Case[]> = {
  version: [
    {
      tamper: (tbs) => {
        tbs.version = 1;
      },
    },
  ],
  'signature-algorithm': [
    {
      tamper: (tbs) => {
        tbs.signature.algorithm = '1.2.840.10045.4.1'; // ecdsa-with-SHA1
      },
    },
  ],
  'issuer-name': [
    {
      tamper: (tbs) => {
        tbs.issuer = AsnConvert.parse(encodeName('line8 issuing CA 1'), Name);
      },
    },
    {
      tamper: (tbs) => {
        tbs.issuer = new Name();
      },
    },
    // An issuing CA without a subject. RFC 5280 4.1.2.4 wants a name.
    { under: () => ({ ...issuer, name: Buffer.from('3000', 'hex') }) },
  ],
  'key-type': [{ meant: { key: p384Key } }, { made: { key: rsaKey } }, { meant: { ...edgeCa, key: p384Key } }],
  'time-encoding': [
    {
      tamper: (tbs) => {
        const { notAfter } = tbs.validity;
        tbs.validity.notAfter = Object.assign(new Time(), { generalTime: notAfter.getTime() });
      },
    },
  ],
  'validity-within-profile': [
    { meant: { notAfter: at(3651) } },
    { meant: { notBefore: at(-0.5), notAfter: new Date(at(3650).getTime() + 1000) }, under: longLived },
    { meant: { notAfter: at(0) } },
    // It ends before it begins.
    { meant: { notBefore: at(2), notAfter: at(1) } },
    { meant: { notBefore: at(-0.4), notAfter: at(-0.3) } },
    { meant: { notAfter: at(-0.5) } },
  ],
  'validity-within-issuer': [{ meant: { notAfter: at(1826) } }, { meant: { notBefore: at(-0.6) } }],
  backdating: [
    { meant: { notBefore: at(0.001) } },
    { meant: { notBefore: new Date(at(-0.5).getTime() - 1000) }, under: () => ({ ...issuer, notBefore: at(-10) }) },
  ],
  'validity-end': [{ made: { notAfter: at(364) } }],
  'extension-set': [
    {
      tamper: (tbs) => {
        tbs.extensions?.pop();
      },
    },
    {
      tamper: (tbs) => {
        tbs.extensions?.push(extensionOf(tbs, '2.5.29.37'));
      },
    },
    { made: named('dns', 'gw-1') },
    { meant: named('dns', 'gw-1'), made: { alternativeName: undefined } },
    { meant: { ...edgeCa, ...named('dns', 'gw-1') }, under: () => edgeIssuer },
    {
      meant: named('dns', 'gw-1'),
      tamper: (tbs) => {
        extensionOf(tbs, '2.5.29.17').critical = true;
      },
    },
    {
      tamper: (tbs) => {
        tbs.extensions?.push(new Extension({ extnID: '2.5.29.17', extnValue: new OctetString(Buffer.of(0x30, 0)) }));
      },
    },
    {
      tamper: (tbs) => {
        extensionOf(tbs, '2.5.29.19').critical = false;
      },
    },
    {
      tamper: (tbs) => {
        extensionOf(tbs, '2.5.29.37').critical = true;
      },
    },
  ],
  'usage-and-purpose': [
    { meant: { profile: { ...identity, keyUsage: ['digitalSignature', 'keyCertSign'] } } },
    {
      meant: {
        profile: { ...profiles['edge-ca'], extendedKeyUsage: ['clientAuth'] },
        commonName: 'gw-1 edge CA',
        pathLength: 0,
      },
      under: () => edgeIssuer,
    },
  ],
  'subject-alternative-name': [
    { meant: named('dns', 'gw-1'), made: named('dns', 'gw-2') },
    { meant: named('dns', 'gw-1'), made: named('uri', 'gw-1') },
    { meant: named('uri', 'urn:fleet:line7:gw-1'), made: named('uri', 'urn:fleet:line7:gw-1x') },
    // Two names, of which the first is the one that was asked for.
    { meant: named('dns', 'gw-1'), tamper: setExtension('2.5.29.17', '300c820467772d31820467772d32') },
  ],
  'ca-flag': [
    { tamper: setExtension('2.5.29.19', '30030101ff') },
    { meant: edgeCa, tamper: setExtension('2.5.29.19', '3000'), under: () => edgeIssuer },
  ],
  'path-length': [
    { meant: { ...edgeCa, pathLength: 1 }, under: () => ({ ...edgeIssuer, pathLength: 2 }) },
    { meant: edgeCa, made: { pathLength: undefined }, under: () => edgeIssuer },
    { meant: { ...edgeCa, pathLength: undefined }, under: () => edgeIssuer },
    { meant: { pathLength: 0 } },
    // Its issuer may sign end entities only.
    { meant: edgeCa },
    { meant: { ...edgeCa, profile: profiles['edge-device-ca-1.1'], pathLength: 1 }, under: () => edgeIssuer },
  ],
  'key-usage': [
    { tamper: setExtension('2.5.29.15', '030205a0') }, // keyEncipherment too
    { meant: { key: rsaKey }, tamper: setExtension('2.5.29.15', '030205a0') },
    { tamper: setExtension('2.5.29.15', '03020204') }, // keyCertSign
  ],
  'extended-key-usage': [{ tamper: setExtension('2.5.29.37', '300a06082b06010505070301') }], // serverAuth
  'authority-key-identifier': [{ tamper: setExtension('2.5.29.35', `30168014${'ab'.repeat(20)}`) }],
  'serial-number': [
    { made: { serialNumber: newSerialNumber() } },
    { meant: { serialNumber: '01' } },
    { meant: { serialNumber: `00${'7f'.repeat(15)}` } },
    { meant: { serialNumber: `80${'7f'.repeat(15)}` } },
    { meant: { serialNumber: '7f'.repeat(20) } },
    // 16 octets that the template would not write: a negative number, and one with an octet of zeros before it.
    ...['80', '00'].map((first) => {
      const octets = Buffer.from(first + '7f'.repeat(15), 'hex');
      return {
        meant: { serialNumber: octets.toString('hex') },
        tamper: (tbs: TBSCertificate) => {
          tbs.serialNumber = Uint8Array.from(octets).buffer;
        },
      };
    }),
  ],
  'subject-name': [
    { made: { commonName: 'gw-2' } },
    { meant: { commonName: 'GW-1' } },
    { meant: { commonName: 'gw 1' } },
    { meant: { commonName: 'a'.repeat(65) } },
    { meant: { commonName: '' } },
    { meant: { ...edgeCa, commonName: 'gw-1' }, under: () => edgeIssuer },
    {
      tamper: (tbs) => {
        tbs.subject.push(...AsnConvert.parse(encodeName('gw-2'), Name));
      },
    },
  ],
  'key-strength': [
    {
      // 06: the hybrid form, which RFC 5480 forbids.
      tamper: (tbs) => {
        tbs.subjectPublicKeyInfo.subjectPublicKey = Uint8Array.from([6, ...ecKey.publicKey.subarray(1)]).buffer;
      },
    },
    ...[8, 9, -6, -1].map((octet) => ({
      meant: { key: rsaKey },
      // The octet of zeros before the modulus, an octet of its beginning (short), its end (even), or of the exponent.
      tamper: (tbs: TBSCertificate) => {
        const octets = Buffer.from(rsaKey.publicKey);
        octets.writeUInt8(2, octet < 0 ? octets.length + octet : octet);
        tbs.subjectPublicKeyInfo.subjectPublicKey = Uint8Array.from(octets).buffer;
      },
    })),
  ],
  'subject-key-identifier': [{ tamper: setExtension('2.5.29.14', `0414${'ab'.repeat(20)}`) }],
};

describe('rules of certificates', () => {
  it('accept a certificate of each profile', async () => {
    await assert.doesNotReject(check({}));
    await assert.doesNotReject(check({ meant: { key: rsaKey } }));
    await assert.doesNotReject(check({ meant: edgeCa, under: () => edgeIssuer }));
    await assert.doesNotReject(check({ meant: { notAfter: issuer.notAfter } }));
    await assert.doesNotReject(check({ meant: { notBefore: at(0) } }));
    await assert.doesNotReject(check({ meant: named('dns', 'gw-1') }));
    await assert.doesNotReject(check({ meant: { ...named('uri', 'urn:fleet:line7:gw-1'), key: rsaKey } }));
    await assert.doesNotReject(check({ meant: { notBefore: at(-0.5), notAfter: at(3650) }, under: longLived }));
    await assert.doesNotReject(check({ meant: { notBefore: issuer.notBefore } }));
    await assert.doesNotReject(check({ meant: { commonName: 'a'.repeat(64) } }));
  });

  for (const rule of Object.keys({ ...perTemplate, ...perCertificate })) {
    it(`refuse a certificate that breaks "${rule}"`, async () => {
      const cases = broken[rule] ?? [];
      assert.ok(cases.length > 0);
      for (const [index, one] of cases.entries()) {
        await assert.rejects(
          () => check(one),
          (error) => {
            assert.ok(error instanceof FleetError, String(error));
            assert.equal(error.code, 'certificate-rule');
            assert.match(error.message, new RegExp(`^${rule}: `), `case ${index}: ${error.message}`);
            return true;
          },
          `case ${index}`,
        );
      }
    });
  }

  it('refuse a point that is shorter than its curve wants', async () => {
    const intent = { ...content(), alternativeName: undefined, keyType: 'ec-p256' as const, issuer, now: someTime };
    const parts = readToBeSigned(await toBeSigned(intent, issuer));
    const rule = perCertificate['key-strength'];
    assert.equal(rule(parts, intent), undefined);
    const short = { ...parts, publicKey: parts.publicKey.subarray(0, -1) };
    assert.equal(rule(short, intent), 'it is not an uncompressed point');
  });

  it('refuse bytes that are not a certificate', async () => {
    const alternativeName = undefined;
    const intent = {
      ...content(),
      pathLength: undefined,
      alternativeName,
      keyType: 'ec-p256' as const,
      issuer,
      now: someTime,
    };
    const tbs = await toBeSigned(intent, issuer);
    assert.throws(() => lint(tbs.subarray(0, -1), intent), { code: 'certificate-rule', message: /^encoding: / });
    assert.throws(() => lint(Buffer.concat([tbs, Buffer.of(0)]), intent), { message: /^encoding: / });
  });
});
