import type { Store } from '../store.ts';
import { type Certificate, parseCertificate } from '../x509.ts';

/** A CA certificate as uploaded to the service. */
export interface CaCertificate {
  readonly name: string;
  /** Base64 DER. */
  readonly certificate: string;
  readonly sha256Thumbprint: string;
  readonly isVerified: boolean;
  /** The code that a proof of possession must carry as its common name; absent until asked for. */
  readonly verificationCode?: string;
  readonly etag: string;
  readonly created: string;
  readonly updated: string;
}

/** The uploaded CA certificates, by name without case. */
export interface CaCertificates {
  get(name: string): CaCertificate | undefined;
  list(): readonly CaCertificate[];
  put(ca: CaCertificate): void;
  delete(name: string): void;
  has(name: string): boolean;
  /** Those whose possession was proven or vouched for. */
  verified(): readonly Certificate[];
  /** Names under which the certificate was uploaded. */
  namesOf(sha256Thumbprint: string): readonly string[];
}

export function createCaCertificates(store: Store): CaCertificates {
  const collection = store.collection<CaCertificate>('ca');
  // Every registration asks for them, so they are read and parsed once per change.
  let all: readonly CaCertificate[] | undefined;
  let parsed: readonly Certificate[] | undefined;

  const list = () => {
    all ??= collection.page().values;
    return all;
  };
  const forget = () => {
    all = undefined;
    parsed = undefined;
  };

  return {
    list,
    get: (name) => collection.get(name.toLowerCase()),
    has: (name) => collection.get(name.toLowerCase()) !== undefined,
    put(ca) {
      collection.put(ca.name.toLowerCase(), ca);
      forget();
    },
    delete(name) {
      collection.delete(name.toLowerCase());
      forget();
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
