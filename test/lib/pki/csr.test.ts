import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, ECDH, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCertificationRequest } from '../../../lib/pki/csr.ts';
import { derElement, derTag, readElement, readElements } from '../../../lib/pki/der.ts';
import { profiles } from '../../../lib/pki/profiles.ts';
import { makeRequest, makeRequestDer, pemOf, type TestRequest } from './make-request.ts';

type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

const read = (text: string, deviceId = 'gw-1') => readCertificationRequest(text, deviceId, profiles['device-identity']);

function refuses(text: string, message: RegExp, deviceId = 'gw-1'): void {
  assert.throws(() => read(text, deviceId), { code: 'csr-invalid', message });
}

/** The content of CertificationRequestInfo, which is signed. */
function infoOf(der: Buffer): Buffer {
  return (readElements(readElement(der).content)[0] ?? assert.fail()).content;
}

/** Algorithm and signature by the P-256 key, as a request has them behind what is signed. */
function signatureOf(info: Buffer): Buffer[] {
  const signature = derElement(derTag.bitString, Buffer.of(0), sign('sha256', info, p256.privateKey));
  return [Buffer.from('300a06082a8648ce3d040302', 'hex'), signature];
}

describe('a certification request', () => {
  const good: [string, TestRequest][] = [
    ['of a P-256 key', { ...p256, commonName: 'gw-1' }],
    ['without a name', { ...p256 }],
    ['with other parts of a name', { ...p256, commonName: 'gw-1', attributes: { '2.5.4.10': 'Contoso' } }],
    ['with parts of a name, and no common one', { ...p256, attributes: { '2.5.4.10': 'Contoso' } }],
    ['with the name twice', { ...p256, commonName: ['gw-1', 'gw-1'] }],
    ['signed with SHA-384', { ...p256, commonName: 'gw-1', hash: 'sha384' }],
    ['signed with SHA-512', { ...p256, commonName: 'gw-1', hash: 'sha512' }],
    ['of an RSA-2048 key', { ...rsa, commonName: 'gw-1' }],
    ['of an RSA-2048 key, signed with SHA-384', { ...rsa, commonName: 'gw-1', hash: 'sha384' }],
    ['of an RSA-2048 key, signed with SHA-512', { ...rsa, commonName: 'gw-1', hash: 'sha512' }],
    ['signed by RSA-PSS', { ...rsa, commonName: 'gw-1', pss: {} }],
    ['signed by RSA-PSS with SHA-384', { ...rsa, commonName: 'gw-1', hash: 'sha384', pss: {} }],
    ['signed by RSA-PSS with SHA-512', { ...rsa, commonName: 'gw-1', hash: 'sha512', pss: {} }],
    ['signed by RSA-PSS, whose hash has no parameters', { ...rsa, commonName: 'gw-1', pss: { withoutNull: true } }],
  ];
  for (const [name, request] of good) {
    it(`is accepted ${name}, and gives its key`, () => {
      const key = read(makeRequest(request));
      assert.deepEqual(key.info, request.publicKey.export({ type: 'spki', format: 'der' }));
      assert.equal(key.type, request.publicKey.asymmetricKeyType === 'ec' ? 'ec-p256' : 'rsa-2048');
      assert.deepEqual(key.publicKey, key.info.subarray(-key.publicKey.length));
    });
  }

  it('is accepted as PEM of either label, with any line ends, and as base64 of DER', () => {
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const pem = pemOf(der);
    for (const text of [
      pem,
      pem.trimEnd(),
      pem.replaceAll('\n', '\r\n'),
      `\n  ${pem}\n`,
      pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'),
      der.toString('base64'),
      der.toString('base64').replace(/.{76}/g, '$&\n'),
    ]) {
      assert.equal(read(text).type, 'ec-p256');
    }
  });

  // Devices send requests made by openssl with its defaults, with extensions that the profile does not give.
  it('is accepted as openssl writes it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'fleet-csr-'));
    try {
      for (const key of ['ec:-pkeyopt:ec_paramgen_curve:P-256', 'rsa:2048']) {
        const [algorithm = '', ...options] = key.startsWith('ec') ? key.split(/:(.+?):(.+)/).filter(Boolean) : [key];
        const file = join(directory, 'request.pem');
        const extensions = [
          '-addext',
          'subjectAltName=DNS:evil.example',
          '-addext',
          'basicConstraints=critical,CA:TRUE',
        ];
        const subject = ['-subj', '/CN=gw-1/O=Contoso'];
        execFileSync(
          'openssl',
          ['req', '-new', '-newkey', algorithm, ...options, '-nodes', ...subject, ...extensions].concat(
            '-keyout',
            join(directory, 'key.pem'),
            '-out',
            file,
          ),
          { stdio: 'ignore' },
        );
        assert.equal(read(readFileSync(file, 'utf8')).type, algorithm === 'ec' ? 'ec-p256' : 'rsa-2048');
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('is refused for another device, which the error names', () => {
    refuses(makeRequest({ ...p256, commonName: 'gw-2' }), /is for "gw-2"/);
    refuses(makeRequest({ ...p256, commonName: 'GW-1' }), /is for "GW-1"/);
    refuses(makeRequest({ ...p256, commonName: ['gw-1', 'gw-2'] }), /is for "gw-2"/);
    refuses(makeRequest({ ...p256, commonName: 'gw-1\u0000.evil\u001b[2J' }), /is for "gw-1\?\.evil\?\[2J"/);
    refuses(makeRequest({ ...p256, commonName: 'x'.repeat(3000) }), /is for "x{117}\.\.\."/);
  });

  it('is refused when its key did not sign it', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    refuses(makeRequest({ ...p256, signedBy: other, commonName: 'gw-1' }), /does not verify/);
    refuses(makeRequest({ ...p256, signedBy: rsa.privateKey, commonName: 'gw-1' }), /algorithm that is not accepted/);
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const name = der.indexOf('gw-1');
    der.write('gw-2', name);
    refuses(pemOf(der), /does not verify/, 'gw-2');
  });

  it('is refused when it is signed with SHA-1', () => {
    refuses(makeRequest({ ...p256, hash: 'sha1', commonName: 'gw-1' }), /algorithm that is not accepted/);
    refuses(makeRequest({ ...rsa, hash: 'sha1', commonName: 'gw-1' }), /algorithm that is not accepted/);
  });

  const otherPss: [string, TestRequest][] = [
    ['a salt of 20 octets', { ...rsa, pss: { saltLength: 20 } }],
    ['the longest salt', { ...rsa, pss: { saltLength: 222 } }],
    ['no salt', { ...rsa, pss: { saltLength: 0 } }],
    ['SHA-1', { ...rsa, hash: 'sha1', pss: {} }],
    ['another hash in MGF1', { ...rsa, pss: { maskHash: 'sha1' } }],
    ['SHA-512 and the salt of SHA-256', { ...rsa, hash: 'sha512', pss: { saltLength: 32 } }],
  ];
  for (const [name, request] of otherPss) {
    it(`is refused when it is signed by RSA-PSS with ${name}`, () => {
      refuses(
        makeRequest({ ...request, commonName: 'gw-1' }),
        /not accepted: RSA-PSS with other parameters\. Sign it by RSA with SHA-256, SHA-384 or SHA-512: PKCS#1 1\.5, or PSS with/,
      );
    });
  }

  it('is refused when its RSA-PSS signature is of another key or another text', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    refuses(makeRequest({ ...rsa, signedBy: other, commonName: 'gw-1', pss: {} }), /does not verify/);
    refuses(makeRequest({ ...p256, signedBy: rsa.privateKey, commonName: 'gw-1', pss: {} }), /not accepted: RSA-PSS\./);
    const der = makeRequestDer({ ...rsa, commonName: 'gw-1', pss: {} });
    der.write('gw-2', der.indexOf('gw-1'));
    refuses(pemOf(der), /does not verify/, 'gw-2');
  });

  it('is accepted as openssl signs it by RSA-PSS', () => {
    const directory = mkdtempSync(join(tmpdir(), 'fleet-csr-'));
    try {
      for (const hash of ['sha256', 'sha384', 'sha512']) {
        const file = join(directory, 'request.pem');
        const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'];
        const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', join(directory, 'key.pem')];
        execFileSync('openssl', ['req', '-new', `-${hash}`, '-subj', '/CN=gw-1', ...key, ...pss, '-out', file], {
          stdio: 'ignore',
        });
        assert.equal(read(readFileSync(file, 'utf8')).type, 'rsa-2048', hash);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  const weak: [string, () => Pair, RegExp][] = [
    ['rsa 1024', () => generateKeyPairSync('rsa', { modulusLength: 1024 }), /is rsa 1024\./],
    ['rsa 3072', () => generateKeyPairSync('rsa', { modulusLength: 3072 }), /is rsa 3072\./],
    ['rsa of exponent 3', () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }), /exponent 3\./],
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), /is ec secp256k1\./],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }), /is ec secp384r1\./],
    ['ed25519', () => generateKeyPairSync('ed25519'), /is ed25519\./],
  ];
  for (const [name, make, message] of weak) {
    it(`is refused with a key of another kind: ${name}`, () => {
      refuses(makeRequest({ ...make(), commonName: 'gw-1' }), message);
    });
  }

  it('is accepted with a point in compressed form, and gives its key', () => {
    const point = p256.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
    const compressed = ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed') as Buffer;
    const header = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex');
    const publicKey = createPublicKey({ key: Buffer.concat([header, compressed]), type: 'spki', format: 'der' });
    const der = makeRequestDer({ privateKey: p256.privateKey, publicKey, commonName: 'gw-1' });
    assert.ok(der.includes(header), 'the request has the point as it was given');
    assert.deepEqual(read(pemOf(der)).info, p256.publicKey.export({ type: 'spki', format: 'der' }));
  });

  it('is accepted in every writing that has all of its bytes', () => {
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const pem = pemOf(der);
    const writings: [string, string][] = [
      ['text before BEGIN', `Certificate Request:\n    Data:\n        Version: 1 (0x0)\n${pem}`],
      ['literal \\n', pem.replaceAll('\n', '\\n')],
      ['literal \\r\\n', pem.replaceAll('\n', '\\r\\n')],
      ['base64url', der.toString('base64url')],
      ['base64 of PEM', Buffer.from(pem).toString('base64')],
      ['blanks for line ends', pem.replaceAll('\n', ' ')],
      ['byte order mark', `\ufeff${pem}`],
      ['no padding', der.toString('base64').replace(/=+$/, '')],
    ];
    for (const [what, text] of writings) assert.equal(read(text).type, 'ec-p256', what);
  });

  it('is accepted with 12 Ki characters, and refused with one more', () => {
    const pem = makeRequest({ ...p256, commonName: 'gw-1' });
    assert.equal(read(pem.padStart(12_288, '#')).type, 'ec-p256');
    refuses(pem.padStart(12_289, '#'), /has 12289 characters\. Send at most 12288/);
  });

  it('is refused with parts that PKCS#10 does not have, also when it is signed with them', () => {
    const [version = assert.fail(), subject = assert.fail(), key = assert.fail(), attributes = assert.fail()] =
      readElements(infoOf(makeRequestDer({ ...p256, commonName: 'gw-1' })));
    const other = derElement(derTag.octetString, Buffer.from('more'));
    const given = [version, subject, key, attributes].map(({ whole }) => whole);
    const layouts: [what: string, parts: Buffer[], behind?: Buffer[]][] = [
      ['a part behind the attributes', [...given, other]],
      ['a part in place of the attributes', [version.whole, subject.whole, key.whole, other]],
      ['another version', [Buffer.from('020101', 'hex'), ...given.slice(1)]],
      ['a part behind the signature', given, [other]],
    ];
    for (const [what, parts, behind] of layouts) {
      const info = derElement(derTag.sequence, ...parts);
      const pem = pemOf(derElement(derTag.sequence, info, ...signatureOf(info), ...(behind ?? [])));
      assert.throws(() => read(pem), { code: 'csr-invalid', message: /not laid out like PKCS#10/ }, what);
    }
    const info = derElement(derTag.sequence, ...given.slice(0, 3));
    assert.equal(read(pemOf(derElement(derTag.sequence, info, ...signatureOf(info)))).type, 'ec-p256');
  });

  it('is refused when one octet of the header of its name is wrong, also when it is signed so', () => {
    const [version, subject, ...rest] = readElements(infoOf(makeRequestDer({ ...p256, commonName: 'gw-1' })));
    assert.ok(version && subject);
    // SET, its length, SEQUENCE, its length, and the length of the value; the octets between say which attribute it is.
    for (const at of [0, 1, 2, 3, 10]) {
      const name = Buffer.from(subject.content);
      name[at] = (name[at] ?? 0) ^ 0xff;
      const info = derElement(
        derTag.sequence,
        ...[version.whole, derElement(derTag.sequence, name), ...rest.map(({ whole }) => whole)],
      );
      const request = pemOf(derElement(derTag.sequence, info, ...signatureOf(info)));
      refuses(request, /subject of the request cannot be read/);
    }
  });

  it('is refused with an RSA key in another form than RFC 3279 has, since the certificate would have that form too', () => {
    // The parameters of rsaEncryption have to be NULL (RFC 3279 2.3.1). OpenSSL reads a key without them.
    const [, bits = assert.fail()] = readElements(
      readElement(rsa.publicKey.export({ type: 'spki', format: 'der' })).content,
    );
    const algorithm = derElement(derTag.sequence, Buffer.from('06092a864886f70d010101', 'hex'));
    const [version = assert.fail(), subject = assert.fail(), , attributes = assert.fail()] = readElements(
      infoOf(makeRequestDer({ ...rsa, commonName: 'gw-1' })),
    );
    const key = derElement(derTag.sequence, algorithm, bits.whole);
    const info = derElement(derTag.sequence, version.whole, subject.whole, key, attributes.whole);
    refuses(
      pemOf(derElement(derTag.sequence, info, ...signatureOf(info))),
      /The rsa-2048 key of the request is encoded in an unusual form/,
    );
  });

  it('is refused with a reason when its writing has lost something', () => {
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const pem = pemOf(der);
    refuses(der.toString('hex'), /is hexadecimal; send base64/);
    refuses(pem.replaceAll('-----', '——'), /typographic dashes \(U\+2014\)/);
    refuses(pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), /it is a certificate/);
    refuses(pem.slice(0, 200), /END line is missing/);
    refuses(pem + pem, /it has 2 blocks/);
  });

  it('is refused with a point that is not on its curve', () => {
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const info = p256.publicKey.export({ type: 'spki', format: 'der' });
    const at = der.indexOf(info) + info.length - 1;
    der.writeUInt8(der.readUInt8(at) ^ 1, at);
    refuses(pemOf(der), /public key of the request cannot be read/);
  });

  it('is refused if it is something else, and the error says what is wrong', () => {
    const der = makeRequestDer({ ...p256, commonName: 'gw-1' });
    const pem = pemOf(der);
    const texts: [string, RegExp][] = [
      ['', /is empty/],
      ['   \n', /is empty/],
      ['-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----', /is empty/],
      ['see attachment', /is not base64/],
      ['A'.repeat(12_289), /has 12289 characters/],
      ['x'.repeat(50_000_000), /has 50000000 characters/],
      [pem.slice(0, 200), /not one whole/],
      [pem + pem, /not one whole/],
      [pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), /not one whole/],
      [p256.publicKey.export({ type: 'spki', format: 'pem' }).toString(), /not one whole/],
      [p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), /A private key was sent/],
      [pem + p256.privateKey.export({ type: 'pkcs8', format: 'pem' }), /A private key was sent/],
      [der.subarray(0, -1).toString('base64'), /ends at octet/],
      [Buffer.concat([der, Buffer.of(0)]).toString('base64'), /is followed by other octets/],
      [Buffer.from('3000', 'hex').toString('base64'), /not laid out like PKCS#10/],
      [Buffer.from('0500', 'hex').toString('base64'), /has tag 0x05/],
      [Buffer.from('3080', 'hex').toString('base64'), /unusable length/],
      [Buffer.from('30840fffffff', 'hex').toString('base64'), /unusable length/],
      [p256.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'), /not laid out like PKCS#10/],
    ];
    for (const [text, message] of texts) refuses(text, message);
  });

  it('is not quoted in the error if it is a private key', () => {
    const pem = p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const line = pem.split('\n')[1] ?? assert.fail();
    assert.throws(
      () => read(pem),
      (error) => !JSON.stringify(error, Object.getOwnPropertyNames(error)).includes(line),
    );
  });
});
