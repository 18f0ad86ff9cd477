import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import {
  CryptographyClient,
  type JsonWebKey,
  KeyClient,
  type KeyVaultKey,
  type SignatureAlgorithm,
} from '@azure/keyvault-keys';
import { FleetError } from '../errors.ts';
import type { CaKeyType, KeyStore, Signer } from '../pki/key-store.ts';
import { describeKey, keyTypeOf, signatureAlgorithm } from '../pki/keys.ts';
import { calling, statusOf } from './service-errors.ts';

export interface KeyVaultOptions {
  /** Such as https://name.vault.azure.net; a vault on this machine (localhost) is a stand-in. */
  readonly vaultUrl: string;
  readonly credential: TokenCredential;
  /** How often the SDK itself tries again, waiting as Retry-After says, before a call counts as failed. Default: 3, the SDK's. */
  readonly maxRetries?: number;
}

const service = 'Key Vault';

/** RFC 7518 names of the signatures. */
const algorithms: Readonly<Record<CaKeyType, SignatureAlgorithm>> = {
  'ec-p256': 'ES256',
  'ec-p384': 'ES384',
  'rsa-4096': 'RS256',
};

/**
 * CA keys in Azure Key Vault. They are made there, are not exportable, can sign and nothing else, and never leave it: what
 * comes back is public keys and signatures. The app needs to create, read and sign with keys, no more.
 *
 * A name is one key for ever, but a vault adds a version whenever somebody creates "the same" key: another process that
 * came at the same moment, or a rotation policy. So the oldest enabled version counts, and a CA that exists asks for the
 * version that has its certificate's public key.
 */
export function createKeyVaultKeyStore({ vaultUrl, credential, maxRetries = 3 }: KeyVaultOptions): KeyStore {
  const isLocal = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|\/|$)/.test(vaultUrl);
  // No token of the real directory goes to a stand-in, and its host name is no Azure domain that the SDK could check.
  const identity = isLocal ? localCredential : credential;
  const clientOptions = { retryOptions: { maxRetries }, disableChallengeResourceVerification: isLocal };
  const client = new KeyClient(vaultUrl, identity, clientOptions);
  const signers = new Map<string, Promise<Signer>>();

  /** All enabled versions, oldest first. */
  async function versionsOf(vaultName: string): Promise<string[]> {
    const found: { version: string; at: number }[] = [];
    try {
      for await (const { version, enabled, createdOn } of client.listPropertiesOfKeyVersions(vaultName)) {
        if (version !== undefined && enabled !== false) found.push({ version, at: createdOn?.getTime() ?? 0 });
      }
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
    // Times have whole seconds, so versions of one second need an order that every process sees alike.
    found.sort((a, b) => a.at - b.at || (a.version < b.version ? -1 : 1));
    return found.map(({ version }) => version);
  }

  function create(vaultName: string, name: string, keyType: CaKeyType): Promise<KeyVaultKey> {
    const options = { keyOps: ['sign'], tags: { fleetKey: name.slice(0, 256) } };
    return unlessDeleted(vaultName, () =>
      keyType === 'rsa-4096'
        ? client.createRsaKey(vaultName, { ...options, keySize: 4096 })
        : client.createEcKey(vaultName, { ...options, curve: keyType === 'ec-p256' ? 'P-256' : 'P-384' }),
    );
  }

  async function unlessDeleted(vaultName: string, work: () => Promise<KeyVaultKey>): Promise<KeyVaultKey> {
    try {
      return await work();
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
      // A deleted key keeps its name until it is purged. To bring it back is for those who deleted it to decide.
      const recover = `az keyvault key recover --vault-name <vault> --name ${vaultName}`;
      throw unusable(`CA key "${vaultName}" is deleted in the vault; recover it (${recover}).`, error);
    }
  }

  /** @param made a version of a moment ago, which a list need not show yet */
  async function open(name: string, keyType: CaKeyType, publicKey?: KeyObject, made?: KeyVaultKey): Promise<Signer> {
    const vaultName = vaultKeyName(name);
    const versions = await versionsOf(vaultName);
    if (versions.length === 0 && made === undefined && publicKey === undefined) {
      return open(name, keyType, publicKey, await create(vaultName, name, keyType));
    }
    const newest = made?.properties.version;
    if (newest !== undefined && !versions.includes(newest)) versions.push(newest);
    for (const version of versions) {
      const key = await client.getKey(vaultName, { version });
      const found = publicKeyOf(key);
      if (publicKey === undefined || found.equals(publicKey)) {
        return signerOf(key, found, keyType, new CryptographyClient(key, identity, clientOptions));
      }
    }
    const enabled = `${versions.length} enabled ${versions.length === 1 ? 'version' : 'versions'}`;
    throw unusable(`CA key "${vaultName}" has ${enabled} in the vault, and none is the key of the CA certificate.`);
  }

  /** Takes in a key under a name that has no version yet. What comes of it is found by its public key, whoever else did so. */
  async function takeIn(name: string, keyType: CaKeyType, privateKey: KeyObject): Promise<Signer> {
    const vaultName = vaultKeyName(name);
    let made: KeyVaultKey | undefined;
    if ((await versionsOf(vaultName)).length === 0) {
      const { kty, crv, ...numbers } = privateKey.export({ format: 'jwk' });
      const bytes = Object.entries(numbers).map(([part, text]) => [part, Buffer.from(String(text), 'base64url')]);
      const jwk: JsonWebKey = { kty, crv, keyOps: ['sign'], ...Object.fromEntries(bytes) };
      const tags = { fleetKey: name.slice(0, 256) };
      made = await unlessDeleted(vaultName, () => client.importKey(vaultName, jwk, { tags }));
    }
    return open(name, keyType, createPublicKey(privateKey), made);
  }

  function remembered(id: string, work: () => Promise<Signer>): Promise<Signer> {
    const known = signers.get(id);
    if (known !== undefined) return known;
    const opened = calling(service, work);
    signers.set(id, opened);
    opened.catch(() => signers.delete(id));
    return opened;
  }

  return {
    signer(name, keyType, publicKey) {
      const wanted = publicKey?.export({ type: 'spki', format: 'der' }).toString('base64') ?? '';
      return remembered(`${name} ${keyType} ${wanted}`, () => open(name, keyType, publicKey));
    },

    importKey: (name, keyType, privateKey) => calling(service, () => takeIn(name, keyType, privateKey)),
  };
}

function signerOf(key: KeyVaultKey, publicKey: KeyObject, keyType: CaKeyType, client: CryptographyClient): Signer {
  if (keyTypeOf(publicKey) !== keyType) {
    throw unusable(`CA key "${key.name}" in the vault is ${describeKey(publicKey)}, where ${keyType} was asked for.`);
  }
  if (key.properties.exportable === true) {
    throw unusable(`CA key "${key.name}" in the vault is exportable, so it may be anywhere.`);
  }
  return {
    keyType,
    publicKey,
    isLocal: false,
    async sign(data) {
      const digest = createHash(signatureAlgorithm[keyType].hash).update(data).digest();
      const { result } = await calling(service, () => client.sign(algorithms[keyType], digest));
      return keyType === 'rsa-4096' ? result : ecdsaSignatureDer(result);
    },
  };
}

function publicKeyOf({ name, key }: KeyVaultKey): KeyObject {
  // HSM-protected keys are "EC-HSM" and "RSA-HSM", which are the vault's words and not those of RFC 7517.
  const kty = key?.kty?.replace(/-HSM$/, '');
  const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString('base64url');
  const jwk = { kty, crv: key?.crv, x: text(key?.x), y: text(key?.y), n: text(key?.n), e: text(key?.e) };
  try {
    const present = Object.entries(jwk).filter(([, value]) => value !== undefined);
    return createPublicKey({ format: 'jwk', key: Object.fromEntries(present) });
  } catch (error) {
    throw unusable(`CA key "${name}" in the vault is no EC or RSA key.`, error);
  }
}

function unusable(message: string, cause?: unknown): FleetError {
  return new FleetError('ca-key-unusable', message, { cause });
}

/** What a stand-in is told instead of a token; it asks for one and takes any. */
const localCredential: TokenCredential = {
  getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** 1 to 127 of 0-9, a-z, A-Z and "-". https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning */
const longestName = 127;

/** Hex digits of SHA-256 that stand for the part of a name that is too long; 160 bits do not collide. */
const digestDigits = 40;

/** Names of CA keys are made of group ids, which may hold ".", "_" and "-". */
const ourName = /^[a-z0-9][a-z0-9._-]*$/;

const escapes: Readonly<Record<string, string>> = { '-': '--', '.': '-p', _: '-u' };

/**
 * The name a CA key has in a vault: "-" is written "--", "." is "-p" (period), "_" is "-u" (underscore), and the rest stays
 * as it is: `issuing-line7-1` is `issuing--line7--1`. A name that would exceed 127 characters ends in "-x" and a digest of
 * the whole name. Each escape is told by the character after its "-", so no two names of ours share one in the vault, which
 * compares names without case.
 * @throws FleetError `internal` for a name that is none of ours
 */
export function vaultKeyName(name: string): string {
  if (!ourName.test(name)) throw new FleetError('internal', `A CA key cannot be called "${name.slice(0, 128)}".`);
  const parts = [...name].map((character) => escapes[character] ?? character);
  const whole = parts.join('');
  if (whole.length <= longestName) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, digestDigits);
  let beginning = '';
  // Cut between characters and never inside an escape, or "-" and "-x…" together would read as "--" and "x…".
  for (const part of parts) {
    if (beginning.length + part.length > longestName - digestDigits - 2) break;
    beginning += part;
  }
  return `${beginning}-x${digest}`;
}

/**
 * An ECDSA signature as X.509 has it, SEQUENCE { r INTEGER, s INTEGER } in DER (RFC 3279 2.2.3), from r and s side by side
 * with the curve's length each (IEEE P1363), as RFC 7518 and Key Vault have it.
 */
export function ecdsaSignatureDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const [r, s] = [derInteger(signature.subarray(0, half)), derInteger(signature.subarray(half))];
  // Two integers of at most 48 + 1 + 2 bytes: the length always fits in one byte.
  return Buffer.concat([Uint8Array.of(0x30, r.length + s.length), r, s]);
}

/** The shortest form: no leading zeros, but one where the number would otherwise read as negative (X.690 8.3). */
function derInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const bytes = magnitude.subarray(start);
  const sign = (bytes[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Uint8Array.of(0x02, bytes.length + sign.length, ...sign), bytes]);
}
