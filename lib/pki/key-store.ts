import type { KeyObject } from 'node:crypto';

/** Keys that certificate authorities sign with: ES256, ES384 and RS256 (RFC 7518). */
export type CaKeyType = 'ec-p256' | 'ec-p384' | 'rsa-4096';

/** The private key of a CA. It signs, and is never shown. */
export type Signer = LocalSigner | RemoteSigner;

interface CaKey {
  readonly keyType: CaKeyType;
  readonly publicKey: KeyObject;
}

/** A key in this process. */
export interface LocalSigner extends CaKey {
  readonly isLocal: true;
  /**
   * Signs as X.509 wants it (RFC 5758, RFC 4055): with SHA-256 or, for P-384, SHA-384.
   * @returns the signature; ECDSA as DER
   */
  sign(data: Uint8Array): Uint8Array;
}

/** A key elsewhere, such as in Key Vault: each signature is a request over the network. */
export interface RemoteSigner extends CaKey {
  readonly isLocal: false;
  /** Signs as `LocalSigner` does. @throws FleetError `throttled` or `unavailable` */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/**
 * Where a CA key is. `hsm`: in a hardware security module, which it cannot leave. `software`: in a vault that encrypts it, and
 * uses it in memory of the service. `file`: in a file on this machine.
 */
export type KeyProtection = 'hsm' | 'software' | 'file';

/** CA keys by name, each made at its first use. Adapters: software-key-store.ts, lib/azure/key-vault.ts. */
export interface KeyStore {
  /**
   * Opens a key for signing.
   * @param publicKey that of the CA certificate, where one exists: the signer has this very key, and none is made
   * @throws FleetError `ca-key-unusable` when the key is gone, of another type, or not the one of the certificate
   */
  signer(name: string, keyType: CaKeyType, publicKey?: KeyObject): Promise<Signer>;
  /**
   * Looks at the key where it is stored, and not at what this process holds open.
   * @param publicKey that of the CA certificate
   * @returns where it is
   * @throws FleetError `ca-key-unusable` when the key is gone, of another type, or not the one of the certificate;
   * `setting-invalid` when its file cannot be read
   */
  check(name: string, keyType: CaKeyType, publicKey: KeyObject): Promise<KeyProtection>;
  /**
   * Stores a key that was made elsewhere, under a name that no other key has. Idempotent for the same key.
   * @throws FleetError `ca-key-unusable` when the name has another key
   */
  importKey(name: string, keyType: CaKeyType, privateKey: KeyObject): Promise<Signer>;
}
