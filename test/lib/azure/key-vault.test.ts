import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TokenCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';
import type { KeyVaultEmulatorOptions, VaultAction } from 'fleet-emulators/key-vault';
import { createKeyVaultEmulator } from 'fleet-emulators/key-vault';
import { ensureLocalTls, type LocalTls } from 'fleet-emulators/tls';
import { createKeyVaultKeyStore, vaultKeyName, x509Signature } from '../../../lib/azure/key-vault.ts';
import { createKeyVaultSecretStore } from '../../../lib/azure/key-vault-secrets.ts';
import { FleetError } from '../../../lib/errors.ts';
import { someTime } from '../../factories.ts';
import fc from '../../fast-check.ts';
import { trustLocalTls } from './trust-local-tls.ts';

let directory: string;
let tls: LocalTls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-vault-'));
  tls = await ensureLocalTls({ directory: join(directory, 'tls') });
  trustLocalTls(tls.caPem);
});
after(() => rm(directory, { recursive: true, force: true }));

const token = 'token-of-the-directory';
const credential: TokenCredential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };

/** Runs a test with a vault of its own, a key store on it and an operator's client. */
async function withVault(
  options: Omit<KeyVaultEmulatorOptions, 'tls'>,
  work: (vault: {
    open: () => ReturnType<typeof createKeyVaultKeyStore>;
    client: KeyClient;
    url: string;
  }) => Promise<void>,
) {
  const emulator = createKeyVaultEmulator({ tls, ...options });
  const { url } = await emulator.listen(0);
  try {
    const client = new KeyClient(url, credential, { disableChallengeResourceVerification: true });
    await work({ url, client, open: () => createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 0 }) });
  } finally {
    await emulator.close();
  }
}

/** A clock that advances by this much whenever it is read. */
function someClock({ stepSeconds }: { stepSeconds: number }): () => Date {
  let reads = 0;
  return () => {
    reads += 1;
    return new Date(someTime.getTime() + reads * stepSeconds * 1000);
  };
}

const isFleetError = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FleetError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

describe('key store in Key Vault', () => {
  it('creates keys that can only sign and are not exportable', () =>
    withVault({}, async ({ open, client }) => {
      await open().signer('issuing-line.7-1', 'ec-p384');
      const key = await client.getKey('issuing--line-p7--1');
      assert.deepEqual(key.keyOperations, ['sign']);
      assert.equal(key.properties.exportable, false);
      assert.equal(key.properties.tags?.['fleetKey'], 'issuing-line.7-1');
    }));

  it('makes and imports keys in an HSM where it is to, of types that have the suffix -HSM', () =>
    withVault({ limits: { hsmCreations: 100 } }, async ({ client, url }) => {
      const open = () => createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 0, protection: 'hsm' });
      const typeOf = async (name: string) => (await client.getKey(name)).keyType;
      for (const [keyType, expected] of [
        ['ec-p256', 'EC-HSM'],
        ['ec-p384', 'EC-HSM'],
        ['rsa-4096', 'RSA-HSM'],
      ] as const) {
        await open().signer(keyType, keyType);
        assert.equal(await typeOf(vaultKeyName(keyType)), expected);
      }
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await open().importKey('imported', 'ec-p256', privateKey);
      assert.equal(await typeOf('imported'), 'EC-HSM');
    }));

  it('takes no key in software for a new CA where keys are to be in an HSM, and keeps that of a CA that exists', () =>
    withVault({ limits: { hsmCreations: 100 } }, async ({ open, url }) => {
      const before = await open().signer('root', 'ec-p256');
      const inHsm = () => createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 0, protection: 'hsm' });
      const fresh = await inHsm().signer('root', 'ec-p256');
      assert.ok(!fresh.publicKey.equals(before.publicKey));
      assert.equal(await inHsm().check('root', 'ec-p256', fresh.publicKey), 'hsm');
      const same = await inHsm().signer('root', 'ec-p256', before.publicKey);
      assert.ok(verify('sha256', Buffer.from('x'), before.publicKey, await same.sign(Buffer.from('x'))));
      assert.equal(await inHsm().check('root', 'ec-p256', before.publicKey), 'software');
      // A second process agrees on the key in the HSM.
      assert.ok((await inHsm().signer('root', 'ec-p256')).publicKey.equals(fresh.publicKey));
    }));

  it('says that a vault of the SKU standard has no HSM, and makes no key in software instead', () =>
    withVault({ sku: 'standard' }, async ({ client, url }) => {
      const store = createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 0, protection: 'hsm' });
      const refused = isFleetError('setting-invalid', /CA_KEY_PROTECTION.*SKU premium/);
      await assert.rejects(store.signer('root', 'ec-p256'), refused);
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await assert.rejects(store.importKey('own', 'ec-p256', privateKey), refused);
      assert.deepEqual(await Array.fromAsync(client.listPropertiesOfKeys()), []);
    }));

  it('keeps using its key after a rotation', () =>
    withVault({ now: someClock({ stepSeconds: 1 }) }, async ({ open, client }) => {
      const { publicKey } = await open().signer('root', 'ec-p256');
      await client.createEcKey('root', { curve: 'P-256' });
      assert.ok((await open().signer('root', 'ec-p256')).publicKey.equals(publicKey));
    }));

  it('finds the version of a certificate on a later page of versions', () =>
    withVault({ pageSize: 2, limits: { creations: 100 } }, async ({ open, client }) => {
      for (let version = 0; version < 4; version++) await client.createEcKey('root', { curve: 'P-256' });
      const { key, properties } = await client.createEcKey('root', { curve: 'P-256', keyOps: ['sign'] });
      await client.createEcKey('root', { curve: 'P-256' });
      const jwk = { kty: 'EC', crv: 'P-256', x: base64url(key?.x), y: base64url(key?.y) };
      const publicKey = createPublicKey({ format: 'jwk', key: jwk });
      const signer = await open().signer('root', 'ec-p256', publicKey);
      assert.ok(signer.publicKey.equals(publicKey), properties.version);
      assert.ok(verify('sha256', Buffer.from('x'), publicKey, await signer.sign(Buffer.from('x'))));
    }));

  it('does not use a disabled version', () =>
    withVault({}, async ({ open, client }) => {
      const { publicKey } = await open().signer('root', 'ec-p256');
      const { properties } = await client.getKey('root');
      await client.updateKeyProperties('root', properties.version ?? '', { enabled: false });
      await assert.rejects(
        open().signer('root', 'ec-p256', publicKey),
        isFleetError('ca-key-unusable', /0 enabled versions/),
      );
    }));

  it('refuses a deleted key, says how to recover it, and creates no other', () =>
    withVault({}, async ({ open, client }) => {
      const { publicKey } = await open().signer('root', 'ec-p256');
      await (await client.beginDeleteKey('root')).pollUntilDone();
      const deleted = isFleetError('ca-key-unusable', /"root" is deleted.*az keyvault key recover/);
      await assert.rejects(open().signer('root', 'ec-p256'), deleted);
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await assert.rejects(open().importKey('root', 'ec-p256', privateKey), deleted);
      await (await client.beginRecoverDeletedKey('root')).pollUntilDone();
      assert.ok((await open().signer('root', 'ec-p256')).publicKey.equals(publicKey));
    }));

  it('passes on the wait of a throttled vault, for keys and for signatures', () =>
    withVault({ limits: { creations: 1, others: 3 } }, async ({ open }) => {
      const store = open();
      // Two lists and a read are the three others.
      const signer = await store.signer('root', 'ec-p256');
      const throttled = (error: unknown) => {
        assert.ok(error instanceof FleetError, String(error));
        assert.equal(error.code, 'throttled');
        assert.ok(error.retry);
        const { retryAfter = 0 } = error.details;
        assert.ok(retryAfter >= 1 && retryAfter <= 10, String(retryAfter));
        return true;
      };
      await assert.rejects(async () => await signer.sign(Buffer.from('x')), throttled);
      await assert.rejects(open().signer('other', 'ec-p256'), throttled);
    }));

  it('waits as long as the vault asks before it fails', () => {
    // Each reading of the clock is 4 seconds later, so the limit of 10 seconds is over before the SDK retries.
    const now = someClock({ stepSeconds: 4 });
    return withVault({ limits: { others: 2 }, now }, async ({ url }) => {
      const store = createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 3 });
      const signer = await store.signer('root', 'ec-p256');
      assert.ok((await signer.sign(Buffer.from('x'))).length > 64);
    });
  });

  it('does not cache a failure', () => {
    const denied: VaultAction[] = ['create'];
    return withVault({ denied }, async ({ open }) => {
      const store = open();
      await assert.rejects(store.signer('root', 'ec-p256'), isFleetError('unavailable', /HTTP 403/));
      denied.length = 0;
      assert.equal((await store.signer('root', 'ec-p256')).keyType, 'ec-p256');
    });
  });

  it('reports a refused identity', async () => {
    await withVault({ bearerTokens: ['another'] }, async ({ open }) => {
      await assert.rejects(
        open().signer('root', 'ec-p256'),
        isFleetError('unavailable', /refuses this app's identity/),
      );
    });
    await withVault({ denied: ['sign'] }, async ({ open }) => {
      const signer = await open().signer('root', 'ec-p256');
      const refused = isFleetError('unavailable', /HTTP 403/);
      await assert.rejects(async () => await signer.sign(Buffer.from('x')), refused);
    });
  });

  it('reports a vault that does not answer', async () => {
    const store = createKeyVaultKeyStore({ vaultUrl: 'https://localhost:1', credential, maxRetries: 0 });
    await assert.rejects(store.signer('root', 'ec-p256'), isFleetError('unavailable', /did not answer/));
  });

  it('sends no token of the directory to a vault on localhost', () =>
    withVault({ bearerTokens: ['local'] }, async ({ open }) => {
      assert.equal((await open().signer('root', 'ec-p256')).keyType, 'ec-p256');
    }));
});

describe('a vault that does not answer', () => {
  it('makes a key and a secret fail as unavailable after the timeout', async () => {
    // It takes the request, and that is all.
    const server = createServer({ key: tls.keyPem, cert: tls.certPem }, () => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const vaultUrl = `https://localhost:${(server.address() as AddressInfo).port}`;
    try {
      const options = { vaultUrl, credential, timeoutMs: 200 };
      const late = isFleetError('unavailable', /did not answer in time/);
      await assert.rejects(createKeyVaultKeyStore(options).signer('root', 'ec-p256'), late);
      await assert.rejects(createKeyVaultSecretStore(options).get('webhook-1'), late);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('Key Vault emulator', () => {
  it('keeps its keys across a restart, in files that only their owner can read', async () => {
    const keys = join(directory, 'restart');
    let before: string | Buffer | undefined;
    await withVault({ directory: keys }, async ({ open }) => {
      before = (await open().signer('root', 'ec-p256')).publicKey.export({ type: 'spki', format: 'pem' });
    });
    const files = await readdir(keys);
    assert.deepEqual(files.sort(), ['root.json', 'secrets']);
    assert.equal((await stat(join(keys, 'root.json'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(keys, 'secrets'))).mode & 0o777, 0o700);
    await withVault({ directory: keys }, async ({ open }) => {
      const { publicKey } = await open().signer('root', 'ec-p256');
      assert.equal(publicKey.export({ type: 'spki', format: 'pem' }), before);
    });
  });

  it('signs with an imported key as OpenSSL verifies it', () =>
    withVault({}, async ({ client }) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
      const { x, y, d } = privateKey.export({ format: 'jwk' });
      const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64url');
      await client.importKey('own', { kty: 'EC', crv: 'P-384', x: bytes(x), y: bytes(y), d: bytes(d) });
      const digest = createHash('sha384').update('x').digest();
      for (let round = 0; round < 20; round++) {
        const { result } = await client.getCryptographyClient('own').sign('ES384', digest);
        assert.ok(verify('sha384', Buffer.from('x'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, result));
      }
    }));

  it('never returns a private part', () =>
    withVault({}, async ({ url, client }) => {
      await client.createRsaKey('root', { keySize: 2048 });
      const get = (path: string) =>
        fetch(`${url}${path}?api-version=7.6`, { headers: { authorization: 'Bearer x' } }).then((response) =>
          response.text(),
        );
      for (const path of ['/keys', '/keys/root', '/keys/root/versions']) {
        const text = await get(path);
        assert.doesNotMatch(text, /"(d|p|q|dp|dq|qi)":/);
        assert.match(text, /keys\/root/);
      }
    }));
});

describe('vaultKeyName', () => {
  const keyName = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,80}$/);

  it('is a name that a vault accepts', () => {
    fc.assert(fc.property(keyName, (name) => /^[0-9a-zA-Z-]{1,127}$/.test(vaultKeyName(name))));
  });

  it('gives different names to different keys', () => {
    // Few letters, so that names which could collide come up often; lengths around the one where digests begin.
    const close = fc.stringMatching(/^a[-._apux]{0,90}$/);
    fc.assert(
      fc.property(close, close, (a, b) => {
        assert.equal(vaultKeyName(a).toLowerCase() === vaultKeyName(b).toLowerCase(), a === b);
      }),
      { numRuns: 2000 },
    );
  });

  it('stays readable, and within the limit at its longest', () => {
    assert.equal(vaultKeyName('issuing-line7-1'), 'issuing--line7--1');
    assert.equal(vaultKeyName('issuing-plant_a.line7-2'), 'issuing--plant-ua-pline7--2');
    assert.equal(vaultKeyName(`issuing-${'a.'.repeat(32)}-1`).length, 108);
    assert.match(vaultKeyName(`issuing-0${'.'.repeat(62)}0-1`), /^issuing--0(-p)+-x[0-9a-f]{40}$/);
  });

  it('refuses a name that no CA key has', () => {
    for (const name of ['', '../root', 'Root', 'a/b', '-a', 'ä'])
      assert.throws(() => vaultKeyName(name), { code: 'internal' });
  });
});

describe('x509Signature', () => {
  it('is a signature that OpenSSL verifies, also when its numbers begin with zeros or a high bit', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // One number in 256 begins with a zero byte, so 2,000 signatures contain every case.
    for (let round = 0; round < 2000; round++) {
      const data = Buffer.from(String(round));
      const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      assert.ok(verify('sha256', data, publicKey, x509Signature(Uint8Array.from(raw), 'ec-p256')));
    }
  });

  it('writes the shortest form of each number', () => {
    const raw = Buffer.alloc(64);
    raw[31] = 0x80;
    raw[63] = 1;
    assert.equal(Buffer.from(x509Signature(raw, 'ec-p256')).toString('hex'), '3007020200800201' + '01');
  });
});

const base64url = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString('base64url');
