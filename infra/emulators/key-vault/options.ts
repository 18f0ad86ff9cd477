/** Transactions that a vault takes in 10 seconds. Every figure can be turned down to test throttling. */
export interface TransactionLimits {
  /** Keys created or imported. */
  readonly creations: number;
  /** Signatures with keys of RSA 4096. */
  readonly rsa4096: number;
  /** Everything else. */
  readonly others: number;
}

/** Software keys, per vault and region. https://learn.microsoft.com/azure/key-vault/general/service-limits#key-transactions-maximum-transactions-allowed-in-10-seconds-per-vault-per-region1 */
export const documentedLimits: TransactionLimits = { creations: 20, rsa4096: 500, others: 4000 };

export interface KeyVaultEmulatorOptions {
  /** TLS identity of the server, PEM. `ensureLocalTls` makes one. */
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  /** Folder with one file of mode 0600 a key; in memory when absent. */
  readonly directory?: string;
  /** Bearer tokens that are taken: those listed, or `any`, since Entra ID is not here to check them. */
  readonly bearerTokens?: readonly string[] | 'any';
  /** What an accepted token may not do, such as `create` or `sign`; answered with 403. */
  readonly denied?: readonly VaultAction[];
  readonly limits?: Partial<TransactionLimits>;
  /** Items a page when the client does not say (`maxresults`); the vault's own figure is 25. */
  readonly pageSize?: number;
  readonly now?: () => Date;
}

/** The last part of a data action, `Microsoft.KeyVault/vaults/keys/<action>`. */
export type VaultAction = 'create' | 'import' | 'read' | 'sign' | 'update' | 'delete' | 'recover' | 'purge';
