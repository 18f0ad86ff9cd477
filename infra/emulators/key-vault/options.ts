/** Transactions that a vault accepts in 10 seconds. Tests can set lower values. */
export interface TransactionLimits {
  /** Keys created or imported. */
  readonly creations: number;
  /** Signatures with RSA 4096 keys. */
  readonly rsa4096: number;
  /** Everything else. */
  readonly others: number;
}

/** Software keys, per vault and region. https://learn.microsoft.com/azure/key-vault/general/service-limits#key-transactions-maximum-transactions-allowed-in-10-seconds-per-vault-per-region1 */
export const documentedLimits: TransactionLimits = { creations: 20, rsa4096: 500, others: 4000 };

export interface KeyVaultEmulatorOptions {
  /** TLS identity of the server, PEM. See `ensureLocalTls`. */
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  /** Folder with one file of mode 0600 per key. Default: in memory. */
  readonly directory?: string;
  /** Accepted bearer tokens. `any`: all of them, because Microsoft Entra is not emulated. */
  readonly bearerTokens?: readonly string[] | 'any';
  /** Actions that are answered with 403, such as `create` or `sign`. */
  readonly denied?: readonly VaultAction[];
  readonly limits?: Partial<TransactionLimits>;
  /** Default and largest page size. Default: 25, as in the vault. */
  readonly pageSize?: number;
  readonly now?: () => Date;
}

/** The last part of a data action, `Microsoft.KeyVault/vaults/keys/<action>`. */
export type VaultAction = 'create' | 'import' | 'read' | 'sign' | 'update' | 'delete' | 'recover' | 'purge';
