import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KeyStore } from '../../../lib/pki/key-store.ts';
import { type JournalEntry, journaled } from '../../../lib/pki/signing-journal.ts';
import { createSoftwareSigner } from '../../../lib/pki/software-key-store.ts';

test('a journal has a line of what each key signs, before its signature is made', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-journal-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'signed.jsonl');
  const lines = async () =>
    (await readFile(file, 'utf8')).split('\n').flatMap((line) => (line ? [JSON.parse(line) as JournalEntry] : []));

  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const good = createSoftwareSigner(privateKey, 'ec-p256');
  const broken = { ...good, sign: () => assert.fail('the key is gone') };
  const keys: KeyStore = {
    signer: async (name) => (name === 'broken' ? broken : good),
    check: async () => 'file',
    importKey: async () => good,
  };
  const store = journaled(keys, file);

  const first = Buffer.from('first');
  const signature = await (await store.signer('ca', 'ec-p256')).sign(first);
  assert.ok(verify('sha256', first, publicKey, signature));
  const failing = await store.signer('broken', 'ec-p256');
  assert.throws(() => failing.sign(Buffer.from('second')), /the key is gone/);
  await (await store.importKey('imported', 'ec-p256', privateKey)).sign(Buffer.from('third'));

  assert.deepEqual(
    (await lines()).map(({ key, signed }) => [key, Buffer.from(signed, 'base64').toString()]),
    [
      ['ca', 'first'],
      ['broken', 'second'],
      ['imported', 'third'],
    ],
  );
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});
