/**
 * Transactions that a vault accepts in 10 seconds if it gets one kind only. Kinds have weights, and their sum is enforced: 1,000
 * signatures with keys in HSMs leave room for 2,000 with keys in software. Tests can set lower values.
 */
export interface TransactionLimits {
  /** Keys in software created. */
  readonly creations: number;
  /** Keys in HSMs created. */
  readonly hsmCreations: number;
  readonly imports: number;
  /** All else with EC and RSA 2048 keys in software, and requests that name no key. */
  readonly others: number;
  /** The same with keys in HSMs (`EC-HSM`, `RSA-HSM`). */
  readonly hsm: number;
  readonly rsa3072: number;
  readonly hsmRsa3072: number;
  readonly rsa4096: number;
  readonly hsmRsa4096: number;
}

/**
 * Per vault and region, entered 2026-11-28.
 * https://learn.microsoft.com/azure/key-vault/general/service-limits#key-transactions-maximum-transactions-allowed-in-10-seconds-per-vault-per-region1
 * The page says "weighted, and enforcement is on their sum". It does not say whether creating and importing count into the sum of the
 * others. Here they are two sums of their own.
 */
export const documentedLimits: TransactionLimits = {
  ...{ creations: 20, hsmCreations: 10, imports: 300 },
  ...{ others: 4000, hsm: 2000 },
  ...{ rsa3072: 1000, hsmRsa3072: 500 },
  ...{ rsa4096: 500, hsmRsa4096: 250 },
};

export interface KeyVaultEmulatorOptions {
  /** TLS identity of the server, PEM. See `ensureLocalTls`. */
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  /** Folder with one file of mode 0600 per key. Default: in memory. */
  readonly directory?: string;
  /** Accepted bearer tokens. `any`: all of them, because Microsoft Entra is not emulated. */
  readonly bearerTokens?: readonly string[] | 'any';
  /** `standard` refuses keys in HSMs. Default: `premium`. */
  readonly sku?: 'standard' | 'premium';
  /** Actions that are answered with 403, such as `create` or `sign`. */
  readonly denied?: readonly VaultAction[];
  readonly limits?: Partial<TransactionLimits>;
  /** Milliseconds that each request takes longer, as over a network. Microsoft documents no figure. Default: 0. */
  readonly delayMs?: number;
  /** Default and largest page size. Default: 25, as in the vault. */
  readonly pageSize?: number;
  readonly now?: () => Date;
  /** Waits for `delayMs`. Default: a timer. */
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
}

/** The last part of a data action, `Microsoft.KeyVault/vaults/keys/<action>`. */
export type VaultAction = 'create' | 'import' | 'read' | 'sign' | 'update' | 'delete' | 'recover' | 'purge';
