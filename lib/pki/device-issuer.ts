import { hash, X509Certificate } from 'node:crypto';
import { FleetError } from '../errors.ts';
import { type AlternativeNames, alternativeNameOfRow } from './alternative-name.ts';
import { brokenRule } from './broken-rule.ts';
import { readCertificate, toPem } from './certificate.ts';
import { readCertificationRequest } from './csr.ts';
import { type EdgeCaKind, edgeCaCommonName, edgeCaPathLength } from './edge-ca.ts';
import { type Authority, createCertificateSigning, readIssuer } from './issuer.ts';
import {
  createP256KeyGenerator,
  type DeviceKey,
  type DeviceKeyType,
  generateRsaKey,
  keyIdentifier,
  type NewDeviceKey,
} from './keys.ts';
import { profiles, validityFrom } from './profiles.ts';
import { companionSerialNumber } from './serial.ts';
import { spreadEnd } from './spread.ts';
import { createTemplates, draftCertificate, type Template, type TemplateChoice, type Templates } from './template.ts';

export interface IssuedCertificate {
  /** Hex, as in the device record. */
  readonly serialNumber: string;
  readonly certificatePem: string;
  /** Upper-case hex, as IoT Hub shows thumbprints. */
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** All that is issued to one device. */
export interface DeviceIdentity extends IssuedCertificate {
  /** PKCS#8; absent where the device made its key and sent a request. To be zeroed with `eraseKeys`. */
  readonly privateKeyPem?: Buffer;
  /** The device's own CA for its modules, where the group has us issue it (IoT Edge only). */
  readonly edgeCa?: IssuedCertificate & { readonly privateKeyPem: Buffer };
}

/** Overwrites the private keys of an identity with zeros, once they are in the bundle or are not needed. */
export function eraseKeys({ privateKeyPem, edgeCa }: Pick<DeviceIdentity, 'privateKeyPem' | 'edgeCa'>): void {
  privateKeyPem?.fill(0);
  edgeCa?.privateKeyPem.fill(0);
}

export interface DeviceIssuerOptions {
  readonly issuer: Authority;
  /** Of keys that are made here; a request may bring any that the profile allows. */
  readonly keyType: DeviceKeyType;
  /** From `now`, clamped to the issuer's life. */
  readonly validityDays: number;
  /** Validity of all certificates counts from here, so an issuer is for minutes, not for days. */
  readonly now: Date;
  /** Gives each device a CA for its modules as well. The issuing CA needs the path length for it (edge-ca.ts). */
  readonly edgeCa?: EdgeCaKind | undefined;
  /** Absent: identities have no subject alternative name. */
  readonly alternativeNames?: AlternativeNames | undefined;
  /** Which device has which key, where the caller keeps it beyond one issuer. Default: known to this issuer only. */
  readonly owners?: KeyOwners;
}

export interface DeviceIssueRequest {
  readonly deviceId: string;
  /** PKCS#10, PEM or base64 of DER, where the device made its key itself. */
  readonly csr?: string;
  /** Hex, 16 octets, as reserved in the device record. */
  readonly serialNumber: string;
  /** Window over which the ends of certificates are spread (spread.ts), at most half of `validityDays`. Default: 0, none. */
  readonly jitterDays?: number;
}

/** Issues identities of one group's devices. */
export interface DeviceIssuer {
  /**
   * Issues one device's identity, and its Edge CA where the group has one. Several devices may be issued for at once.
   * @throws FleetError `csr-invalid` when the device's own request is at fault; `device-id-invalid` when the id cannot be the
   * subject alternative name that was asked for; `certificate-rule`; `throttled` or
   * `unavailable` from a CA key that is not local
   */
  issue(request: DeviceIssueRequest): Promise<DeviceIdentity>;
  /**
   * Checks what `issue` checks of a row, and makes no key and no signature: the device's own request, and the rules that
   * a certificate for an id of this length has to keep.
   * @returns the identifier of the key in the request, for `KeyOwners`; undefined when the row has no request
   * @throws FleetError `csr-invalid`, `device-id-invalid`, `certificate-rule`
   */
  check(request: DeviceIssueRequest): Promise<Buffer | undefined>;
  /** Overwrites the last private key that was made, which OpenSSL keeps otherwise. To be called after a group of devices. */
  forgetKeys(): void;
}

/**
 * @throws FleetError `certificate-rule` (rule `issuer`) when the authority may not issue at all
 * @example
 * const issuer = createDeviceIssuer({ issuer: authority, keyType: 'ec-p256', validityDays: 365, now: new Date() });
 * const { certificatePem } = await issuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
 */
export function createDeviceIssuer(options: DeviceIssuerOptions): DeviceIssuer {
  const { keyType, validityDays, alternativeNames, now } = options;
  const issuer = readIssuer(options.issuer);
  const signing = createCertificateSigning(issuer);
  const p256Keys = createP256KeyGenerator();
  const { owners = createKeyOwners() } = options;
  owners.add(issuer.keyIdentifier, 'the issuing CA');
  for (const pem of options.issuer.chainPem)
    owners.add(keyIdentifier(readCertificate(new X509Certificate(pem).raw).publicKey), 'a CA above the issuing CA');

  const identityProfile = profiles['device-identity'];
  const { notBefore, notAfter } = validityFrom(now, validityDays, identityProfile, issuer);
  const identityKind = {
    ...{ profile: identityProfile, notBefore, commonNameOf: (deviceId: string) => deviceId },
    alternativeNameOf: alternativeNames && ((deviceId: string) => alternativeNameOfRow(alternativeNames, deviceId)),
  };
  /** Of all certificates of a device: profiles differ in the begin only. */
  const endFor = ({ deviceId, jitterDays = 0 }: DeviceIssueRequest) =>
    spreadEnd(deviceId, { now, notAfter, validityDays, jitterDays });
  const identityTemplates = {
    'ec-p256': createTemplates({ ...identityKind, keyType: 'ec-p256' }, issuer, now),
    'rsa-2048': createTemplates({ ...identityKind, keyType: 'rsa-2048' }, issuer, now),
  };
  const edgeCaDrafts = options.edgeCa && edgeCaDrafting(options.edgeCa);

  function edgeCaDrafting(kind: EdgeCaKind) {
    const profile = profiles[kind];
    const { notBefore } = validityFrom(now, validityDays, profile, issuer);
    const templates = createTemplates(
      {
        profile,
        keyType: 'ec-p256',
        pathLength: edgeCaPathLength[kind],
        commonNameOf: edgeCaCommonName,
        notBefore,
      },
      issuer,
      now,
    );
    async function draft(
      { deviceId, serialNumber }: DeviceIssueRequest,
      { publicKey, privateKeyPem }: NewDeviceKey,
      notAfter: Date,
    ) {
      const companion = companionSerialNumber(serialNumber, kind);
      const request = { deviceId, serialNumber: companion, notAfter, publicKey };
      const template = await templateFor(templates, request);
      const { tbs, subjectKeyIdentifier } = draftCertificate(template, request);
      const owner = owners.add(subjectKeyIdentifier, `${deviceId} edge CA`);
      if (owner !== undefined) throw keyReuse(owner);
      const issued = (der: Buffer) => ({
        ...issuedCertificate(companion, der, { notBefore, notAfter }),
        privateKeyPem,
      });
      return { tbs, issued };
    }
    return { templates, draft };
  }

  /** The certificate of the device's identity, ready to sign. */
  function draftIdentity(
    template: Template,
    { deviceId, serialNumber, csr }: DeviceIssueRequest,
    { publicKey }: Pick<DeviceKey, 'publicKey'>,
    notAfter: Date,
  ) {
    const draft = draftCertificate(template, { deviceId, serialNumber, notAfter, publicKey });
    const owner = owners.add(draft.subjectKeyIdentifier, deviceId);
    if (owner !== undefined) throw keyReuse(owner, csr);
    return draft;
  }

  function toIdentity(
    { serialNumber }: DeviceIssueRequest,
    { privateKeyPem }: DeviceKey,
    der: Buffer,
    notAfter: Date,
  ): DeviceIdentity {
    return { ...issuedCertificate(serialNumber, der, { notBefore, notAfter }), privateKeyPem };
  }

  async function certify(
    request: DeviceIssueRequest,
    key: DeviceKey,
    edgeCaKey?: NewDeviceKey,
  ): Promise<DeviceIdentity> {
    // 1. Draft every certificate of the device: if one breaks a rule, none is signed.
    const end = endFor(request);
    const choice = { deviceId: request.deviceId, notAfter: end };
    const template = await templateFor(identityTemplates[key.type], choice);
    const identity = draftIdentity(template, request, key, end);
    const edgeCa = edgeCaKey && edgeCaDrafts && (await edgeCaDrafts.draft(request, edgeCaKey, end));

    // 2. Sign them.
    if (edgeCa === undefined) {
      const der = signing.isLocal ? signing.sign(identity.tbs) : await signing.sign(identity.tbs);
      return toIdentity(request, key, der, end);
    }
    const [der, edgeCaDer] = await Promise.all([signing.sign(identity.tbs), signing.sign(edgeCa.tbs)]);
    return { ...toIdentity(request, key, der, end), edgeCa: edgeCa.issued(edgeCaDer) };
  }

  return {
    async issue(request) {
      let key: DeviceKey;
      if (request.csr !== undefined) key = readCertificationRequest(request.csr, request.deviceId, identityProfile);
      else if (keyType === 'rsa-2048') key = await generateRsaKey();
      else key = p256Keys.generate();
      const edgeCaKey = edgeCaDrafts && p256Keys.generate();
      try {
        return await certify(request, key, edgeCaKey);
      } catch (error) {
        key.privateKeyPem?.fill(0);
        edgeCaKey?.privateKeyPem.fill(0);
        throw error;
      }
    },

    async check(request) {
      const { deviceId, csr } = request;
      const end = endFor(request);
      const choice = { deviceId, notAfter: end };
      if (edgeCaDrafts !== undefined) await templateFor(edgeCaDrafts.templates, choice);
      // A template is made with the sample of an id.
      if (alternativeNames !== undefined) alternativeNameOfRow(alternativeNames, deviceId);
      if (csr === undefined) {
        await templateFor(identityTemplates[keyType], choice);
        return undefined;
      }
      const key = readCertificationRequest(csr, deviceId, identityProfile);
      const template = await templateFor(identityTemplates[key.type], choice);
      const draft = draftIdentity(template, request, key, end);
      return Buffer.from(draft.subjectKeyIdentifier);
    },

    forgetKeys: p256Keys.forget,
  };
}

/** Not async: a promise per certificate would cost more than the look-up. */
function templateFor(templates: Templates, choice: TemplateChoice): Template | Promise<Template> {
  return templates.find(choice) ?? templates.make(choice);
}

/**
 * Checks a device's own request where its group has no issuing CA yet: all that `DeviceIssuer.check` checks of it without
 * the rules that depend on the CA.
 * @returns the identifier of its key
 * @throws FleetError `csr-invalid`
 */
export function checkRequest({ deviceId, csr }: { deviceId: string; csr: string }, owners: KeyOwners): Buffer {
  const { publicKey } = readCertificationRequest(csr, deviceId, profiles['device-identity']);
  const identifier = keyIdentifier(publicKey);
  const owner = owners.add(identifier, deviceId);
  if (owner !== undefined) throw keyReuse(owner, csr);
  return identifier;
}

/**
 * A key belongs to one device: two devices with one key can pose as each other. A key that came in a request is for the
 * sender of the row to replace, a key that was made here for an operator to look into.
 * @param csr the request that the key came in
 */
function keyReuse(owner: string, csr?: string): FleetError {
  const message = `its key is that of "${owner}" too; every device needs a key of its own`;
  if (csr === undefined) return brokenRule('key-reuse', message);
  return new FleetError('csr-invalid', `key-reuse: ${message}.`, { column: 'csr' });
}

/** Remembers which device has which key. */
export interface KeyOwners {
  /**
   * Notes that the device has the key. The same device may have it again, as when a chunk is delivered twice.
   * @returns the other device that has the key, in which case nothing is noted; undefined when there is none
   */
  add(subjectKeyIdentifier: Buffer, deviceId: string): string | undefined;
}

/** Two halves of this many keys are kept; the older half is dropped when the newer one is full. Some 20 MB at most. */
const halfCapacity = 65_536;

export function createKeyOwners(): KeyOwners {
  let newer = new Map<string, string>();
  let older = new Map<string, string>();
  return {
    add(subjectKeyIdentifier, deviceId) {
      const id = subjectKeyIdentifier.toString('latin1');
      const known = newer.get(id) ?? older.get(id);
      if (known !== undefined && known !== deviceId) return known;
      if (newer.size >= halfCapacity) {
        older = newer;
        newer = new Map();
      }
      newer.set(id, deviceId);
      return undefined;
    },
  };
}

/** A certificate that was signed, with its thumbprints. */
export function issuedCertificate(
  serialNumber: string,
  der: Buffer,
  validity: Pick<IssuedCertificate, 'notBefore' | 'notAfter'>,
): IssuedCertificate {
  return {
    serialNumber,
    certificatePem: toPem('CERTIFICATE', der),
    sha1Thumbprint: hash('sha1', der, 'hex').toUpperCase(),
    sha256Thumbprint: hash('sha256', der, 'hex').toUpperCase(),
    ...validity,
  };
}
