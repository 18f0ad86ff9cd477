import { appendFileSync } from 'node:fs';
import type { KeyStore, LocalSigner, Signer } from './key-store.ts';

/** One line of a journal, JSON. */
export interface JournalEntry {
  /** Milliseconds since 1970, before the signature was made. */
  readonly at: number;
  /** Name of the key. */
  readonly key: string;
  /** The signed data, base64: of a certificate its TBSCertificate, which has the serial number and the subject. */
  readonly signed: string;
}

/**
 * A key store that also writes to a file what its keys sign, so that tests can check the device records against it. A line
 * is written before its signature is made, so no signature is missing from the journal. Several processes may share the
 * file: each line is appended as a whole (POSIX, O_APPEND).
 */
export function journaled(keys: KeyStore, file: string): KeyStore {
  const noting = (name: string, signer: Signer): Signer =>
    signer.isLocal
      ? journaledSigner(name, signer, file)
      : { ...signer, sign: (data) => noted(file, name, data, signer.sign) };

  return {
    signer: async (name, keyType, publicKey) => noting(name, await keys.signer(name, keyType, publicKey)),
    check: (name, keyType, publicKey) => keys.check(name, keyType, publicKey),
    importKey: async (name, keyType, privateKey) => noting(name, await keys.importKey(name, keyType, privateKey)),
  };
}

/** The same for one key that no store has. @param name of the key in the journal */
export function journaledSigner(name: string, signer: LocalSigner, file: string): LocalSigner {
  return { ...signer, sign: (data) => noted(file, name, data, signer.sign) };
}

function noted<T>(file: string, key: string, data: Uint8Array, sign: (data: Uint8Array) => T): T {
  const entry: JournalEntry = { at: Date.now(), key, signed: Buffer.from(data).toString('base64') };
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  return sign(data);
}
