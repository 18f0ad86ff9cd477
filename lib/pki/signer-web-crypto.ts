import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { webCryptoAlgorithm } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';

/**
 * A CA key as @peculiar/x509 signs requests with: Web Crypto, as far as that takes it. The keys are names only, which lead
 * back to the signer; nothing of a key is in them.
 */
export function webCryptoOf(signer: Signer): { crypto: webcrypto.Crypto; keys: webcrypto.CryptoKeyPair } {
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
