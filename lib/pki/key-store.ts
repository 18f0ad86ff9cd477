import type { KeyObject } from 'node:crypto';

/** Keys that certificate authorities sign with: ES256, ES384 and RS256 (RFC 7518). */
export type CaKeyType = 'ec-p256' | 'ec-p384' | 'rsa-4096';

/** The private key of a CA, in this process or elsewhere. It signs, and is never shown. */
export interface Signer {
  readonly keyType: CaKeyType;
  readonly publicKey: KeyObject;
  /** True for a key in this process; false where each signature is a request to another one, such as Key Vault. */
  readonly isLocal: boolean;
  /**
   * Signs as X.509 wants it (RFC 5758, RFC 4055): with SHA-256 or, for P-384, SHA-384.
   * @returns the signature; ECDSA as DER
   * @throws FleetError `throttled` or `unavailable`, where the key is not local
   */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** CA keys by name, each made at its first use. Adapters: software-key-store.ts, lib/azure/key-vault.ts. */
export interface KeyStore {
  /**
   * Opens a key for signing.
   * @param publicKey that of the CA certificate, where one exists: the signer has this very key, and none is made
   * @throws FleetError `ca-key-unusable` when the key is gone, of another type, or not the one of the certificate
   */
  signer(name: string, keyType: CaKeyType, publicKey?: KeyObject): Promise<Signer>;
  /**
   * Stores a key that was made elsewhere, under a name that no other key has. Idempotent for the same key.
   * @throws FleetError `ca-key-unusable` when the name has another key
   */
  importKey(name: string, keyType: CaKeyType, privateKey: KeyObject): Promise<Signer>;
}
