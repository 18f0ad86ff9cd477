import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { DefaultAzureCredential } from '@azure/identity';
import { createKeyVaultEmulator, type KeyVaultEmulator } from 'fleet-emulators/key-vault';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { createKeyVaultKeyStore } from '../../../lib/azure/key-vault.ts';
import { createKeyVaultSecretStore } from '../../../lib/azure/key-vault-secrets.ts';
import { keyStoreContract } from '../../contract/key-store.ts';
import { secretStoreContract } from '../../contract/secret-store.ts';
import { trustLocalTls } from './trust-local-tls.ts';

/*
 * CA keys in Key Vault: in the emulator, or in the vault of KEY_VAULT_URL. The keys stay in a real vault, enabled, so use
 * one that serves no other purpose. Keys in HSMs are tested where the vault is of the SKU premium: KEY_VAULT_SKU=premium.
 */

const { KEY_VAULT_URL: realUrl, KEY_VAULT_SKU: realSku } = process.env;
let emulator: KeyVaultEmulator | undefined;
let directory: string;
let url = realUrl ?? '';

before(async () => {
  if (realUrl !== undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'fleet-vault-'));
  const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
  trustLocalTls(tls.caPem);
  // The suite creates more keys than a vault allows in 10 seconds.
  emulator = createKeyVaultEmulator({
    tls,
    directory: join(directory, 'keys'),
    limits: { creations: 1000, hsmCreations: 1000 },
  });
  ({ url } = await emulator.listen(0));
});

after(async () => {
  await emulator?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const credential = new DefaultAzureCredential();
const place = realUrl === undefined ? 'Key Vault emulator' : `Key Vault at ${realUrl}`;
const hasHsm = realUrl === undefined || realSku === 'premium';
for (const protection of hasHsm ? (['software', 'hsm'] as const) : (['software'] as const)) {
  const open = () => createKeyVaultKeyStore({ vaultUrl: url, credential, protection });
  keyStoreContract(`${place}, ${protection}`, open, protection);
}
secretStoreContract(place, () => createKeyVaultSecretStore({ vaultUrl: url, credential }));
