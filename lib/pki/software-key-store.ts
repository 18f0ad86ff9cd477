import { createPublicKey, generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto';
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FleetError } from '../errors.ts';
import type { CaKeyType, KeyStore, LocalSigner, Signer } from './key-store.ts';
import { describeKey, keyTypeOf, signatureAlgorithm } from './keys.ts';
import { encodePrivateKeyPem, readPrivateKey } from './private-key-pem.ts';

/** Names become file names, so they have no separator and do not begin with a dot. */
const keyName = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** A temporary key file older than this was left by a process that crashed. */
const staleMilliseconds = 10 * 60 * 1000;

/**
 * CA keys as PKCS#8 PEM files of mode 0600 in a directory of mode 0700, for one machine. A key is made at its first use: it is
 * written as a whole under a temporary name, then linked to its own name, which fails if another process was first. So
 * processes that race get one key, and a crash leaves no incomplete file under the name of a key.
 */
export function createSoftwareKeyStore({ directory }: { readonly directory: string }): KeyStore {
  const signers = new Map<string, Promise<Signer>>();

  /** @param orElse gives the key to store when there is none under the name yet */
  async function load(name: string, keyType: CaKeyType, orElse: () => Promise<KeyObject> | KeyObject): Promise<Signer> {
    if (!keyName.test(name))
      throw new FleetError(
        'setting-invalid',
        'The name of a CA key cannot be a file name. Expected 1 to 128 of a-z, 0-9, ".", "_" and "-".',
      );
    await prepareDirectory(directory);
    const path = join(directory, `${name}.pem`);
    const key = (await readKey(path)) ?? (await keepKey(directory, path, await orElse()));
    return createSoftwareSigner(key, keyType);
  }

  const gone = (name: string) =>
    new FleetError(
      'ca-key-unusable',
      `The CA has no key "${name}" in ${directory} any more. Restore the directory from its backup.`,
    );

  return {
    async signer(name, keyType, publicKey) {
      const id = `${name} ${keyType}`;
      let opened = signers.get(id);
      if (opened === undefined) {
        opened = load(name, keyType, () => {
          if (publicKey === undefined) return generateKey(keyType);
          throw gone(name);
        });
        signers.set(id, opened);
        opened.catch(() => signers.delete(id));
      }
      return withKey(await opened, name, publicKey);
    },

    async check(name, keyType, publicKey) {
      withKey(await load(name, keyType, () => Promise.reject(gone(name))), name, publicKey);
      return 'file';
    },

    async importKey(name, keyType, privateKey) {
      return withKey(await load(name, keyType, () => privateKey), name, createPublicKey(privateKey));
    },
  };
}

/** @returns the signer, if it has the key that is asked for */
function withKey(signer: Signer, name: string, publicKey: KeyObject | undefined): Signer {
  if (publicKey === undefined || signer.publicKey.equals(publicKey)) return signer;
  throw new FleetError('ca-key-unusable', `CA key "${name}" is not the key of the CA certificate.`);
}

async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  refuseMode(directory, (await stat(directory)).mode, '700');
  for (const file of await readdir(directory)) {
    if (!file.endsWith('.tmp')) continue;
    const path = join(directory, file);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > staleMilliseconds) await unlink(path).catch(() => {});
  }
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new FleetError('setting-invalid', `The key file ${path} cannot be opened (${error.code ?? 'unknown'}).`);
  });
  if (file === undefined) return undefined;
  let pem: Buffer | undefined;
  try {
    refuseMode(path, (await file.stat()).mode, '600');
    pem = await file.readFile();
    return readPrivateKey(pem);
  } catch (error) {
    if (error instanceof FleetError) throw error;
    // Without the cause: the parser's message may quote the key.
    throw new FleetError('setting-invalid', `The key file ${path} does not hold a private key in PEM.`);
  } finally {
    pem?.fill(0);
    await file.close();
  }
}

/** @returns the key that is stored: this one, or that of a process that was faster */
async function keepKey(directory: string, path: string, key: KeyObject): Promise<KeyObject> {
  const temporary = join(directory, `.${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const pem = encodePrivateKeyPem(der);
  der.fill(0);
  try {
    await file.writeFile(pem);
    await file.sync();
  } finally {
    pem.fill(0);
    await file.close();
  }
  try {
    await link(temporary, path);
    await syncDirectory(directory);
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const first = await readKey(path);
    if (first === undefined) throw new FleetError('internal', `The key file ${path} was removed while it was made.`);
    return first;
  } finally {
    await unlink(temporary);
  }
}

async function generateKey(keyType: CaKeyType): Promise<KeyObject> {
  if (keyType === 'rsa-4096') {
    return (await promisify(generateKeyPair)('rsa', { modulusLength: 4096, publicExponent: 65537 })).privateKey;
  }
  const namedCurve = keyType === 'ec-p256' ? 'prime256v1' : 'secp384r1';
  return (await promisify(generateKeyPair)('ec', { namedCurve })).privateKey;
}

/** Makes the name of a new file durable: it is part of the directory, not of the file. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

function refuseMode(path: string, mode: number, expected: '600' | '700'): void {
  // Windows has no such modes. There the ACL of the directory decides.
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  const found = (mode & 0o777).toString(8).padStart(3, '0');
  throw new FleetError(
    'setting-invalid',
    `${path} has mode ${found}, so others can reach CA keys. Set it: chmod ${expected} '${path}'`,
  );
}

/**
 * Signs with a key in this process.
 * @throws FleetError `ca-key-unusable` when the key is not of that type
 */
export function createSoftwareSigner(privateKey: KeyObject, keyType: CaKeyType): LocalSigner {
  if (keyTypeOf(privateKey) !== keyType) {
    throw new FleetError('ca-key-unusable', `A CA key is ${describeKey(privateKey)}; expected ${keyType}.`);
  }
  const { hash } = signatureAlgorithm[keyType];
  return {
    keyType,
    publicKey: createPublicKey(privateKey),
    isLocal: true,
    // `sign` gets the KeyObject itself: options or PEM would cost half a signature more. ECDSA is DER by default.
    sign: (data) => sign(hash, data, privateKey),
  };
}
