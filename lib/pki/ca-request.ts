import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { brokenRule } from './broken-rule.ts';
import { describeKey, keyTypeOf } from './key-type.ts';
import { toPem } from './pem.ts';
import { profiles } from './profile.ts';
import { webCryptoAlgorithm } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';
import { webCryptoOf } from './signer-web-crypto.ts';
import { nameOf } from './to-be-signed.ts';

export interface CaRequest {
  readonly commonName: string;
  readonly signer: Signer;
  /** How many CAs may follow below it; the request asks for this, and whoever signs it decides. */
  readonly pathLength: number;
}

/**
 * A PKCS#10 request (RFC 2986) for an issuing CA's certificate, for signing elsewhere; the key signs it and stays where it is.
 * @returns PEM
 */
export async function createCaRequest({ commonName, signer, pathLength }: CaRequest): Promise<string> {
  const type = keyTypeOf(signer.publicKey);
  if (type === undefined)
    throw brokenRule('key-type', `a key of type ${describeKey(signer.publicKey)} is not accepted`);
  const { crypto, keys } = webCryptoOf(signer);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: nameOf(commonName),
      keys,
      signingAlgorithm: webCryptoAlgorithm[signer.keyType],
      // As extensionRequest (RFC 2985 5.4.2), where OpenSSL, EJBCA and step-ca look for what is asked for.
      extensions: [
        new x509.BasicConstraintsExtension(true, pathLength, true),
        new x509.KeyUsagesExtension(profiles['issuing-ca'].keyUsage(type), true),
      ],
    },
    crypto,
  );
  return toPem('CERTIFICATE REQUEST', Buffer.from(request.rawData));
}
