import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { CaKeyType, KeyProtection, KeyStore, Signer } from '../../lib/pki/key-store.ts';

const digests: Readonly<Record<CaKeyType, string>> = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', 'rsa-4096': 'sha256' };
const data = Buffer.from('what is to be signed');

/** Verifies as for a certificate: a DER signature, and the key from its SubjectPublicKeyInfo. */
async function signsWell(signer: Signer): Promise<boolean> {
  const key = createPublicKey({
    key: signer.publicKey.export({ type: 'spki', format: 'der' }),
    type: 'spki',
    format: 'der',
  });
  return verify(digests[signer.keyType], data, key, await signer.sign(data));
}

/**
 * Tests that every KeyStore passes.
 * @param open returns a new store on the same keys, as another process has it
 * @param protection where the store makes and imports keys
 */
export function keyStoreContract(
  name: string,
  open: () => Promise<KeyStore> | KeyStore,
  protection: KeyProtection,
): void {
  // Stores of both kinds can share a vault.
  const run = `${protection}${Date.now().toString(36)}`;

  describe(`key store: ${name}`, () => {
    for (const keyType of ['ec-p256', 'ec-p384', 'rsa-4096'] as const) {
      it(`creates a key of type ${keyType} on first use, and signs with it`, async () => {
        const store = await open();
        const signer = await store.signer(`${run}-${keyType}`, keyType);
        assert.equal(signer.keyType, keyType);
        assert.ok(await signsWell(signer));
        assert.equal(await store.check(`${run}-${keyType}`, keyType, signer.publicKey), protection);
      });
    }

    it('signs many requests at once', async () => {
      const signer = await (await open()).signer(`${run}-many`, 'ec-p256');
      const all = await Promise.all(Array.from({ length: 50 }, () => signsWell(signer)));
      assert.deepEqual(new Set(all), new Set([true]));
    });

    it('returns the same key for the same name', async () => {
      const first = await (await open()).signer(`${run}-same`, 'ec-p256');
      const second = await (await open()).signer(`${run}-same`, 'ec-p256');
      assert.ok(first.publicKey.equals(second.publicKey));
      assert.ok(await signsWell(second));
    });

    it('distinguishes names that differ only in "-", "." and "_", up to the longest name', async () => {
      const store = await open();
      const names = ['-7', '.7', '_7', '--7', '-p7', `.${'_.-'.repeat(21)}9`].map((end) => `issuing-${run}${end}-1`);
      const signers = await Promise.all(names.map((each) => store.signer(each, 'ec-p256')));
      const keys = signers.map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }));
      assert.equal(new Set(keys).size, names.length);
    });

    it('opens the key of a certificate, and refuses any other key', async () => {
      const store = await open();
      const { publicKey } = await store.signer(`${run}-pinned`, 'ec-p256');
      const again = await (await open()).signer(`${run}-pinned`, 'ec-p256', publicKey);
      assert.ok(again.publicKey.equals(publicKey));
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
      await assert.rejects(async () => await (await open()).signer(`${run}-pinned`, 'ec-p256', other), {
        code: 'ca-key-unusable',
      });
    });

    it('checks the key of a certificate, and creates none', async () => {
      const store = await open();
      const { publicKey } = await store.signer(`${run}-checked`, 'ec-p256');
      await store.check(`${run}-checked`, 'ec-p256', publicKey);
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
      const unusable = { code: 'ca-key-unusable' };
      await assert.rejects(store.check(`${run}-checked`, 'ec-p256', other), unusable);
      await assert.rejects(store.check(`${run}-missing`, 'ec-p256', other), unusable);
      await assert.rejects(store.check(`${run}-missing`, 'ec-p256', other), unusable);
    });

    it('creates no key for a certificate whose key is gone', async () => {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await assert.rejects(async () => await (await open()).signer(`${run}-gone`, 'ec-p256', publicKey), {
        code: 'ca-key-unusable',
      });
    });

    it('refuses a key that exists with another type', async () => {
      await (await open()).signer(`${run}-typed`, 'ec-p256');
      await assert.rejects(async () => await (await open()).signer(`${run}-typed`, 'ec-p384'), {
        code: 'ca-key-unusable',
      });
    });

    it('keeps every key that was created in a race, and agrees on one for later certificates', async () => {
      const racing = await Promise.all(
        Array.from({ length: 4 }, async () => await (await open()).signer(`${run}-race`, 'ec-p256')),
      );
      for (const { publicKey } of racing) {
        assert.ok(await signsWell(await (await open()).signer(`${run}-race`, 'ec-p256', publicKey)));
      }
      const [first, second] = [await open(), await open()];
      const after = [await first.signer(`${run}-race`, 'ec-p256'), await second.signer(`${run}-race`, 'ec-p256')];
      assert.ok(after[0]?.publicKey.equals(after[1]?.publicKey ?? assert.fail()));
    });

    for (const [keyType, options] of [
      ['ec-p256', ['ec', { namedCurve: 'P-256' }]],
      ['rsa-4096', ['rsa', { modulusLength: 4096 }]],
    ] as const) {
      it(`imports a key of type ${keyType}, and refuses another key under its name`, async () => {
        const [kind, parameters] = options;
        const make = () => generateKeyPairSync(kind as 'ec', parameters as { namedCurve: string });
        const { privateKey, publicKey } = make();
        const name = `${run}-imported-${keyType}`;
        const signer = await (await open()).importKey(name, keyType, privateKey);
        assert.ok(signer.publicKey.equals(publicKey));
        assert.ok(await signsWell(signer));
        assert.ok(await signsWell(await (await open()).importKey(name, keyType, privateKey)));
        assert.ok((await (await open()).signer(name, keyType)).publicKey.equals(publicKey));
        assert.equal(await (await open()).check(name, keyType, publicKey), protection);
        const other = make().privateKey;
        await assert.rejects(async () => await (await open()).importKey(name, keyType, other), {
          code: 'ca-key-unusable',
        });
      });
    }

    it('reveals nothing of a private key', async () => {
      const signer = await (await open()).signer(`${run}-shown`, 'ec-p256');
      assert.doesNotMatch(inspect(signer, { depth: 9, showHidden: true }), /PRIVATE KEY|"?\bd"?: /);
    });
  });
}
