import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';

// Only what is particular to files. test/contract/key-store.ts tests what every key store does.

function someDirectory() {
  const parent = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
  const directory = join(parent, 'ca', 'keys');
  return { directory, [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true }) };
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('keys in files', () => {
  it('can be read by their owner only', async () => {
    using place = someDirectory();
    await createSoftwareKeyStore(place).signer('root', 'ec-p256');
    assert.equal(modeOf(place.directory), 0o700);
    assert.equal(modeOf(join(place.directory, 'root.pem')), 0o600);
    assert.match(readFileSync(join(place.directory, 'root.pem'), 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.deepEqual(readdirSync(place.directory), ['root.pem']);
  });

  for (const mode of [0o640, 0o604, 0o660]) {
    it(`are not used when others can read them (${mode.toString(8)})`, async () => {
      using place = someDirectory();
      await createSoftwareKeyStore(place).signer('root', 'ec-p256');
      const path = join(place.directory, 'root.pem');
      chmodSync(path, mode);
      await assert.rejects(() => createSoftwareKeyStore(place).signer('root', 'ec-p256'), {
        code: 'setting-invalid',
        message: new RegExp(`root.pem has mode ${mode.toString(8)}.*chmod 600`),
      });
      chmodSync(path, 0o600);
      chmodSync(place.directory, 0o755);
      await assert.rejects(() => createSoftwareKeyStore(place).signer('root', 'ec-p256'), {
        code: 'setting-invalid',
        message: /has mode 755.*chmod 700/,
      });
    });
  }

  it('are made once when several processes ask for the same new key', async () => {
    using place = someDirectory();
    const program = `
      import { createSoftwareKeyStore } from ${JSON.stringify(join(import.meta.dirname, '../../../lib/pki/software-key-store.ts'))};
      const store = createSoftwareKeyStore({ directory: ${JSON.stringify(place.directory)} });
      const signer = await store.signer('issuing-line7-1', 'ec-p256');
      process.stdout.write(signer.publicKey.export({ type: 'spki', format: 'der' }).toString('hex'));`;
    const runs = await Promise.all(
      Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]),
      ),
    );
    assert.equal(new Set(runs.map(({ stdout }) => stdout)).size, 1);
    assert.deepEqual(readdirSync(place.directory), ['issuing-line7-1.pem']);
  });

  it('that a crash left incomplete are ignored, and removed later', async () => {
    using place = someDirectory();
    await createSoftwareKeyStore(place).signer('root', 'ec-p256');
    const [old, recent] = [
      join(place.directory, '.0123456789abcdef.tmp'),
      join(place.directory, '.fedcba9876543210.tmp'),
    ];
    for (const path of [old, recent]) writeFileSync(path, '-----BEGIN PRI', { mode: 0o600 });
    const anHourAgo = new Date(Date.now() - 60 * 60 * 1000);
    utimesSync(old, anHourAgo, anHourAgo);
    await createSoftwareKeyStore(place).signer('other', 'ec-p256');
    assert.deepEqual(readdirSync(place.directory).sort(), ['.fedcba9876543210.tmp', 'other.pem', 'root.pem']);
  });

  it('that hold something else are refused without quoting their content', async () => {
    using place = someDirectory();
    await createSoftwareKeyStore(place).signer('root', 'ec-p256');
    writeFileSync(
      join(place.directory, 'root.pem'),
      '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n',
    );
    await assert.rejects(
      () => createSoftwareKeyStore(place).signer('root', 'ec-p256'),
      (error: Error & { code?: string }) =>
        error.code === 'setting-invalid' && error.cause === undefined && !error.message.includes('c2VjcmV0'),
    );
  });

  it('cannot have names that are paths', async () => {
    using place = someDirectory();
    const store = createSoftwareKeyStore(place);
    for (const name of ['', '.', '..', '../root', 'a/b', 'a\\b', '.hidden', 'a\u0000', 'A', 'a'.repeat(129)]) {
      await assert.rejects(() => store.signer(name, 'ec-p256'), { code: 'setting-invalid' });
    }
  });
});
