import { hash } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  Attribute,
  BasicConstraints,
  ExtendedKeyUsage,
  Extensions,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_kp_clientAuth,
} from '@peculiar/asn1-x509';
import { acceptRequest, invalidRequest, type RequestParts, readRequestParts } from './csr.ts';
import { type DerElement, readElements } from './der.ts';
import { edgeCaCommonName } from './edge-ca.ts';
import type { DeviceSubjectKey } from './keys.ts';
import { type Profile, profiles } from './profiles.ts';
import { extensionRequestId } from './x509.ts';

/** The certificates that a gateway asks for by EST, by their kind in the device record. */
export type EnrollmentKind = 'identity' | 'est-id' | 'edge-ca';

/** A request that proved possession of its key. */
export interface EnrollmentRequest {
  readonly kind: EnrollmentKind;
  readonly key: DeviceSubjectKey;
  /** SHA-256 of the DER, lower-case hex. A request that is sent again has the same. */
  readonly sha256: string;
}

/** The profile of the certificate that answers each kind. */
export const enrollmentProfiles = {
  identity: profiles['device-identity'],
  'est-id': profiles['est-id'],
  'edge-ca': profiles['edge-ca'],
} as const satisfies Record<EnrollmentKind, Profile>;

/**
 * Reads the body of a `simpleenroll` or `simplereenroll` (RFC 7030 4.2.1): a PKCS#10 request, as base64 (RFC 8951 2.1), PEM
 * or DER. The header `content-transfer-encoding` is ignored (RFC 8951 2.1).
 *
 * EST has one operation for all certificates, so the extensions that are asked for tell the kind, as IoT Edge sets them:
 * basicConstraints with CA:TRUE for the Edge CA, extKeyUsage clientAuth for the certificate that signs in to the EST server
 * (`est-id`), none for the identity. All else that is asked for is ignored, since the profile decides.
 *
 * So `csrattrs` has nothing to say and is answered with 204 (RFC 7030 4.5.2): whatever attribute it named would be ignored,
 * and a client that copies basicConstraints or extKeyUsage from it (RFC 9908 3.4) would ask for another kind.
 * @param deviceId the device that signed in; it decides which common names are accepted
 * @throws FleetError `csr-invalid`
 */
export function readEnrollmentRequest(body: Buffer, deviceId: string): EnrollmentRequest {
  return readRequestParts(textOf(body), (parts) => {
    const kind = kindOf(parts);
    const key = acceptRequest(parts, commonNamesOf(kind, deviceId), enrollmentProfiles[kind]);
    return { kind, key, sha256: hash('sha256', parts.der, 'hex') };
  });
}

/** Every request is a SEQUENCE of 128 octets or more. The second octet of its DER is not ASCII, so it is told from text. */
function textOf(body: Buffer): string {
  const isDer = body[0] === 0x30 && (body[1] ?? 0) >= 0x80;
  return isDer ? body.toString('base64') : body.toString('latin1');
}

/**
 * The name of an `est-id` depends on what the gateway asked for first and on its version: the name of that certificate, or
 * "est-id" (aziot-certd/src/lib.rs in Azure/iot-identity-service). The certificate always has the device id.
 */
function commonNamesOf(kind: EnrollmentKind, deviceId: string): readonly [string, ...string[]] {
  const edgeCaName = edgeCaCommonName(deviceId);
  if (kind === 'edge-ca') return [edgeCaName];
  return kind === 'est-id' ? [deviceId, edgeCaName, 'est-id'] : [deviceId];
}

function kindOf(parts: RequestParts): EnrollmentKind {
  try {
    const extensions = extensionsOf(parts.attributes);
    if (extensionIn(extensions, id_ce_basicConstraints, BasicConstraints)?.cA === true) return 'edge-ca';
    const purposes = extensionIn(extensions, id_ce_extKeyUsage, ExtendedKeyUsage);
    return purposes?.includes(id_kp_clientAuth) ? 'est-id' : 'identity';
  } catch (error) {
    throw invalidRequest('The extensions that the request asks for cannot be read', undefined, { cause: error });
  }
}

function extensionsOf(attributes: DerElement | undefined): Extensions {
  if (attributes === undefined) return new Extensions();
  const requested = readElements(attributes.content)
    .map(({ whole }) => AsnConvert.parse(whole, Attribute))
    .filter(({ type }) => type === extensionRequestId);
  const [value, ...more] = requested.flatMap(({ values }) => values);
  if (more.length > 0) throw new Error('several values of extensionRequest');
  return value === undefined ? new Extensions() : AsnConvert.parse(value, Extensions);
}

function extensionIn<T>(extensions: Extensions, id: string, type: new () => T): T | undefined {
  const [found, ...more] = extensions.filter(({ extnID }) => extnID === id);
  if (more.length > 0) throw new Error(`extension ${id} twice`);
  return found && AsnConvert.parse(found.extnValue.buffer, type);
}
