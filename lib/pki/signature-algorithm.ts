import type { CaKeyType } from './signer.ts';

/** AlgorithmIdentifier, DER, of the signatures that each kind of CA key makes (RFC 5758 3.2, RFC 4055 5). */
export const signatureAlgorithm: Readonly<Record<CaKeyType, Buffer>> = {
  'ec-p256': Buffer.from('300a06082a8648ce3d040302', 'hex'), // ecdsa-with-SHA256
  'ec-p384': Buffer.from('300a06082a8648ce3d040303', 'hex'), // ecdsa-with-SHA384
  'rsa-4096': Buffer.from('300d06092a864886f70d01010b0500', 'hex'), // sha256WithRSAEncryption
};

/** The same as Web Crypto names it, and with it @peculiar/x509. */
export const webCryptoAlgorithm: Readonly<Record<CaKeyType, WebCryptoAlgorithm>> = {
  'ec-p256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ec-p384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'rsa-4096': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
};

export interface WebCryptoAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash: string;
}

/** Name of the hash, as node:crypto takes it. */
export const signatureHash: Readonly<Record<CaKeyType, string>> = {
  'ec-p256': 'sha256',
  'ec-p384': 'sha384',
  'rsa-4096': 'sha256',
};
