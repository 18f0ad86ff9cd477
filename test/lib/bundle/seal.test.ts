import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as pkijs from 'pkijs';
import { createSeal } from '../../../lib/bundle/seal.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import { derTag, readConstructed, readElements } from '../../../lib/pki/der.ts';
import { type CertificateFile, certificateFile, onCurve } from './certificate-file.ts';
import { lacks, run } from './command.ts';
import { someBundler } from './some-bundle.ts';

/** Decrypts a sealed bundle as its README says. @returns the content, or undefined when OpenSSL refuses */
function decrypt(sealed: Buffer, { certificatePem, keyPem }: CertificateFile): Buffer | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sealed-'));
  try {
    writeFileSync(join(directory, 'sealed'), sealed);
    writeFileSync(join(directory, 'certificate.pem'), certificatePem);
    writeFileSync(join(directory, 'key.pem'), keyPem);
    const { status } = run(
      'openssl',
      [
        'cms',
        '-decrypt',
        '-inform',
        'DER',
        '-in',
        'sealed',
        '-out',
        'opened',
        '-recip',
        'certificate.pem',
        '-inkey',
        'key.pem',
      ],
      { cwd: directory },
    );
    return status === 0 ? readFileSync(join(directory, 'opened')) : undefined;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The message as OpenSSL encodes it. */
function rewritten(sealed: Buffer): Buffer {
  const args = ['cms', '-cmsout', '-inform', 'DER', '-outform', 'DER'];
  return execFileSync('openssl', args, { input: sealed });
}

/** The members of RecipientInfos (RFC 5652 6.1), encoded. */
function recipientInfos(sealed: Buffer): Buffer[] {
  const [, wrapper] = readConstructed(sealed, derTag.sequence);
  const enveloped = readConstructed(wrapper?.content ?? assert.fail(), derTag.sequence);
  const infos = enveloped.find(({ tag }) => tag === derTag.set) ?? assert.fail();
  return readElements(infos.content).map(({ whole }) => whole);
}

function readByPkijs(sealed: Buffer): pkijs.EnvelopedData {
  return new pkijs.EnvelopedData({ schema: pkijs.ContentInfo.fromBER(sealed).content });
}

/** The serial number of the certificate that a recipient is named by. */
function serialOf({ value }: pkijs.RecipientInfo): bigint {
  const name =
    value instanceof pkijs.KeyTransRecipientInfo
      ? value.rid
      : (value as pkijs.KeyAgreeRecipientInfo).recipientEncryptedKeys.encryptedKeys[0]?.rid.value;
  return (name as pkijs.IssuerAndSerialNumber).serialNumber.toBigInt();
}

/** Decrypts with another implementation of CMS, as the recipient that the certificate names. */
async function decryptByPkijs(sealed: Buffer, { certificatePem, keyPem }: CertificateFile): Promise<Buffer> {
  const enveloped = readByPkijs(sealed);
  const { raw, serialNumber } = new X509Certificate(certificatePem);
  const index = enveloped.recipientInfos.findIndex((info) => serialOf(info) === BigInt(`0x${serialNumber}`));
  const recipientPrivateKey = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const recipientCertificate = pkijs.Certificate.fromBER(raw);
  return Buffer.from(await enveloped.decrypt(index, { recipientCertificate, recipientPrivateKey }));
}

describe('a sealed bundle', { skip: lacks('openssl') }, () => {
  const recipients = {
    'RSA-2048': certificateFile(['rsa:2048']),
    'RSA-3072': certificateFile(['rsa:3072']),
    'P-256': certificateFile(onCurve('P-256')),
    'P-384': certificateFile(onCurve('P-384')),
    'P-521': certificateFile(onCurve('P-521')),
  };

  for (const [kind, recipient] of Object.entries(recipients)) {
    it(`opens with openssl cms -decrypt and a key of type ${kind}`, () => {
      const seal = createSeal([recipient.certificatePem]);
      // Lengths around a block of the cipher, none at all, and one length twice, which shares a layout.
      for (const length of [0, 1, 15, 16, 17, 10_000, 10_000, 70_000]) {
        const content = randomBytes(length);
        assert.deepEqual(decrypt(seal(content), recipient), content, `${length} octets`);
      }
    });
  }

  it('opens with the key of each of its recipients and with no other key', () => {
    const content = Buffer.from('the bundle');
    const sealed = createSeal(Object.values(recipients).map(({ certificatePem }) => certificatePem))(content);
    for (const recipient of Object.values(recipients)) assert.deepEqual(decrypt(sealed, recipient), content);
    for (const stranger of [certificateFile(['rsa:2048']), certificateFile(onCurve('P-256'))])
      assert.notDeepEqual(decrypt(sealed, stranger), content);
  });

  it('has its recipients in the order of DER, with each new key', () => {
    const own = Object.values(recipients);
    const more = Array.from({ length: 3 }, () => certificateFile(onCurve('P-256')));
    const all = [...own, ...more].map(({ certificatePem }) => certificatePem);
    for (const pems of [all, all.toReversed()]) {
      const seal = createSeal(pems);
      for (let times = 0; times < 20; times++) {
        const found = recipientInfos(seal(Buffer.from('the bundle')));
        assert.equal(found.length, all.length);
        assert.deepEqual(found, found.toSorted(Buffer.compare));
      }
    }
  });

  it('is the same when OpenSSL writes it again, which puts members of a SET OF in the order of DER', () => {
    const seal = createSeal(Object.values(recipients).map(({ certificatePem }) => certificatePem));
    for (let times = 0; times < 5; times++) {
      const sealed = seal(randomBytes(100));
      assert.deepEqual(rewritten(sealed), sealed);
    }
  });

  it('is read by PKI.js, which opens it with RSA keys', async () => {
    const content = randomBytes(1000);
    const all = Object.values(recipients);
    const sealed = createSeal(all.map(({ certificatePem }) => certificatePem))(content);
    const found = readByPkijs(sealed).recipientInfos.map(serialOf);
    const expected = all.map((each) => BigInt(`0x${new X509Certificate(each.certificatePem).serialNumber}`));
    assert.deepEqual(new Set(found), new Set(expected));
    // PKI.js 4.0 opens no message with an EC key, not those of OpenSSL either.
    for (const kind of ['RSA-2048', 'RSA-3072'] as const)
      assert.deepEqual(await decryptByPkijs(sealed, recipients[kind]), content);
  });

  it('is different each time, since its key is new', () => {
    const seal = createSeal([recipients['P-256'].certificatePem]);
    const [one, two] = [seal(Buffer.alloc(64)), seal(Buffer.alloc(64))];
    assert.equal(one.length, two.length);
    assert.notDeepEqual(one.subarray(-64), two.subarray(-64));
  });

  it('is DER that OpenSSL and GnuTLS can print', () => {
    const sealed = createSeal([recipients['RSA-2048'].certificatePem, recipients['P-256'].certificatePem])(
      Buffer.alloc(100),
    );
    const directory = mkdtempSync(join(tmpdir(), 'sealed-'));
    try {
      writeFileSync(join(directory, 'sealed'), sealed);
      const printed = run('openssl', ['cms', '-cmsout', '-print', '-noout', '-inform', 'DER', '-in', 'sealed'], {
        cwd: directory,
      });
      assert.equal(printed.status, 0, printed.output);
      assert.match(printed.stdout, /pkcs7-envelopedData/);
      assert.match(printed.stdout, /aes-256-cbc/);
      assert.match(printed.stdout, /rsaesOaep/);
      assert.match(printed.stdout, /dhSinglePass-stdDH-sha256kdf-scheme/);
      assert.equal(run('openssl', ['asn1parse', '-inform', 'DER', '-in', 'sealed'], { cwd: directory }).status, 0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is the whole bundle of a group whose custody is "sealed"', async () => {
    const technician = recipients['RSA-2048'];
    // The certificate was made by OpenSSL a moment ago, so the group is declared at the current time.
    const now = new Date(Date.now() + 60_000);
    const { bundle, bundler } = await someBundler(
      { keyCustody: 'sealed', recipients: [technician.certificatePem] },
      { now },
    );
    assert.equal(bundler.mediaType, 'application/cms');
    assert.equal(bundler.fileExtension, '.tar.gz.cms');
    const sealed = await bundle('gw-1');
    assert.ok(!sealed.includes('PRIVATE KEY'));
    const opened = decrypt(sealed, technician);
    assert.ok(opened);
    const files = new Map(readTar(opened).map(({ path, body }) => [path, body.toString()]));
    assert.match(files.get('gw-1/secrets/device-identity.key.pem') ?? '', /PRIVATE KEY/);
    assert.match(files.get('gw-1/README.md') ?? '', /openssl cms -decrypt -inform DER -in gw-1\.tar\.gz\.cms/);
  });
});
