import { X509Certificate } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { readCertificate } from '../pki/certificate.ts';
import { DerError, derTag, readConstructed } from '../pki/der.ts';
import type { DeviceIdentity } from '../pki/device-issuer.ts';
import { decodePrivateKeyPem, p256PointOf } from '../pki/private-key-pem.ts';

/**
 * Makes the check that each device's identity passes before it goes into a bundle: the certificate is from the group's
 * issuing CA and names the device, each key belongs to its certificate, and keys and Edge CA are there where the group
 * says so. It runs for every device, so it searches octets and parses nothing. The first bundle of each layout is also
 * verified as a whole (bundler.ts).
 *
 * @returns a function that throws FleetError `bundle-invalid`
 */
export function createIdentityCheck(
  { keyCustody, edgeCa }: Pick<GroupDefinition, 'keyCustody' | 'edgeCa'>,
  issuerPem: string,
): (deviceId: string, identity: DeviceIdentity) => void {
  const issuer = readCertificate(new X509Certificate(issuerPem).raw).subject;

  /** @returns the certificate, DER */
  function check(deviceId: string, kind: string, certificatePem: string, privateKeyPem: Buffer | undefined): Buffer {
    const certificate = pemBody(certificatePem);
    if (!certificate.includes(issuer))
      throw refusal(deviceId, `the ${kind} certificate is not from the group's issuing CA`);
    if (privateKeyPem !== undefined && !certificate.includes(publicKeyOf(deviceId, kind, privateKeyPem)))
      throw refusal(deviceId, `the ${kind} key is not the one that its certificate was issued to`);
    return certificate;
  }

  return (deviceId, { certificatePem, privateKeyPem, edgeCa: ownCa }) => {
    const commonName = encodedCommonName(deviceId);
    if ((privateKeyPem === undefined) !== (keyCustody === 'device')) {
      const must = keyCustody === 'device' ? 'must not' : 'must';
      throw refusal(deviceId, `with key custody "${keyCustody}" it ${must} hold a private key`);
    }
    if (!check(deviceId, 'identity', certificatePem, privateKeyPem).includes(commonName))
      throw refusal(deviceId, 'the common name of its certificate is not the device id');

    if ((ownCa === undefined) !== (edgeCa !== 'issued')) {
      const must = edgeCa === 'issued' ? 'must' : 'must not';
      throw refusal(deviceId, `with edgeCa "${edgeCa}" it ${must} hold an Edge CA`);
    }
    if (ownCa === undefined) return;
    // An Edge CA named like the device breaks the TLS of its modules (https://github.com/Azure/iotedge/issues/5782).
    if (check(deviceId, 'Edge CA', ownCa.certificatePem, ownCa.privateKeyPem).includes(commonName))
      throw refusal(deviceId, 'the Edge CA has the common name of the device');
  };
}

/** The error of a bundle that would not work. `why` must not quote a key. */
export function refusal(deviceId: string, why: string): FleetError {
  return new FleetError('bundle-invalid', `The bundle of device "${deviceId}" was not made: ${why}.`);
}

/** A common name as certificates of devices hold it (lib/pki/template.ts): its object identifier and a UTF8String, DER. */
function encodedCommonName(commonName: string): Buffer {
  return Buffer.concat([Buffer.from([0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, commonName.length]), Buffer.from(commonName)]);
}

/** The public key that belongs to a private key, in octets that its certificate holds as they are. */
function publicKeyOf(deviceId: string, kind: string, privateKeyPem: Buffer): Buffer {
  const point = p256PointOf(privateKeyPem);
  if (point !== undefined) return point;
  const der = decodePrivateKeyPem(privateKeyPem);
  try {
    if (der !== undefined) return rsaNumbersOf(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
  } finally {
    der?.fill(0);
  }
  throw refusal(deviceId, `the ${kind} key cannot be read`);
}

/** Modulus and exponent of an RSAPrivateKey (RFC 8017 A.1.2) in PKCS#8 (RFC 5208 5), as an RSAPublicKey holds them. */
function rsaNumbersOf(der: Buffer): Buffer {
  const [, , privateKey] = readConstructed(der, derTag.sequence);
  if (privateKey?.tag !== derTag.octetString) throw new DerError('lacks a private key');
  const [, modulus, exponent] = readConstructed(privateKey.content, derTag.sequence);
  if (modulus?.tag !== derTag.integer || exponent?.tag !== derTag.integer) throw new DerError('is not an RSA key');
  return Buffer.concat([modulus.whole, exponent.whole]);
}

/** Content of a text with one PEM object and nothing else. */
function pemBody(pem: string): Buffer {
  return Buffer.from(pem.slice(pem.indexOf('\n') + 1, pem.lastIndexOf('\n-----END')), 'base64');
}
