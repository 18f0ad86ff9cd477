import { appendFileSync } from 'node:fs';
import type { KeyStore, Signer } from './key-store.ts';

/** One line of a journal, JSON. */
export interface JournalEntry {
  /** Milliseconds since 1970, before the signature was made. */
  readonly at: number;
  /** Name of the key. */
  readonly key: string;
  /** What was signed, base64: for a certificate its to-be-signed part, with serial number and subject. */
  readonly signed: string;
}

/**
 * A key store that notes in a file whatever its keys sign, so that nobody has to take the records' word for it. A line is
 * written before its signature is made: a signature that the journal does not know was not made here. Several processes
 * may share the file; lines are appended whole (POSIX, O_APPEND).
 */
export function journaled(keys: KeyStore, file: string): KeyStore {
  const noting = (key: string, signer: Signer): Signer => ({
    ...signer,
    sign(data) {
      const entry: JournalEntry = { at: Date.now(), key, signed: Buffer.from(data).toString('base64') };
      appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
      return signer.sign(data);
    },
  });
  return {
    signer: async (name, keyType, publicKey) => noting(name, await keys.signer(name, keyType, publicKey)),
    check: (name, keyType, publicKey) => keys.check(name, keyType, publicKey),
    importKey: async (name, keyType, privateKey) => noting(name, await keys.importKey(name, keyType, privateKey)),
  };
}
