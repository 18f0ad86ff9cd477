/** The certificate with which a device authenticates. */
export interface DeviceIdentity {
  /** Upper-case hex. */
  readonly sha1Thumbprint: string;
  /** Upper-case hex. */
  readonly sha256Thumbprint: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
}

/**
 * A certificate that was issued to a device.
 *
 * `identity`: the device registers and connects with it. `edge-ca`: IoT Edge signs the certificates of its modules with it.
 * `est-id`: IoT Edge renews its certificates with it. An `est-id` has the common name of the device and an issuer that DPS
 * knows, so DPS and the hub accept it too.
 */
export interface DeviceCertificate extends DeviceIdentity {
  readonly kind: (typeof certificateKinds)[number];
  /** Hex. */
  readonly serialNumber: string;
  /** Serial number of the identity that it was issued together with, where it is not an identity. */
  readonly issuedWith?: string;
  /** The group whose CA issued it. */
  readonly enrollmentGroup: string;
  /** Generation of that CA (`IssuingCa.generation`). Absent where it was issued by an earlier version. */
  readonly caGeneration?: number;
  /**
   * Serial number of the delegated CA that signed it, below that CA (lib/authorities/delegated-ca.ts): lower-case hex. Absent where
   * the CA of the group signed it.
   */
  readonly delegatedCa?: string;
  /** Who made its key. `service`: this app, so the key was in a bundle. Absent where it was issued by an earlier version. */
  readonly keyMadeBy?: 'device' | 'service';
  /**
   * `live`: the device is to use it. `superseded`: another one took its place; DPS can still accept it. `revoked`: the device
   * was deleted, revoked or scrapped.
   */
  readonly state: (typeof certificateStates)[number];
  /** When `state` became so: ISO 8601, UTC. For a `live` one, when its issuance was recorded. */
  readonly since: string;
  /** When a registration was first seen that counts for it (`countsForPresent`): ISO 8601, UTC. */
  readonly confirmedAt?: string;
  /** When DPS registered the device last while this was its present certificate, by the clock of DPS: ISO 8601, UTC. */
  readonly registeredAt?: string;
  /** The hub that the device was assigned to with it. */
  readonly assignedHub?: string;
  /** The request to the EST server that it answers: SHA-256 of the PKCS#10, lower-case hex, and when it was answered. */
  readonly request?: { readonly sha256: string; readonly at: string };
  /** Its bundle, where its row failed after the archive was stored: nothing hands it out. It is erased when the device is scrapped. */
  readonly unusedBundle?: BundleName;
}

/**
 * A request of a device to the EST server, and the certificate that answers it. It is stored before anything is signed, so the
 * record names every certificate, and a request that is delivered twice is answered by the same one.
 */
export interface Renewal {
  readonly kind: DeviceCertificate['kind'];
  /** SHA-256 of the request (PKCS#10, DER), lower-case hex. */
  readonly requestSha256: string;
  /** Hex. */
  readonly serialNumber: string;
  /** The group whose CA signs. */
  readonly enrollmentGroup: string;
  /** Generation of that CA (`IssuingCa.generation`). 0: the CA of `est.idCa` "separate". */
  readonly caGeneration: number;
  /** The subject alternative name that the certificate gets, by the group as it was then. */
  readonly alternativeName?: { readonly form: 'dns' | 'uri'; readonly text: string };
  /** When it was stored: ISO 8601, UTC. */
  readonly reservedAt: string;
  /** Since when a delivery works on it: ISO 8601, UTC. Another one takes it up when that is long ago. */
  readonly workSince: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
  /** The certificate, PEM. Absent until it is signed and recorded. */
  readonly certificatePem?: string;
  /**
   * Requests that were not answered when this one came, newest first: `requestSha256` of the latest 10. A late delivery of one
   * of them is refused, so it is not signed under another serial number.
   */
  readonly before?: readonly string[];
}

/** When IoT Edge renews an identity: as the configuration in the bundle of the device has it. */
export interface RenewalPolicy {
  /** A share of the life ("80%"), or the time left ("30min", "10day"). */
  readonly threshold: string;
  /** From a failed attempt to the next one: a share of the life, or a time. */
  readonly retry: string;
}

/** When the present identity of a device is to be renewed by our EST server. */
export interface RenewalPlan extends RenewalPolicy {
  /** When IoT Edge asks for the next identity: ISO 8601, UTC. */
  readonly renewsAt: string;
  /** Its day, UTC, such as `2027-09-10`. Devices are counted by it. */
  readonly dueDay: string;
  /** From then on the device is late, since two retries have failed: ISO 8601, UTC. At the latest the end of the certificate. */
  readonly lateAt: string;
  /** The day, UTC, on which the latest renewed identity was confirmed by a registration. Absent: none was. */
  readonly confirmedDay?: string;
}

/** A bundle in the archive of its chunk. */
export interface BundleName {
  /** Blob in the container `bundles`. */
  readonly archive: string;
  readonly fileName: string;
}

export const certificateKinds = ['identity', 'edge-ca', 'est-id'] as const;
export const certificateStates = ['live', 'superseded', 'revoked'] as const;

/** What names a certificate. Hexadecimal, lower case. */
export interface CertificateName {
  readonly kind: 'serialNumber' | 'sha1Thumbprint' | 'sha256Thumbprint';
  readonly hex: string;
}

const namesByLength: ReadonlyMap<number, CertificateName['kind']> = new Map([
  [32, 'serialNumber'],
  [40, 'sha1Thumbprint'],
  [64, 'sha256Thumbprint'],
]);

/** Longest text that is read: a SHA-256 thumbprint as two digits and a separator each, with some room. */
const longestCertificateName = 256;

/**
 * Reads a serial number or a thumbprint as people copy it: any case, with colons, blanks or hyphens between, with `0x` or a
 * zero octet before it. The length tells which it is: serial numbers of this fleet have 16 octets (`newSerialNumber`), SHA-1
 * has 20, SHA-256 has 32.
 * @returns undefined for any other text
 * @example
 * certificateNameIn('5F:0C:6F:0E:8F:1F:4D:6B:9F:5A:1C:2E:3D:4B:5A:69')?.kind // 'serialNumber'
 */
export function certificateNameIn(text: string): CertificateName | undefined {
  if (text.length > longestCertificateName) return undefined;
  // U+200E stands before thumbprints that are copied from the certificate dialog of Windows.
  const bare = text
    .replaceAll(/[\s:\u200e-]/g, '')
    .toLowerCase()
    .replace(/^0x/, '');
  const hex = bare.length === 34 ? bare.replace(/^00/, '') : bare;
  const kind = namesByLength.get(hex.length);
  return kind === undefined || !/^[0-9a-f]+$/.test(hex) ? undefined : { kind, hex };
}
