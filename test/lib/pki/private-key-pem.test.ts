import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  decodePrivateKeyPem,
  encodePrivateKeyPem,
  p256PointOf,
  readPrivateKey,
} from '../../../lib/pki/private-key-pem.ts';

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'RSA-2048': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

describe('PEM of private keys in buffers', () => {
  for (const [type, key] of Object.entries(keys)) {
    it(`of type ${type} is as OpenSSL writes it, and is read back`, () => {
      const der = key.export({ type: 'pkcs8', format: 'der' });
      const pem = encodePrivateKeyPem(der);
      assert.equal(pem.toString(), key.export({ type: 'pkcs8', format: 'pem' }));
      assert.deepEqual(decodePrivateKeyPem(pem), der);
      assert.ok(readPrivateKey(pem).equals(key));
    });
  }

  it('has lines of 64 characters at every length', () => {
    for (let length = 1; length <= 200; length++) {
      const octets = randomBytes(length);
      const pem = encodePrivateKeyPem(octets);
      const lines = octets.toString('base64').match(/.{1,64}/g) ?? [];
      assert.equal(
        pem.toString(),
        ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n'),
      );
      assert.deepEqual(decodePrivateKeyPem(pem), octets);
    }
  });

  it('shares no memory with other buffers, and two keys do not overlap', () => {
    const [one, two] = [encodePrivateKeyPem(Buffer.alloc(138, 1)), encodePrivateKeyPem(Buffer.alloc(138, 2))];
    const before = two.toString();
    one.fill(0);
    assert.equal(two.toString(), before);
    assert.notEqual(one.buffer, Buffer.allocUnsafe(10).buffer);
  });

  it('is not read in any other form', () => {
    const body = keys['P-256'].export({ type: 'pkcs8', format: 'der' }).toString('base64');
    const wrap = (text: string, label = 'PRIVATE KEY') => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
    for (const text of ['', 'not a key', wrap(''), wrap(body), wrap('AA'), wrap('A*AA'), wrap('===='), wrap('AB==')])
      assert.equal(decodePrivateKeyPem(Buffer.from(text)), undefined, text);
  });

  it('is read by OpenSSL in the forms that other programs write', () => {
    for (const pem of [
      keys['P-256'].export({ type: 'sec1', format: 'pem' }),
      `Bag Attributes\n${keys['P-256'].export({ type: 'pkcs8', format: 'pem' })}`,
    ])
      assert.ok(readPrivateKey(Buffer.from(pem)).equals(keys['P-256']));
    assert.throws(() => readPrivateKey(Buffer.from('not a key')), { code: 'ERR_OSSL_UNSUPPORTED' });
  });

  it('of type P-256 tells the public point', () => {
    const { x = '', y = '' } = createPublicKey(keys['P-256']).export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    assert.deepEqual(p256PointOf(encodePrivateKeyPem(keys['P-256'].export({ type: 'pkcs8', format: 'der' }))), point);
    assert.equal(p256PointOf(Buffer.from('not a key')), undefined);
  });
});
