import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { readArchiveIndex } from '../../../../lib/bundle/archive.ts';
import { readTar } from '../../../../lib/bundle/tar.ts';
import { startAzurite } from '../../../infra/local/azurite.ts';
import { certificateFile } from '../../bundle/certificate-file.ts';
import { lacks, run } from '../../bundle/command.ts';
import { findInMemory } from './process-memory.ts';

/*
 * What of the devices' private keys is in the memory of a worker after their chunk: its memory is read as an attacker would
 * read it. docs/reliability.md and docs/certificates.md claim what is asserted here, and no more.
 */

const worker = fileURLToPath(new URL('./provision-and-wait.ts', import.meta.url));
const skip = process.platform === 'linux' ? lacks('openssl') : 'reads /proc, which only Linux has';

describe('after a chunk of 50 devices, the memory of the worker', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-memory-'));
  const recipient = skip === false ? certificateFile(['rsa:2048']) : { certificatePem: '', keyPem: '' };
  let azurite: Awaited<ReturnType<typeof startAzurite>>;
  let child: ReturnType<typeof spawn>;
  /** Of all keys, by `<form> <device> <part>`. */
  const patterns = new Map<string, Buffer>();
  let found: ReadonlyMap<string, number> = new Map();
  const foundOf = (form: string) => [...found.keys()].filter((name) => name.startsWith(form));

  before(async () => {
    azurite = await startAzurite(directory);
    const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('bundles');
    await container.create();
    writeFileSync(join(directory, 'certificate.pem'), recipient.certificatePem);
    writeFileSync(join(directory, 'key.pem'), recipient.keyPem);
    child = spawn(
      process.execPath,
      ['--expose-gc', worker, azurite.connectionString, 'bundles', join(directory, 'certificate.pem')],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    if (child.stdout === null) throw new Error('The worker has no output.');
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')]);
    assert.equal(line, 'ready');

    const archives: Buffer[] = [];
    for await (const { name } of container.listBlobsFlat())
      archives.push(await container.getBlobClient(name).downloadToBuffer());
    assert.equal(archives.length, 1);
    const keys = archives.flatMap(keysOf);
    // 50 identities, and the Edge CA of 42 of them.
    assert.equal(keys.length, 92);
    for (const { name, pem } of keys) addPatterns(name, pem);
    for (const form of ['one-byte string', 'two-byte string', 'buffer']) {
      const text = createHash('sha512').update(form).digest('base64');
      patterns.set(`control ${form}`, Buffer.from(text, form === 'two-byte string' ? 'utf16le' : 'latin1'));
    }
    found = findInMemory(child.pid ?? 0, patterns);
  });

  after(async () => {
    child?.kill('SIGKILL');
    await azurite?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function keysOf(archive: Buffer): { name: string; pem: string }[] {
    return readArchiveIndex(archive).flatMap(({ name, offset, length }) => {
      const body = archive.subarray(offset, offset + length);
      return readTar(name.endsWith('.cms') ? decrypt(body) : body)
        .filter(({ path }) => path.endsWith('.key.pem'))
        .map(({ path, body }) => ({ name: path, pem: body.toString() }));
    });
  }

  function decrypt(sealed: Buffer): Buffer {
    writeFileSync(join(directory, 'sealed'), sealed);
    const recipientArguments = ['-recip', 'certificate.pem', '-inkey', 'key.pem'];
    const { status, output } = run(
      'openssl',
      ['cms', '-decrypt', '-inform', 'DER', '-in', 'sealed', '-out', 'opened', ...recipientArguments],
      { cwd: directory },
    );
    assert.equal(status, 0, output);
    return readFileSync(join(directory, 'opened'));
  }

  /** A part of each secret number in each form is enough: 16 characters are 12 octets, which no chance repeats. */
  function addPatterns(name: string, pem: string): void {
    const lines = pem.trim().split('\n').slice(1, -1);
    const { crv, d = '', p, q } = createPrivateKey(pem).export({ format: 'jwk' });
    // The scalar of a P-256 key is in characters 48 to 90. The private numbers of an RSA key begin in line 7 of 26.
    const secret =
      crv === undefined
        ? lines.slice(7, -1).map((line) => line.slice(0, 32))
        : [lines[0]?.slice(48) ?? '', lines[1]?.slice(0, 24) ?? ''];
    for (const [index, text] of secret.entries()) {
      patterns.set(`text ${name} ${index}`, Buffer.from(text, 'latin1'));
      patterns.set(`text ${name} ${index}, two bytes`, Buffer.from(text, 'utf16le'));
    }
    for (const [index, number] of [d, p, q].entries()) {
      if (number === undefined) continue;
      const octets = Buffer.from(number, 'base64url');
      patterns.set(`number ${name} ${index}`, octets.subarray(0, 16));
      // OpenSSL computes with the lowest octet first.
      patterns.set(`number ${name} ${index}, reversed`, Buffer.from(octets).reverse().subarray(0, 16));
    }
  }

  it('is read: texts that were kept are found in each form', () => {
    assert.equal(foundOf('control').length, 3);
  });

  it('holds no text of a key, in one byte or two bytes per character', () => {
    assert.deepEqual(foundOf('text'), []);
  });

  it('holds no private number of a key, in either order of its octets', () => {
    assert.deepEqual(foundOf('number'), []);
  });
});
