import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KeyClient, type KeyVaultKey } from '@azure/keyvault-keys';
import { createKeyVaultEmulator, documentedLimits, type KeyVaultEmulatorOptions } from 'fleet-emulators/key-vault';
import { ensureLocalTls, type LocalTls } from 'fleet-emulators/tls';
import { createKeyVaultKeyStore, localCredential } from '../../../../lib/azure/key-vault.ts';
import { someTime } from '../../../factories.ts';
import { trustLocalTls } from '../../../lib/azure/trust-local-tls.ts';

let directory: string;
let tls: LocalTls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vault-emulator-'));
  tls = await ensureLocalTls({ directory: join(directory, 'tls') });
  trustLocalTls(tls.caPem);
});
after(() => rm(directory, { recursive: true, force: true }));

interface Vault {
  readonly url: string;
  readonly client: KeyClient;
  /** Moves the clock of the vault. */
  pass(seconds: number): void;
  /** Reads the key until the vault refuses. @returns how often it was read, and the seconds to wait */
  readUntilRefused(key: KeyVaultKey): Promise<{ readonly reads: number; readonly wait: number }>;
}

async function withVault(options: Partial<KeyVaultEmulatorOptions>, work: (vault: Vault) => Promise<void>) {
  let at = someTime.getTime();
  const emulator = createKeyVaultEmulator({ tls, now: () => new Date(at), ...options });
  const { url } = await emulator.listen(0);
  const clientOptions = { disableChallengeResourceVerification: true, retryOptions: { maxRetries: 0 } };
  try {
    await work({
      url,
      client: new KeyClient(url, localCredential, clientOptions),
      pass(seconds) {
        at += seconds * 1000;
      },
      async readUntilRefused({ name }) {
        for (let reads = 0; ; reads++) {
          const headers = { authorization: 'Bearer local' };
          const answer = await fetch(`${url}/keys/${name}?api-version=7.5`, { headers });
          await answer.arrayBuffer();
          if (answer.status === 429) return { reads, wait: Number(answer.headers.get('retry-after')) };
          assert.equal(answer.status, 200);
        }
      },
    });
  } finally {
    await emulator.close();
  }
}

describe('a key that is imported into the Key Vault emulator', () => {
  const pair = (type: 'P-256' | 'RSA') =>
    (type === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: type })
    ).privateKey.export({ format: 'jwk' });

  for (const [type, members] of [
    ['P-256', [['d'], ['x', 'y']]],
    ['RSA', [['d'], ['n'], ['p', 'q', 'dp', 'dq', 'qi']]],
  ] as const) {
    for (const foreign of members) {
      it(`is refused when ${foreign.join(', ')} are of another key (${type})`, async () => {
        await withVault({}, async ({ url }) => {
          const [own, other] = [pair(type), pair(type)];
          const key = { ...own, ...Object.fromEntries(foreign.map((name) => [name, other[name]])) };
          const put = async (name: string, body: object) => {
            const headers = { authorization: 'Bearer local', 'content-type': 'application/json' };
            const path = `${url}/keys/${name}?api-version=7.5`;
            return fetch(path, { method: 'PUT', headers, body: JSON.stringify({ key: body }) });
          };
          const answer = await put('mixed', key);
          assert.equal(answer.status, 400, await answer.text());
          assert.equal((await put('mixed', own)).status, 200);
        });
      });
    }
  }
});

describe('the transactions of the Key Vault emulator', () => {
  it('are those that Microsoft documents, per kind of key', () => {
    assert.deepEqual(documentedLimits, {
      ...{ creations: 20, hsmCreations: 10, imports: 300 },
      ...{ others: 4000, hsm: 2000, rsa3072: 1000, hsmRsa3072: 500, rsa4096: 500, hsmRsa4096: 250 },
    });
  });

  it('are half as many in 10 seconds with keys in HSMs as with keys in software', () =>
    withVault({ limits: { others: 40, hsm: 20 } }, async ({ client, pass, readUntilRefused }) => {
      const software = await client.createEcKey('software', { curve: 'P-256' });
      const hsm = await client.createEcKey('hsm', { curve: 'P-256', hsm: true });
      assert.deepEqual([software.keyType, hsm.keyType], ['EC', 'EC-HSM']);
      assert.deepEqual(await readUntilRefused(software), { reads: 40, wait: 10 });
      pass(10);
      assert.deepEqual(await readUntilRefused(hsm), { reads: 20, wait: 10 });
    }));

  it('are weighted, and their sum is enforced: the example of the documentation', () =>
    withVault({ limits: { hsm: 200, hsmRsa4096: 25 } }, async ({ client, readUntilRefused }) => {
      const rsa4096 = await client.createRsaKey('rsa4096', { keySize: 4096, hsm: true });
      const rsa2048 = await client.createRsaKey('rsa2048', { hsm: true });
      for (let read = 0; read < 23; read++) await client.getKey('rsa4096');
      assert.equal((await readUntilRefused(rsa2048)).reads, 16);
      assert.equal((await readUntilRefused(rsa4096)).reads, 0);
    }));

  it('become free one after the other as their 10 seconds pass', () =>
    withVault({ limits: { others: 3 } }, async ({ client, pass, readUntilRefused }) => {
      const key = await client.createEcKey('key');
      await client.getKey('key');
      pass(6);
      assert.deepEqual(await readUntilRefused(key), { reads: 2, wait: 4 });
      pass(4);
      assert.deepEqual(await readUntilRefused(key), { reads: 1, wait: 6 });
    }));

  it('are counted apart for keys that are created: 20 in software, or 10 in HSMs', () =>
    withVault({ limits: { creations: 4, hsmCreations: 2 } }, async ({ client, pass }) => {
      await client.createEcKey('a', { hsm: true });
      await client.createEcKey('b');
      await client.createEcKey('c');
      await assert.rejects(client.createEcKey('d'), { statusCode: 429 });
      pass(10);
      await client.createEcKey('d');
    }));
});

describe('a key in an HSM of the Key Vault emulator', () => {
  it('stays one: read, listed, imported, and after a restart', async () => {
    const keys = join(directory, 'keys');
    await withVault({ directory: keys }, async ({ client }) => {
      await client.createEcKey('made', { curve: 'P-256', hsm: true, keyOps: ['sign'] });
      const { kty, crv, ...numbers } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        format: 'jwk',
      });
      const bytes = Object.entries(numbers).map(([name, text]) => [name, Buffer.from(String(text), 'base64url')]);
      await client.importKey('imported', { kty, crv, ...Object.fromEntries(bytes) }, { hardwareProtected: true });
    });
    await withVault({ directory: keys }, async ({ client, url }) => {
      for (const name of ['made', 'imported']) assert.equal((await client.getKey(name)).keyType, 'EC-HSM');
      const signer = await createKeyVaultKeyStore({ vaultUrl: url, credential: localCredential }).signer(
        'made',
        'ec-p256',
      );
      assert.ok((await signer.sign(Buffer.from('x'))).length > 64);
    });
  });
});

describe('a delay of the Key Vault emulator', () => {
  it('is that of each request, and none without the option', async () => {
    const slept: number[] = [];
    const sleep = async (milliseconds: number) => void slept.push(milliseconds);
    await withVault({ delayMs: 15, sleep }, async ({ client }) => void (await client.createEcKey('key')));
    // The SDK asks without a token first.
    assert.deepEqual(slept, [15, 15]);
    await withVault({ sleep }, async ({ client }) => void (await client.createEcKey('key')));
    assert.deepEqual(slept, [15, 15]);
  });
});
