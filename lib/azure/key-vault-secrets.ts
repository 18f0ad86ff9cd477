import type { TokenCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import type { SecretStore } from '../events/webhook.ts';
import { localCredential } from './key-vault.ts';
import { calling, unlessStatus } from './service-errors.ts';
import { vaultTimeoutMs, withVaultTimeout } from './vault-timeout.ts';

export interface KeyVaultSecretOptions {
  /** Such as https://name.vault.azure.net. A vault on localhost is an emulator. */
  readonly vaultUrl: string;
  readonly credential: TokenCredential;
  /** Milliseconds for one try of a request. Default: 30,000. */
  readonly timeoutMs?: number;
}

/** Secrets in Azure Key Vault. A name is used once: the vault keeps the name of a deleted secret until it is purged. */
export function createKeyVaultSecretStore(options: KeyVaultSecretOptions): SecretStore {
  const { vaultUrl, credential, timeoutMs = vaultTimeoutMs } = options;
  const isLocal = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|\/|$)/.test(vaultUrl);
  const client = new SecretClient(vaultUrl, isLocal ? localCredential : credential, {
    ...withVaultTimeout(timeoutMs),
    disableChallengeResourceVerification: isLocal,
  });
  const request = <T>(work: () => Promise<T>) => calling('Key Vault', work);
  return {
    set: async (name, value) => void (await request(() => client.setSecret(name, value))),
    get: async (name) => (await unlessStatus([404], () => request(() => client.getSecret(name))))?.value,
    remove: async (name) => void (await unlessStatus([404, 409], () => request(() => client.beginDeleteSecret(name)))),
  };
}
