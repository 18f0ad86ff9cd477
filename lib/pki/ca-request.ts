import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { brokenRule } from './broken-rule.ts';
import { toPem } from './certificate.ts';
import type { Signer } from './key-store.ts';
import { describeKey, keyTypeOf, webCryptoAlgorithm } from './keys.ts';
import { keyUsageBits, profiles } from './profiles.ts';
import { nameOf } from './template.ts';

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
        new x509.KeyUsagesExtension(keyUsageBits(profiles['issuing-ca'], type), true),
      ],
    },
    crypto,
  );
  return toPem('CERTIFICATE REQUEST', Buffer.from(request.rawData));
}

/**
 * A CA key as @peculiar/x509 signs requests with: Web Crypto, as far as that takes it. The keys are names only, which lead
 * back to the signer; nothing of a key is in them.
 */
function webCryptoOf(signer: Signer): { crypto: webcrypto.Crypto; keys: webcrypto.CryptoKeyPair } {
  const algorithm = webCryptoAlgorithm[signer.keyType];
  const ecdsa = new x509.AsnEcSignatureFormatter();
  const subtle = {
    exportKey: async () => signer.publicKey.export({ type: 'spki', format: 'der' }),
    async sign(_: unknown, __: unknown, data: ArrayBuffer): Promise<ArrayBuffer> {
      const signature = Uint8Array.from(await signer.sign(new Uint8Array(data))).buffer;
      // Web Crypto has the two numbers of an ECDSA signature side by side, where X.509 and our signers have them as DER.
      return ecdsa.toWebSignature(algorithm, signature) ?? signature;
    },
  };
  const key = (type: 'public' | 'private') =>
    ({ type, algorithm, extractable: false, usages: [] }) as unknown as webcrypto.CryptoKey;
  return {
    crypto: { subtle } as unknown as webcrypto.Crypto,
    keys: { publicKey: key('public'), privateKey: key('private') },
  };
}
