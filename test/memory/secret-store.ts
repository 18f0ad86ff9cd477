import type { SecretStore } from '../../lib/events/webhook.ts';

/** Secrets in memory, which a test can see into. */
export function createMemorySecretStore(): SecretStore & { readonly secrets: Map<string, string> } {
  const secrets = new Map<string, string>();
  return {
    secrets,
    set: async (name, value) => void secrets.set(name, value),
    get: async (name) => secrets.get(name),
    remove: async (name) => void secrets.delete(name),
  };
}
