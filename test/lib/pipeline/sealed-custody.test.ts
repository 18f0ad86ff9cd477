import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readBundle } from '../../../infra/local/demo/bundle-files.ts';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { createWorld } from '../../world.ts';
import { type CertificateFile, certificateFile } from '../bundle/certificate-file.ts';
import { lacks } from '../bundle/command.ts';

/** Decrypts a sealed bundle with OpenSSL, as a technician does. */
function opened(sealed: Buffer, { certificatePem, keyPem }: CertificateFile): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'sealed-'));
  try {
    writeFileSync(join(directory, 'certificate.pem'), certificatePem);
    writeFileSync(join(directory, 'key.pem'), keyPem, { mode: 0o600 });
    const args = ['cms', '-decrypt', '-binary', '-inform', 'DER', '-recip', 'certificate.pem', '-inkey', 'key.pem'];
    return execFileSync('openssl', args, { cwd: directory, input: sealed });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('a group with keyCustody "sealed"', { skip: lacks('openssl') }, () => {
  for (const enrollment of ['group', 'individual'] as const) {
    it(`has bundles that only a recipient opens, with the certificate of the record (${enrollment})`, async () => {
      const recipient = certificateFile(['rsa:2048'], 'keyUsage=keyEncipherment', 3650);
      using world = createWorld({ now: () => new Date() });
      await world.declare('line7', { keyCustody: 'sealed', recipients: [recipient.certificatePem], enrollment });
      const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n');
      await world.settle();
      const { status, counts } = await world.job(jobId);
      assert.deepEqual([status, counts.provisioned], ['completed', 2]);

      const [archive] = [...world.bundles.blobs.values()];
      const index = readArchiveIndex<Issued>(archive ?? assert.fail('no archive'));
      assert.deepEqual(
        index.map(({ name, info }) => [name, info.mediaType, info.keyMadeBy, info.individual !== undefined]),
        ['gw-1', 'gw-2'].map((id) => [`${id}.tar.gz.cms`, 'application/cms', 'service', enrollment === 'individual']),
      );
      for (const id of ['gw-1', 'gw-2']) {
        const { body } = await downloadBundle(id, 'Ann', world.services());
        const files = await readBundle(opened(body, recipient));
        const texts = [...files.values()].map((file) => file.body.toString('latin1'));
        assert.ok(texts.some((text) => text.includes('PRIVATE KEY-----')));
        const chain = files.get('certs/device-identity.full-chain.pem')?.body ?? assert.fail('no certificate');
        const leaf = new X509Certificate(chain);
        const record = world.devices.records.get(id) ?? assert.fail();
        assert.equal(leaf.serialNumber.toLowerCase(), record.serialNumber);
        assert.equal(certificatesOf(record)[0]?.keyMadeBy, 'service');
      }
    });
  }
});
