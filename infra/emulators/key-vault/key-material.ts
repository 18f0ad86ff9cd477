import {
  constants,
  createECDH,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  privateEncrypt,
  sign,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import { badParameter } from './vault-error.ts';

const generate = promisify(generateKeyPair);

/** A private key as a JWK (RFC 7517). */
export type PrivateJwk = JsonWebKey & { readonly kty: 'EC' | 'RSA' };

/** A key, and whether it counts as one in an HSM. Here, both are files. */
export interface KeptKey {
  readonly key: PrivateJwk;
  /** Absent in files of earlier versions. */
  readonly hsm?: boolean;
}

/** The types of keys in HSMs, which RFC 7517 does not have: https://learn.microsoft.com/azure/key-vault/keys/about-keys */
const hsmSuffix = '-HSM';

export const isHsmType = (kty: string): boolean => kty.endsWith(hsmSuffix);

const rsaSizes = [2048, 3072, 4096];

export interface KeyRequest {
  readonly kty: string;
  readonly crv?: string | undefined;
  readonly key_size?: number | undefined;
}

/** Generates a key. Defaults as in the vault: P-256, RSA 2048. @throws VaultError 400 */
export async function newKey({ kty, crv = 'P-256', key_size = 2048 }: KeyRequest): Promise<PrivateJwk> {
  const type = isHsmType(kty) ? kty.slice(0, -hsmSuffix.length) : kty;
  if (type === 'EC') {
    const { privateKey } = await generate('ec', { namedCurve: curveOf(crv).openssl });
    return privateKey.export({ format: 'jwk' }) as PrivateJwk;
  }
  if (type === 'RSA') {
    if (!rsaSizes.includes(key_size)) throw badParameter(`Property key_size has invalid value ${key_size}`);
    const { privateKey } = await generate('rsa', { modulusLength: key_size });
    return privateKey.export({ format: 'jwk' }) as PrivateJwk;
  }
  throw badParameter(`Property kty has invalid value ${kty}`);
}

/** Reads an imported key. @throws VaultError 400 */
export function importedKey(jwk: JsonWebKey): PrivateJwk {
  const key = privateJwk(jwk);
  if (!isPair(key)) throw badParameter('The private part of the key to import does not belong to its public part.');
  return key;
}

function privateJwk(jwk: JsonWebKey): PrivateJwk {
  try {
    const key = createPrivateKey({ format: 'jwk', key: jwk });
    if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa') throw new Error('neither EC nor RSA');
    return key.export({ format: 'jwk' }) as PrivateJwk;
  } catch {
    throw badParameter('The key to import is not a private key of type EC or RSA.');
  }
}

const sample = Buffer.from('sample');

/** Whether a signature of the private part is good for the public part. OpenSSL reads a key without asking. */
function isPair(jwk: PrivateJwk): boolean {
  const { kty, crv, x, y, n = '', e = '', d = '', p = '', q = '' } = jwk;
  const publicKey = createPublicKey({ format: 'jwk', key: kty === 'EC' ? { kty, crv, x, y } : { kty, n, e } });
  try {
    const signature = sign('sha256', sample, createPrivateKey({ format: 'jwk', key: jwk }));
    if (!verify('sha256', sample, publicKey, signature)) return false;
  } catch {
    return false;
  }
  if (kty === 'EC') return true;
  // OpenSSL signs with the primes. If they are wrong, it signs with the private exponent. So each has to fit the modulus.
  const number = (text: string) => toBigInt(Buffer.from(text, 'base64url'));
  return number(p) * number(q) === number(n) && power(power(2n, number(e), number(n)), number(d), number(n)) === 2n;
}

/** The public members of a key. */
export function publicPart({ key: { kty, crv, x, y, n, e }, hsm = false }: KeptKey) {
  const type = hsm ? `${kty}${hsmSuffix}` : kty;
  return kty === 'EC' ? { kty: type, crv, x, y } : { kty: type, n, e };
}

/** Bits of the modulus of an RSA key. */
export const rsaBits = ({ n = '' }: PrivateJwk): number => Buffer.from(n, 'base64url').length * 8;

/** Signature algorithms with their digest length in bytes and their kind of key (RFC 7518 3.1). */
const algorithms: Readonly<Record<string, { bytes: number; keys: string; hash: string }>> = {
  ES256: { bytes: 32, keys: 'P-256', hash: 'sha256' },
  ES384: { bytes: 48, keys: 'P-384', hash: 'sha384' },
  RS256: { bytes: 32, keys: 'RSA', hash: 'sha256' },
  RS384: { bytes: 48, keys: 'RSA', hash: 'sha384' },
  RS512: { bytes: 64, keys: 'RSA', hash: 'sha512' },
};

/** DER of DigestInfo up to the digest itself (RFC 8017 9.2, note 1). */
const digestInfo: Readonly<Record<string, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

/** Signs a digest. ECDSA signatures are r and s, concatenated (RFC 7518 3.4). @throws VaultError 400 */
export function signDigest(jwk: PrivateJwk, alg: string, digest: Buffer): Buffer {
  const algorithm = algorithms[alg];
  if (algorithm === undefined) throw badParameter(`Property alg has invalid value ${alg}`);
  const { bytes, keys, hash } = algorithm;
  if ((jwk.kty === 'RSA' ? 'RSA' : jwk.crv) !== keys) {
    throw badParameter(`Key and signing algorithm are incompatible: ${jwk.crv ?? jwk.kty} and ${alg}.`);
  }
  if (digest.length !== bytes) {
    throw badParameter(`Invalid length of 'value': ${digest.length} bytes. ${alg} requires ${bytes} bytes.`);
  }
  if (jwk.kty === 'EC') return signEcdsa(jwk, digest);
  const encoded = Buffer.concat([Buffer.from(digestInfo[hash] ?? '', 'hex'), digest]);
  return privateEncrypt(
    { key: createPrivateKey({ format: 'jwk', key: jwk }), padding: constants.RSA_PKCS1_PADDING },
    encoded,
  );
}

/** Curves by their RFC 7518 name: OpenSSL name and order of the group (SEC 2, 2.4.2 and 2.5.1). */
const curves: Readonly<Record<string, { openssl: string; order: bigint }>> = {
  'P-256': {
    openssl: 'prime256v1',
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    openssl: 'secp384r1',
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
};

/**
 * ECDSA of a digest (SEC 1, 4.1.3). Node has no function that signs a digest, so the equation is computed here with BigInt, not in
 * constant time. OpenSSL computes the point: an ephemeral key pair has k as its private and k times the base point as its public key.
 */
function signEcdsa({ crv = '', d = '' }: PrivateJwk, digest: Buffer): Buffer {
  const { openssl, order } = curveOf(crv);
  const bytes = digest.length;
  const ephemeral = createECDH(openssl);
  const point = ephemeral.generateKeys();
  const k = toBigInt(ephemeral.getPrivateKey());
  const r = toBigInt(point.subarray(1, 1 + bytes)) % order;
  const s = (power(k, order - 2n, order) * (toBigInt(digest) + r * toBigInt(Buffer.from(d, 'base64url')))) % order;
  if (r === 0n || s === 0n) return signEcdsa({ kty: 'EC', crv, d }, digest);
  return Buffer.from([r, s].map((value) => value.toString(16).padStart(2 * bytes, '0')).join(''), 'hex');
}

function curveOf(crv: string) {
  const curve = curves[crv];
  if (curve === undefined) throw badParameter(`Property crv has invalid value ${crv}`);
  return curve;
}

const toBigInt = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let [square, rest] = [base % modulus, exponent]; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
