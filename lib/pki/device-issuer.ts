import { hash } from 'node:crypto';
import { brokenRule } from './broken-rule.ts';
import { toPem } from './certificate.ts';
import { readCertificationRequest } from './csr.ts';
import { type EdgeCaKind, edgeCaCommonName, edgeCaPathLength } from './edge-ca.ts';
import type { Authority } from './issuer.ts';
import { createCertificateSigning, readIssuer } from './issuer.ts';
import { createP256KeyGenerator, type DeviceKey, type DeviceKeyType, generateRsaKey, subjectKeyFrom } from './keys.ts';
import { type Profile, profiles, validityFrom } from './profiles.ts';
import { companionSerialNumber } from './serial.ts';
import { createTemplate, fillTemplate, type Template } from './template.ts';

/** What was issued to one device. */
export interface DeviceIdentity {
  /** Hex, as in the device record. */
  readonly serialNumber: string;
  readonly certificatePem: string;
  /** PKCS#8; absent where the device made its key and sent a request. */
  readonly privateKeyPem?: string;
  /** Upper-case hex, as IoT Hub shows thumbprints. */
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The device's own CA for its modules, where the group has us issue it (IoT Edge only). */
  readonly edgeCa?: { readonly certificatePem: string; readonly privateKeyPem: string };
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
  readonly edgeCa?: EdgeCaKind;
}

/** Issues identities of one group's devices. */
export interface DeviceIssuer {
  /**
   * At once where the CA's key and the device's are P-256 and in this process, but for the first certificate with a name
   * of its length, which the next are made of; a promise else, and then many may be in flight.
   * @throws FleetError `csr-invalid`, `certificate-rule`; `throttled` or `unavailable` from a CA key that is elsewhere
   */
  issue(request: DeviceIssueRequest): DeviceIdentity | Promise<DeviceIdentity>;
}

export interface DeviceIssueRequest {
  readonly deviceId: string;
  /** PKCS#10, PEM or base64 of DER, where the device made its key itself. */
  readonly csr?: string;
  /** Hex, 16 octets, as reserved in the device record. */
  readonly serialNumber: string;
}

/** @throws FleetError `certificate-rule` when the authority cannot issue at all */
export async function createDeviceIssuer(options: DeviceIssuerOptions): Promise<DeviceIssuer> {
  const { keyType, validityDays, now, edgeCa } = options;
  const issuer = readIssuer(options.issuer);
  const signCertificate = createCertificateSigning(issuer);
  const generateP256Key = createP256KeyGenerator();
  const history = createKeyHistory();
  /** By profile, kind of key, and length of the common name. */
  const templates = new Map<Profile, Record<DeviceKeyType, (Template | Promise<Template>)[]>>();
  const identityProfile = profiles['device-identity'];
  const { notBefore, notAfter } = validityFrom(now, validityDays, identityProfile, issuer);
  history.remember(issuer.keyIdentifier, 'the issuing CA');

  /** Prepares and checks one certificate. @returns what is to be signed */
  function prepare(
    profile: Profile,
    subject: Subject,
    type: DeviceKeyType,
    publicKey: Buffer,
  ): Buffer | Promise<Buffer> {
    return after(templateFor(profile, type, subject, publicKey), (template) => {
      const { tbs, subjectKeyIdentifier } = fillTemplate(template, subject, publicKey);
      history.remember(subjectKeyIdentifier, subject.deviceId);
      return tbs;
    });
  }

  /**
   * The template for certificates like this one, made of this one when there is none yet. Those that come meanwhile wait
   * for it, and where it fails they try themselves: what was wrong with it is not their fault.
   */
  function templateFor(
    profile: Profile,
    type: DeviceKeyType,
    subject: Subject,
    publicKey: Buffer,
  ): Template | Promise<Template> {
    let ofProfile = templates.get(profile);
    if (ofProfile === undefined) {
      ofProfile = { 'ec-p256': [], 'rsa-2048': [] };
      templates.set(profile, ofProfile);
    }
    const { serialNumber, commonName, pathLength } = subject;
    const alike = ofProfile[type];
    const known = alike[commonName.length];
    if (known !== undefined && !(known instanceof Promise)) return known;

    const make = (): Promise<Template> => {
      const content = { profile, serialNumber, commonName, pathLength, key: subjectKeyFrom(type, publicKey) };
      const validity = validityFrom(now, validityDays, profile, issuer);
      const making = createTemplate({ ...content, ...validity }, issuer, now);
      alike[commonName.length] = making;
      making.then(
        (template) => {
          alike[commonName.length] = template;
        },
        () => {
          if (alike[commonName.length] === making) delete alike[commonName.length];
        },
      );
      return making;
    };
    return known === undefined ? make() : known.catch(make);
  }

  function issueFor(
    { deviceId, serialNumber }: DeviceIssueRequest,
    type: DeviceKeyType,
    { publicKey, privateKeyPem }: Pick<DeviceKey, 'publicKey'> & Partial<DeviceKey>,
  ): DeviceIdentity | Promise<DeviceIdentity> {
    const subject = { deviceId, commonName: deviceId, serialNumber };
    const own = prepare(identityProfile, subject, type, publicKey);
    const toIdentity = (der: Buffer): DeviceIdentity => ({
      serialNumber,
      certificatePem: toPem('CERTIFICATE', der),
      privateKeyPem,
      sha1Thumbprint: hash('sha1', der, 'hex').toUpperCase(),
      sha256Thumbprint: hash('sha256', der, 'hex').toUpperCase(),
      notBefore,
      notAfter,
    });
    if (edgeCa === undefined) return after(after(own, signCertificate), toIdentity);

    // One after the other, and neither is signed before both are prepared.
    return after(own, (tbs) =>
      after(prepareEdgeCa(subject, edgeCa), (edge) =>
        after(both(signCertificate(tbs), signCertificate(edge.tbs)), ([der, edgeDer]) => {
          const certificatePem = toPem('CERTIFICATE', edgeDer);
          return { ...toIdentity(der), edgeCa: { certificatePem, privateKeyPem: edge.privateKeyPem } };
        }),
      ),
    );
  }

  function prepareEdgeCa({ deviceId, serialNumber }: Subject, kind: EdgeCaKind) {
    const { publicKey, privateKeyPem } = generateP256Key();
    const subject = {
      deviceId: `${deviceId} edge CA`,
      commonName: edgeCaCommonName(deviceId),
      serialNumber: companionSerialNumber(serialNumber, kind),
      pathLength: edgeCaPathLength[kind],
    };
    return after(prepare(profiles[kind], subject, 'ec-p256', publicKey), (tbs) => ({ tbs, privateKeyPem }));
  }

  return {
    issue(request) {
      if (request.csr !== undefined) {
        const key = readCertificationRequest(request.csr, request.deviceId, identityProfile);
        return issueFor(request, key.type as DeviceKeyType, { publicKey: key.publicKey });
      }
      if (keyType === 'ec-p256') return issueFor(request, keyType, generateP256Key());
      return generateRsaKey().then((key) => issueFor(request, keyType, key));
    },
  };
}

interface Subject {
  /** Whom the key belongs to, for the rule against reuse. */
  readonly deviceId: string;
  readonly commonName: string;
  readonly serialNumber: string;
  readonly pathLength?: number;
}

/** Goes on at once with what is there, and later with what is promised. */
function after<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function both<T>(first: T | Promise<T>, second: T | Promise<T>): [T, T] | Promise<[T, T]> {
  return first instanceof Promise || second instanceof Promise ? Promise.all([first, second]) : [first, second];
}

/** Remembers which device has which key. */
interface KeyHistory {
  /**
   * A key belongs to one device: two with one key can pose as each other. The same device with its key again is fine, as
   * when a chunk is delivered twice.
   * @throws FleetError `certificate-rule` (rule `key-reuse`)
   */
  remember(subjectKeyIdentifier: Buffer, deviceId: string): void;
}

/** Two halves of this many keys are kept, the older one dropped when the newer is full: some 20 MB at the most. */
const halfCapacity = 65_536;

function createKeyHistory(): KeyHistory {
  let newer = new Map<string, string>();
  let older = new Map<string, string>();
  return {
    remember(subjectKeyIdentifier, deviceId) {
      const id = subjectKeyIdentifier.toString('latin1');
      const known = newer.get(id) ?? older.get(id);
      if (known !== undefined && known !== deviceId)
        throw brokenRule('key-reuse', `its key is that of "${known}" too; every device needs a key of its own`);
      if (newer.size >= halfCapacity) {
        older = newer;
        newer = new Map();
      }
      newer.set(id, deviceId);
    },
  };
}
