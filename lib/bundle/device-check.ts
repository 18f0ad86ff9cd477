import { createECDH, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import {
  bitStringOctets,
  type DerElement,
  DerError,
  derTag,
  readConstructed,
  readElement,
  readElements,
} from '../pki/der.ts';
import type { DeviceIdentity } from '../pki/device-issuer.ts';

/*
 * What can go wrong with one device and not with its group, checked on every bundle before it is handed out; what the
 * first bundle shows for all that come from the same template is looked at on the first. The whole check of a bundle is in
 * verify-bundle.ts.
 */

/** @throws FleetError `bundle-invalid` where the bundle would not work, or would give away what it must not */
type DeviceCheck = (deviceId: string, identity: DeviceIdentity, archive: Buffer) => void;

/** @param configId what the configuration says of a device with that id, such as `registration_id = "gw-1"` */
export function createDeviceCheck(
  { keyCustody, edgeCa }: Pick<GroupDefinition, 'keyCustody' | 'edgeCa'>,
  issuingCaPem: string,
  configId: (deviceId: string) => string,
): DeviceCheck {
  const issuer = readParts(issuingCaPem).subject;
  let isFirst = true;

  return (deviceId, identity, archive) => {
    const refuse = (what: string) =>
      new FleetError('bundle-invalid', `The bundle of device "${deviceId}" was not made: ${what}.`);
    const check = (certificatePem: string, privateKeyPem: string | undefined, kind: string): CertificateParts => {
      try {
        const parts = readParts(certificatePem);
        if (!parts.issuer.equals(issuer)) throw refuse(`the ${kind} certificate is not from the group's issuing CA`);
        if (privateKeyPem !== undefined && !isKeyOf(privateKeyPem, parts, isFirst))
          throw refuse(`the ${kind} key is not the one that its certificate was issued to`);
        return parts;
      } catch (error) {
        // The message of any other error might quote what it could not read.
        if (error instanceof FleetError) throw error;
        throw refuse(`the ${kind} certificate or key cannot be read`);
      }
    };

    if ((identity.privateKeyPem === undefined) !== (keyCustody === 'device'))
      throw refuse(
        `with key custody "${keyCustody}" it must ${keyCustody === 'device' ? 'not ' : ''}hold a private key`,
      );
    const leaf = check(identity.certificatePem, identity.privateKeyPem, 'identity');
    if (leaf.commonName !== deviceId) throw refuse('the common name of its certificate is not the device id');

    if ((identity.edgeCa === undefined) !== (edgeCa !== 'issued'))
      throw refuse(`with edgeCa "${edgeCa}" it must ${edgeCa === 'issued' ? '' : 'not '}hold an Edge CA`);
    if (identity.edgeCa !== undefined) {
      const { commonName } = check(identity.edgeCa.certificatePem, identity.edgeCa.privateKeyPem, 'Edge CA');
      // An Edge CA named like the device breaks the TLS of its modules (https://github.com/Azure/iotedge/issues/5782).
      if (commonName === deviceId) throw refuse('the Edge CA has the common name of the device');
    }
    if (!isFirst) return;
    const tar = gunzipSync(archive);
    for (const text of [identity.certificatePem, identity.privateKeyPem ?? '', configId(deviceId)]) {
      if (!tar.includes(text, 0, 'latin1')) throw refuse('a file of it is not filled in');
    }
    isFirst = false;
  };
}

/** The parts of a certificate that decide here; reading the rest costs more than all of this check may. */
interface CertificateParts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** The last common name of the subject. */
  readonly commonName: string | undefined;
  readonly certificatePem: string;
  /** Content of the SubjectPublicKeyInfo's BIT STRING. */
  readonly publicKey: Buffer;
}

const commonNameId = Buffer.from('0603550403', 'hex');

function readParts(certificatePem: string): CertificateParts {
  const [tbs] = readConstructed(pemBody(certificatePem), derTag.sequence);
  const elements = readElements(part(tbs).content);
  // Version 1 has no version; a certificate of ours is always version 3.
  const [, , , issuer, , subject, publicKeyInfo] = elements;
  return {
    issuer: part(issuer).whole,
    subject: part(subject).whole,
    commonName: commonNameOf(part(subject)),
    certificatePem,
    publicKey: bitStringOctets(readElements(part(publicKeyInfo).content)[1]),
  };
}

function commonNameOf(name: DerElement): string | undefined {
  let found: string | undefined;
  for (const set of readElements(name.content)) {
    const [type, value] = readElements(readElement(set.content).content);
    if (type?.whole.equals(commonNameId)) found = value?.content.toString('latin1');
  }
  return found;
}

/** PKCS#8 of a P-256 key has its scalar and its point at fixed places (RFC 5915); see device-key.ts. */
const p256Length = 138;
const p256Prefix = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex');
const p256 = createECDH('prime256v1');

/**
 * A P-256 key from device-key.ts has the point beside its scalar that OpenSSL made with it, and that point is compared.
 * Where the scalar might be misplaced (Node gives it without leading zeros), or on demand, the point is computed from it.
 */
function isKeyOf(
  privateKeyPem: string,
  { certificatePem, publicKey }: CertificateParts,
  computePoint: boolean,
): boolean {
  const der = pemBody(privateKeyPem);
  try {
    if (der.length === p256Length && der.subarray(0, p256Prefix.length).equals(p256Prefix)) {
      if (!der.subarray(-65).equals(publicKey)) return false;
      const scalar = der.subarray(p256Prefix.length, p256Prefix.length + 32);
      if (!computePoint && scalar[0] !== 0) return true;
      p256.setPrivateKey(scalar);
      return p256.getPublicKey().equals(publicKey);
    }
    const own = createPublicKey(createPrivateKey(privateKeyPem)).export({ type: 'spki', format: 'der' });
    return own.equals(new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' }));
  } finally {
    der.fill(0);
  }
}

/** Of a text with one PEM object and nothing else. */
function pemBody(pem: string): Buffer {
  const start = pem.indexOf('\n');
  const end = pem.lastIndexOf('\n-----END');
  if (start < 0 || end < start) throw new DerError('is no PEM');
  return Buffer.from(pem.slice(start + 1, end), 'base64');
}

function part(element: DerElement | undefined): DerElement {
  if (element === undefined) throw new DerError('is not laid out like a certificate');
  return element;
}
