import type { KeyObject } from 'node:crypto';

/** Keys that certificate authorities sign with: ES256, ES384 and RS256 (RFC 7518). */
export type CaKeyType = 'ec-p256' | 'ec-p384' | 'rsa-4096';

/** The private key of a CA, wherever it lives. It signs and is never seen. */
export interface Signer {
  readonly keyType: CaKeyType;
  readonly publicKey: KeyObject;
  /**
   * Signs as X.509 wants it (RFC 5758, RFC 4055): SHA-256 or, for P-384, SHA-384; ECDSA signatures as DER. At once where
   * the key is in this process, since a promise for each of thousands of 20 us signatures would cost more than it is worth.
   * @throws FleetError `throttled` or `unavailable` from a key that is elsewhere
   */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** CA keys by name, created at their first use. Adapters: software-key-store.ts, lib/azure/key-vault.ts. */
export interface KeyStore {
  /**
   * @param publicKey that of the CA certificate, where there is one already: the signer then has this very key, and none is made
   * @throws FleetError `ca-key-unusable` when the key is gone, of another type, or not the one of the certificate
   */
  signer(name: string, keyType: CaKeyType, publicKey?: KeyObject): Promise<Signer>;
  /**
   * Looks at the key where it is stored, and not at what this process holds open.
   * @param publicKey that of the CA certificate
   * @throws FleetError `ca-key-unusable` when the key is gone, of another type, or not the one of the certificate;
   * `setting-invalid` when its file cannot be read
   */
  check(name: string, keyType: CaKeyType, publicKey: KeyObject): Promise<void>;
  /**
   * Takes a key that was made elsewhere, under a name that no other key has. The same key again does no harm.
   * @throws FleetError `ca-key-unusable` when the name has another key
   */
  importKey(name: string, keyType: CaKeyType, privateKey: KeyObject): Promise<Signer>;
}
