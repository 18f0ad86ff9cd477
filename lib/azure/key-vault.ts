import 'reflect-metadata';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import {
  CryptographyClient,
  type JsonWebKey,
  KeyClient,
  type KeyVaultKey,
  type SignatureAlgorithm,
} from '@azure/keyvault-keys';
import { AsnEcSignatureFormatter } from '@peculiar/x509';
import { FleetError } from '../errors.ts';
import type { CaKeyType, KeyProtection, KeyStore, Signer } from '../pki/key-store.ts';
import { describeKey, keyTypeOf, signatureAlgorithm, webCryptoAlgorithm } from '../pki/keys.ts';
import { calling, statusOf, unlessStatus } from './service-errors.ts';
import { vaultTimeoutMs, withVaultTimeout } from './vault-timeout.ts';

export interface KeyVaultOptions {
  /** Such as https://name.vault.azure.net. A vault on localhost is an emulator. */
  readonly vaultUrl: string;
  readonly credential: TokenCredential;
  /**
   * Where new keys are made and imported to. `hsm` needs a vault of the SKU premium, and takes no key in software for a new CA;
   * CAs that exist keep the key of their certificate. Default: `software`, which takes either for a new CA.
   */
  readonly protection?: Exclude<KeyProtection, 'file'>;
  /** Retries of the SDK, which waits as Retry-After says, before a call fails. Default: 3, as in the SDK. */
  readonly maxRetries?: number;
  /** Milliseconds for one try of a request. Default: 30,000. */
  readonly timeoutMs?: number;
}

const service = 'Key Vault';

/** Signature algorithms by their names in RFC 7518. */
const algorithms: Readonly<Record<CaKeyType, SignatureAlgorithm>> = {
  'ec-p256': 'ES256',
  'ec-p384': 'ES384',
  'rsa-4096': 'RS256',
};

/**
 * CA keys in Azure Key Vault. Keys are created there, are not exportable and can only sign. The vault returns public keys
 * and signatures. The app needs the rights to create, read and sign with keys, and no others.
 *
 * A name stands for one key forever. But a vault adds a version whenever the "same" key is created again, by a second
 * process at the same moment or by a rotation policy. Therefore a new CA uses the oldest enabled version that is protected as
 * `protection` says, and an existing CA asks for the version that has its certificate's public key.
 */
export function createKeyVaultKeyStore(options: KeyVaultOptions): KeyStore {
  const { vaultUrl, credential, maxRetries = 3, timeoutMs = vaultTimeoutMs, protection = 'software' } = options;
  const hsm = protection === 'hsm';
  const isLocal = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|\/|$)/.test(vaultUrl);
  // An emulator must not get a token of the real directory, and its host is not an Azure domain that the SDK could check.
  const identity = isLocal ? localCredential : credential;
  const clientOptions = {
    ...withVaultTimeout(timeoutMs),
    retryOptions: { maxRetries },
    disableChallengeResourceVerification: isLocal,
  };
  const client = new KeyClient(vaultUrl, identity, clientOptions);
  const signers = new Map<string, Promise<Signer>>();

  /** Ids of all enabled versions, oldest first. */
  async function versionsOf(vaultName: string): Promise<string[]> {
    const found: { version: string; createdAt: number }[] = [];
    // 404: the vault has no key of that name.
    await unlessStatus([404], async () => {
      for await (const { version, enabled, createdOn } of client.listPropertiesOfKeyVersions(vaultName)) {
        if (version !== undefined && enabled !== false) found.push({ version, createdAt: createdOn?.getTime() ?? 0 });
      }
    });
    // Times are whole seconds. Versions of the same second need an order that is the same in every process.
    found.sort((a, b) => a.createdAt - b.createdAt || (a.version < b.version ? -1 : 1));
    return found.map(({ version }) => version);
  }

  function create(vaultName: string, name: string, keyType: CaKeyType): Promise<KeyVaultKey> {
    const options = { keyOps: ['sign'], tags: { fleetKey: name.slice(0, 256) }, ...(hsm && { hsm }) };
    return orExplained(vaultName, () =>
      keyType === 'rsa-4096'
        ? client.createRsaKey(vaultName, { ...options, keySize: 4096 })
        : client.createEcKey(vaultName, { ...options, curve: keyType === 'ec-p256' ? 'P-256' : 'P-384' }),
    );
  }

  async function orExplained(vaultName: string, work: () => Promise<KeyVaultKey>): Promise<KeyVaultKey> {
    try {
      return await work();
    } catch (error) {
      if (hsm && isWithoutHsm(error)) {
        const message =
          'CA keys are to be in an HSM (CA_KEY_PROTECTION), and the vault is of the SKU standard, which has none. Give it the SKU premium.';
        throw new FleetError('setting-invalid', message, { cause: error });
      }
      if (statusOf(error) !== 409) throw error;
      // A deleted key keeps its name until it is purged. Recovering it is the operator's decision.
      const recover = `az keyvault key recover --vault-name <vault> --name ${vaultName}`;
      throw unusable(`CA key "${vaultName}" is deleted in the vault. Recover it: ${recover}`, error);
    }
  }

  /** @param created a version that was just created or imported, which a list may not show yet */
  async function open(name: string, keyType: CaKeyType, publicKey?: KeyObject, created?: KeyVaultKey): Promise<Opened> {
    const vaultName = vaultKeyName(name);
    const versions = await versionsOf(vaultName);
    const newest = created?.properties.version;
    if (newest !== undefined && !versions.includes(newest)) versions.push(newest);
    for (const version of versions) {
      const key = await client.getKey(vaultName, { version });
      const found = publicKeyOf(key);
      const isWanted = publicKey === undefined ? !hsm || isInHsm(key) : found.equals(publicKey);
      if (isWanted) {
        const signer = signerOf(key, found, keyType, new CryptographyClient(key, identity, clientOptions));
        return { signer, protection: isInHsm(key) ? 'hsm' : 'software' };
      }
    }
    if (publicKey === undefined && created === undefined) {
      return open(name, keyType, publicKey, await create(vaultName, name, keyType));
    }
    const enabled = `${versions.length} enabled ${versions.length === 1 ? 'version' : 'versions'}`;
    const missing = publicKey === undefined ? 'in an HSM' : 'with the public key of the CA certificate';
    throw unusable(`CA key "${vaultName}" has ${enabled} in the vault, none ${missing}.`);
  }

  /** Imports a key under a name without versions. The version is then found by its public key, also if another process made it. */
  async function importOnce(name: string, keyType: CaKeyType, privateKey: KeyObject): Promise<Signer> {
    const vaultName = vaultKeyName(name);
    let imported: KeyVaultKey | undefined;
    if ((await versionsOf(vaultName)).length === 0) {
      const { kty, crv, ...numbers } = privateKey.export({ format: 'jwk' });
      const bytes = Object.entries(numbers).map(([part, text]) => [part, Buffer.from(String(text), 'base64url')]);
      const jwk: JsonWebKey = { kty, crv, keyOps: ['sign'], ...Object.fromEntries(bytes) };
      const tags = { fleetKey: name.slice(0, 256) };
      const options = { tags, ...(hsm && { hardwareProtected: hsm }) };
      imported = await orExplained(vaultName, () => client.importKey(vaultName, jwk, options));
    }
    return (await open(name, keyType, createPublicKey(privateKey), imported)).signer;
  }

  function cached(id: string, work: () => Promise<Signer>): Promise<Signer> {
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
      return cached(`${name} ${keyType} ${wanted}`, async () => (await open(name, keyType, publicKey)).signer);
    },

    check: (name, keyType, publicKey) =>
      calling(service, async () => (await open(name, keyType, publicKey)).protection),

    importKey: (name, keyType, privateKey) => calling(service, () => importOnce(name, keyType, privateKey)),
  };
}

interface Opened {
  readonly signer: Signer;
  readonly protection: KeyProtection;
}

/** The types of keys in HSMs, which RFC 7517 does not have: https://learn.microsoft.com/azure/key-vault/keys/about-keys */
const hsmSuffix = /-HSM$/;

const isInHsm = ({ keyType }: KeyVaultKey): boolean => hsmSuffix.test(keyType ?? '');

/**
 * Whether a vault of the SKU standard refuses to make or import a key in an HSM. It has a message of its own, and no code:
 * https://github.com/Azure/azure-sdk-for-net/issues/6551
 */
function isWithoutHsm(error: unknown): boolean {
  return error instanceof Error && /not allowed on standard vault/i.test(error.message);
}

function signerOf(key: KeyVaultKey, publicKey: KeyObject, keyType: CaKeyType, client: CryptographyClient): Signer {
  if (keyTypeOf(publicKey) !== keyType) {
    throw unusable(`CA key "${key.name}" in the vault is ${describeKey(publicKey)}. Expected ${keyType}.`);
  }
  if (key.properties.exportable === true) {
    throw unusable(
      `CA key "${key.name}" in the vault is exportable, so copies of it may exist. Use a key that is not exportable.`,
    );
  }
  return {
    keyType,
    publicKey,
    isLocal: false,
    async sign(data) {
      const digest = createHash(signatureAlgorithm[keyType].hash).update(data).digest();
      const { result } = await calling(service, () => client.sign(algorithms[keyType], digest));
      return x509Signature(Uint8Array.from(result), keyType);
    },
  };
}

function publicKeyOf({ name, key }: KeyVaultKey): KeyObject {
  const kty = key?.kty?.replace(hsmSuffix, '');
  const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString('base64url');
  const jwk = { kty, crv: key?.crv, x: text(key?.x), y: text(key?.y), n: text(key?.n), e: text(key?.e) };
  try {
    const present = Object.entries(jwk).filter(([, value]) => value !== undefined);
    return createPublicKey({ format: 'jwk', key: Object.fromEntries(present) });
  } catch (error) {
    throw unusable(`CA key "${name}" in the vault is neither an EC nor an RSA key.`, error);
  }
}

function unusable(message: string, cause?: unknown): FleetError {
  return new FleetError('ca-key-unusable', message, { cause });
}

/** The token for an emulator, which accepts any. */
export const localCredential: TokenCredential = {
  getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** A key's name has 1 to 127 of 0-9, a-z, A-Z and "-". https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning */
const longestName = 127;

/** Hex digits of SHA-256 that replace the end of a name that is too long. 160 bits do not collide. */
const digestDigits = 40;

/** Names of CA keys contain group ids, which may have ".", "_" and "-". */
const keyName = /^[a-z0-9][a-z0-9._-]*$/;

const escapes: Readonly<Record<string, string>> = { '-': '--', '.': '-p', _: '-u' };

/**
 * The name of a CA key in a vault. "-" becomes "--", "." becomes "-p" (period), "_" becomes "-u" (underscore). A name that
 * would exceed 127 characters ends in "-x" and a digest of the whole name. Two names never become the same: the character
 * after a "-" tells the escapes apart, also without case, as the vault compares.
 * @throws FleetError `internal` when the name is not made of a-z, 0-9, ".", "_" and "-"
 * @example
 * vaultKeyName('issuing-line7-1') // 'issuing--line7--1'
 */
export function vaultKeyName(name: string): string {
  if (!keyName.test(name)) throw new FleetError('internal', `"${name.slice(0, 128)}" is not a name of a CA key.`);
  const parts = [...name].map((character) => escapes[character] ?? character);
  const whole = parts.join('');
  if (whole.length <= longestName) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, digestDigits);
  let beginning = '';
  // Never cut inside an escape: a "-" followed by "-x…" would read as "--" followed by "x…".
  for (const part of parts) {
    if (beginning.length + part.length > longestName - digestDigits - 2) break;
    beginning += part;
  }
  return `${beginning}-x${digest}`;
}

const ecdsa = new AsnEcSignatureFormatter();

/**
 * @param signature as Key Vault returns it: for ECDSA, r and s side by side (IEEE P1363, RFC 7518 3.4)
 * @returns the signature as X.509 has it: for ECDSA, SEQUENCE { r INTEGER, s INTEGER } in DER (RFC 3279 2.2.3)
 */
export function x509Signature(signature: Uint8Array<ArrayBuffer>, keyType: CaKeyType): Uint8Array {
  const der = ecdsa.toAsnSignature(webCryptoAlgorithm[keyType], signature);
  return der === null ? signature : new Uint8Array(der);
}
