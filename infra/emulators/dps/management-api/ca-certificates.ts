import type { Store } from '../store.ts';
import { type Certificate, parseCertificate } from '../x509.ts';

/** An uploaded CA certificate. */
export interface CaCertificate {
  readonly name: string;
  /** Base64 DER. */
  readonly certificate: string;
  readonly sha256Thumbprint: string;
  readonly isVerified: boolean;
  /** The common name that the proof of possession must have. Undefined until it was requested. */
  readonly verificationCode?: string;
  readonly etag: string;
  readonly created: string;
  readonly updated: string;
}

/** The uploaded CA certificates by name. Case does not matter. */
export interface CaCertificates {
  get(name: string): CaCertificate | undefined;
  list(): readonly CaCertificate[];
  put(ca: CaCertificate): void;
  delete(name: string): void;
  has(name: string): boolean;
  /** The certificates with proof of possession, or marked as verified at the upload. */
  verified(): readonly Certificate[];
  /** The names under which a certificate was uploaded. @param sha256Thumbprint upper-case hex */
  namesOf(sha256Thumbprint: string): readonly string[];
}

export function createCaCertificates(store: Store): CaCertificates {
  const collection = store.collection<CaCertificate>('ca');
  // Every registration needs them, so they are cached until the next change.
  let all: readonly CaCertificate[] | undefined;
  let parsed: readonly Certificate[] | undefined;

  const list = () => {
    all ??= collection.page().values;
    return all;
  };
  const clearCache = () => {
    all = undefined;
    parsed = undefined;
  };

  return {
    list,
    get: (name) => collection.get(name.toLowerCase()),
    has: (name) => collection.get(name.toLowerCase()) !== undefined,
    put(ca) {
      collection.put(ca.name.toLowerCase(), ca);
      clearCache();
    },
    delete(name) {
      collection.delete(name.toLowerCase());
      clearCache();
    },
    verified() {
      parsed ??= list()
        .filter((ca) => ca.isVerified)
        .map((ca) => parseCertificate(Buffer.from(ca.certificate, 'base64')));
      return parsed;
    },
    namesOf: (sha256Thumbprint) =>
      list()
        .filter((ca) => ca.sha256Thumbprint === sha256Thumbprint)
        .map((ca) => ca.name),
  };
}
