import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { DefaultAzureCredential } from '@azure/identity';
import { createKeyVaultStandIn, type KeyVaultStandIn } from '../../../infra/local/key-vault/key-vault-stand-in.ts';
import { ensureLocalTls } from '../../../infra/local/tls.ts';
import { createKeyVaultKeyStore } from '../../../lib/azure/key-vault.ts';
import { keyStoreContract } from '../../contract/key-store.ts';
import { trustLocalTls } from './trust-local-tls.ts';

/*
 * CA keys in Key Vault: in the emulator, or in the vault of KEY_VAULT_URL. The keys stay in a real vault, enabled, so use
 * one that serves no other purpose.
 */

const { KEY_VAULT_URL: realUrl } = process.env;
let standIn: KeyVaultStandIn | undefined;
let directory: string;
let url = realUrl ?? '';

before(async () => {
  if (realUrl !== undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'fleet-vault-'));
  const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
  trustLocalTls(tls.caPem);
  // The suite creates more keys than a vault allows in 10 seconds.
  standIn = createKeyVaultStandIn({ tls, directory: join(directory, 'keys'), limits: { creations: 1000 } });
  ({ url } = await standIn.listen(0));
});

after(async () => {
  await standIn?.close();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const credential = new DefaultAzureCredential();
keyStoreContract(realUrl === undefined ? 'Key Vault emulator' : `Key Vault at ${realUrl}`, () =>
  createKeyVaultKeyStore({ vaultUrl: url, credential }),
);
