import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duplicateRecipients, recipientIssues } from '../../../lib/bundle/seal.ts';
import { certificateFile, onCurve } from './certificate-file.ts';
import { lacks } from './command.ts';

const day = 86_400_000;
const now = new Date();

describe('a recipient', { skip: lacks('openssl') }, () => {
  for (const [what, key, extension] of [
    ['an RSA key', ['rsa:2048'], undefined],
    ['an RSA key for key encipherment', ['rsa:3072'], 'keyUsage=keyEncipherment'],
    ['a key on P-256', onCurve('P-256'), undefined],
    ['a key on P-384 for key agreement', onCurve('P-384'), 'keyUsage=keyAgreement'],
    ['a key on P-521', onCurve('P-521'), undefined],
  ] as const) {
    it(`is accepted with ${what}`, () => {
      assert.deepEqual(
        recipientIssues(certificateFile(key, extension).certificatePem, new Date(now.getTime() + day)),
        [],
      );
    });
  }

  for (const [what, key, extension, fault] of [
    ['an RSA key of 1024 bits', ['rsa:1024'], undefined, /too weak: an RSA key of 1024 bits/],
    ['an RSA key for signatures', ['rsa:2048'], 'keyUsage=digitalSignature', /keyEncipherment/],
    ['a key on secp256k1', onCurve('secp256k1'), undefined, /too weak: a key on secp256k1/],
    ['a key on P-224', onCurve('P-224'), undefined, /too weak: a key on secp224r1/],
    ['a key on P-256 for signatures', onCurve('P-256'), 'keyUsage=digitalSignature', /keyAgreement/],
    ['an Ed25519 key', ['ed25519'], undefined, /not for encryption: a key of type ed25519/],
  ] as const) {
    it(`is refused with ${what}`, () => {
      const faults = recipientIssues(certificateFile(key, extension).certificatePem, new Date(now.getTime() + day));
      assert.equal(faults.length, 1);
      assert.match(faults[0] ?? '', fault);
    });
  }

  it('is refused before and after its validity', () => {
    const { certificatePem } = certificateFile(['rsa:2048']);
    assert.match(recipientIssues(certificatePem, new Date(now.getTime() - day))[0] ?? '', /not valid before/);
    assert.match(recipientIssues(certificatePem, new Date(now.getTime() + 31 * day))[0] ?? '', /expired at/);
  });

  it('has every fault reported at once', () => {
    const { certificatePem } = certificateFile(['rsa:1024'], 'keyUsage=digitalSignature');
    assert.equal(recipientIssues(certificatePem, new Date(now.getTime() + 31 * day)).length, 3);
  });

  it('must be one certificate and nothing else', () => {
    const { certificatePem, keyPem } = certificateFile(['rsa:2048']);
    for (const text of ['', 'recipient', keyPem, certificatePem + certificatePem, keyPem + certificatePem])
      assert.deepEqual(recipientIssues(text, now), ['not one certificate in PEM']);
    assert.deepEqual(recipientIssues(certificatePem.replace('MII', 'AAA'), now), ['not one certificate in PEM']);
  });

  it('is found twice in a list, however its lines are wrapped', () => {
    const [one, two] = [certificateFile(['rsa:2048']).certificatePem, certificateFile(onCurve('P-256')).certificatePem];
    assert.deepEqual(duplicateRecipients([one, two]), []);
    assert.deepEqual(duplicateRecipients([one, two, `\n${one.replaceAll('\n', '\r\n')}`]), [2]);
  });
});
