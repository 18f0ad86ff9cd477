import assert from 'node:assert/strict';
import { generateKeyPairSync, hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { OctetString } from '@peculiar/asn1-schema';
import { Attribute, Extension, id_ce_basicConstraints, id_ce_subjectAltName } from '@peculiar/asn1-x509';
import { readEnrollmentRequest } from '../../../lib/pki/est-request.ts';
import {
  edgeCaExtensions,
  estIdExtensions,
  extensionRequest,
  makeRequestDer,
  pemOf,
  type TestRequest,
} from './make-request.ts';

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

const read = (request: TestRequest, deviceId = 'gw-1') => readEnrollmentRequest(makeRequestDer(request), deviceId);

function refuses(request: TestRequest, message: RegExp): void {
  assert.throws(() => read(request), { code: 'csr-invalid', message });
}

const unreadable = (extnID: string) =>
  new Extension({ extnID, extnValue: new OctetString(Buffer.from('0500', 'hex')) });
const notCa = new Extension({
  extnID: id_ce_basicConstraints,
  critical: true,
  extnValue: new OctetString(Buffer.from('3000', 'hex')),
});

const emptyExtensions = new Attribute({ type: '1.2.840.113549.1.9.14', values: [Uint8Array.of(0x30, 0).buffer] });

describe('a request by EST', () => {
  const kinds: readonly [string, string, Omit<TestRequest, 'privateKey' | 'publicKey'>][] = [
    ['identity', 'has no extensions', { commonName: 'gw-1' }],
    ['identity', 'has no name', {}],
    ['identity', 'has an empty list of extensions', { requestAttributes: [emptyExtensions] }],
    [
      'identity',
      'has other extensions only',
      { commonName: 'gw-1', extensions: [unreadable(id_ce_subjectAltName), notCa] },
    ],
    ['est-id', 'has extKeyUsage clientAuth', { commonName: 'gw-1', extensions: estIdExtensions }],
    [
      'est-id',
      'has the name of the Edge CA, which was asked for first',
      { commonName: 'gw-1 edge CA', extensions: estIdExtensions },
    ],
    ['est-id', 'has the name that older gateways give it', { commonName: 'est-id', extensions: estIdExtensions }],
    ['est-id', 'says that it is no CA', { extensions: [notCa, ...estIdExtensions] }],
    ['edge-ca', 'is for a CA', { commonName: 'gw-1 edge CA', extensions: edgeCaExtensions }],
    ['edge-ca', 'is for a CA, without a name', { extensions: edgeCaExtensions }],
    ['edge-ca', 'is for a CA that is also a client', { extensions: [...estIdExtensions, ...edgeCaExtensions] }],
  ];
  for (const [kind, what, content] of kinds) {
    it(`is for "${kind}" when it ${what}, with either kind of key`, () => {
      for (const pair of [p256, rsa]) {
        const request = read({ ...pair, ...content });
        assert.equal(request.kind, kind);
        assert.deepEqual(request.key.info, pair.publicKey.export({ type: 'spki', format: 'der' }));
      }
    });
  }

  it('is read as base64 with line breaks, as PEM and as DER, with the same digest', () => {
    const der = makeRequestDer({ ...rsa, commonName: 'gw-1' });
    const base64 = der.toString('base64').replace(/.{64}/g, '$&\n');
    for (const body of [
      der,
      Buffer.from(`${base64}\n`),
      Buffer.from(base64.replaceAll('\n', '\r\n')),
      Buffer.from(pemOf(der)),
    ])
      assert.equal(readEnrollmentRequest(body, 'gw-1').sha256, hash('sha256', der, 'hex'));
  });

  it('is refused with the name of another device, or of the other kind', () => {
    refuses({ ...p256, commonName: 'gw-2' }, /for "gw-2"\. Make one for "gw-1"/);
    refuses({ ...p256, commonName: 'gw-1 edge CA' }, /Make one for "gw-1"/);
    refuses({ ...p256, commonName: 'est-id' }, /Make one for "gw-1"/);
    refuses({ ...p256, commonName: 'gw-1', extensions: edgeCaExtensions }, /Make one for "gw-1 edge CA"/);
    refuses({ ...p256, commonName: 'gw-2', extensions: estIdExtensions }, /Make one for "gw-1"/);
  });

  it('is refused when it does not prove its key, for every kind', () => {
    const signedBy = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    for (const extensions of [[], estIdExtensions, edgeCaExtensions])
      refuses({ ...p256, extensions, signedBy }, /signature of the request does not verify/);
  });

  it('is refused with a key of another type, for every kind', () => {
    for (const extensions of [[], estIdExtensions, edgeCaExtensions])
      refuses({ ...p384, extensions, hash: 'sha384' }, /ec secp384r1\. Make a key of type ec-p256 or rsa-2048/);
  });

  it('is refused when its extensions cannot be read, are there twice, or are several lists', () => {
    const message = /extensions that the request asks for cannot be read/;
    const type = '1.2.840.113549.1.9.14';
    const once = extensionRequest(edgeCaExtensions);
    refuses({ ...p256, extensions: [unreadable(id_ce_basicConstraints)] }, message);
    refuses({ ...p256, extensions: [...edgeCaExtensions, notCa] }, message);
    refuses({ ...p256, requestAttributes: [...once, ...once] }, message);
    refuses({ ...p256, requestAttributes: [new Attribute({ type, values: [Uint8Array.of(5, 0).buffer] })] }, message);
  });

  it('is refused when it is empty, too long, or no request', () => {
    for (const [body, message] of [
      [Buffer.alloc(0), /is empty/],
      [Buffer.alloc(20_000, 'M'), /20000 characters/],
      [Buffer.concat([Buffer.from('3082ffff', 'hex'), Buffer.alloc(20_000)]), /Send at most/],
      [Buffer.from('308200', 'hex'), /ends at octet|not laid out/],
      [Buffer.from([0x30, 0x80, 0, 0]), /unusable length/],
      [Buffer.from('not base64 at all!'), /is not base64/],
    ] as const)
      assert.throws(() => readEnrollmentRequest(body, 'gw-1'), { code: 'csr-invalid', message });
  });
});
