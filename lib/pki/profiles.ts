import { id_kp_clientAuth, KeyUsageFlags } from '@peculiar/asn1-x509';
import type { Issuer } from './issuer.ts';
import type { KeyType } from './keys.ts';

export type ProfileName =
  | 'root-ca'
  | 'issuing-ca'
  | 'delegated-ca'
  | 'device-identity'
  | 'est-id'
  | 'edge-ca'
  | 'edge-device-ca-1.1'
  | 'proof-of-possession';

/** One kind of certificate. */
export interface Profile {
  readonly name: ProfileName;
  /** Keys that a subject may have. */
  readonly keyTypes: readonly KeyType[];
  /** Matches the whole common name. Names are also held to `maxCommonNameLength`. */
  readonly commonName: RegExp;
  /** The same in words, for messages. */
  readonly commonNameExpected: string;
  readonly ca: boolean;
  /** pathLenConstraint values to choose from; `undefined` leaves the constraint out. Empty unless it is a CA. */
  readonly pathLengths: readonly (number | undefined)[];
  readonly keyUsage: readonly KeyUsageName[];
  /** Empty leaves the extension out. */
  readonly extendedKeyUsage: readonly ExtendedKeyUsageName[];
  /** Whether its certificates have a subject alternative name where their group asks for it (alternative-name.ts). */
  readonly alternativeName: boolean;
  readonly maxValidityDays: number;
  /**
   * Validity begins so long before the moment of issuing, for devices whose clock is behind. IoT Edge treats a certificate
   * that is not yet valid as an error.
   */
  readonly backdateHours: number;
}

export type KeyUsageName = 'digitalSignature' | 'keyCertSign' | 'cRLSign';
export type ExtendedKeyUsageName = 'clientAuth';

/**
 * A real-time clock that keeps local time and is read as UTC is behind by at most 12 hours, the offset of the westernmost
 * zone (UTC-12). Boulder refuses profiles that backdate by a day or more (issuance/cert.go), since the certificate would be
 * untrue about when it was issued.
 */
const backdateHours = 12;

const caKeys = ['ec-p256', 'ec-p384', 'rsa-4096'] as const;
const caName = {
  commonName: /^(?! )[^\p{Cc}\p{Cs}]+(?<! )$/u,
  commonNameExpected: 'text without control characters or outer spaces',
};
const deviceName = {
  commonName: /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/u,
  commonNameExpected: 'the device id: a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit',
};
/** The space keeps it apart from every device id and host name, which an Edge CA must not be named like (iotedge #5782). */
const edgeCaName = {
  commonName: /^[a-z0-9][a-z0-9._~-]* edge CA$/u,
  commonNameExpected: '"<device id> edge CA"',
};

/** All profiles; test/lib/pki/profiles.test.ts holds them to the rules that every profile has to keep. */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  /** The root that DPS knows. It signs issuing CAs and proofs of possession. */
  'root-ca': {
    name: 'root-ca',
    keyTypes: caKeys,
    ...caName,
    ca: true,
    pathLengths: [undefined],
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    alternativeName: false,
    maxValidityDays: 30 * 366,
    backdateHours,
  },
  /**
   * The intermediate of one enrollment group. Path length 0 is for identities, 1 for Edge CAs too, 2 for those of 1.1; one more
   * where delegated CAs sign them.
   */
  'issuing-ca': {
    name: 'issuing-ca',
    keyTypes: caKeys,
    ...caName,
    ca: true,
    pathLengths: [0, 1, 2, 3],
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    alternativeName: false,
    maxValidityDays: 7300,
    backdateHours,
  },
  /**
   * Below an issuing CA, with a key in the memory of one worker (lib/authorities/delegated-cas.ts). Path lengths as an issuing CA
   * has that signs itself. It lives as long as the last identity that it may sign: at most the longest life of an identity, and
   * a day.
   */
  'delegated-ca': {
    name: 'delegated-ca',
    keyTypes: ['ec-p256'],
    ...caName,
    ca: true,
    pathLengths: [0, 1, 2],
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    alternativeName: false,
    maxValidityDays: 3651,
    backdateHours,
  },
  /** A device registers at DPS and connects to IoT Hub with it. The common name is the registration id. */
  'device-identity': {
    name: 'device-identity',
    keyTypes: ['ec-p256', 'rsa-2048'],
    ...deviceName,
    ca: false,
    pathLengths: [],
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    alternativeName: true,
    maxValidityDays: 3650,
    backdateHours,
  },
  /** A gateway signs in to the EST server with it. IoT Edge presents it there only. */
  'est-id': {
    name: 'est-id',
    keyTypes: ['ec-p256', 'rsa-2048'],
    ...deviceName,
    ca: false,
    pathLengths: [],
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    alternativeName: false,
    maxValidityDays: 3650,
    backdateHours,
  },
  /** The CA of one IoT Edge device (1.2 and later), which signs the server certificates of its modules. */
  'edge-ca': {
    name: 'edge-ca',
    // RSA for requests by EST: certd always makes such a key for it.
    keyTypes: ['ec-p256', 'rsa-2048'],
    ...edgeCaName,
    ca: true,
    pathLengths: [0],
    // As edged asks for in its own request (Azure/iotedge, edgelet-http-workload/src/edge_ca.rs).
    keyUsage: ['digitalSignature', 'keyCertSign'],
    extendedKeyUsage: [],
    alternativeName: false,
    maxValidityDays: 3650,
    backdateHours,
  },
  /** The device CA of IoT Edge 1.1, which signs the daemon's "workload CA" with path length 0. */
  'edge-device-ca-1.1': {
    name: 'edge-device-ca-1.1',
    keyTypes: ['ec-p256'],
    ...edgeCaName,
    ca: true,
    pathLengths: [1],
    keyUsage: ['digitalSignature', 'keyCertSign'],
    extendedKeyUsage: [],
    alternativeName: false,
    maxValidityDays: 3650,
    backdateHours,
  },
  /** Shows DPS that we have the key of an uploaded CA. The common name is the verification code. */
  'proof-of-possession': {
    name: 'proof-of-possession',
    keyTypes: ['ec-p256'],
    commonName: /^[A-Za-z0-9-]+$/u,
    commonNameExpected: 'the verification code that DPS gave',
    ca: false,
    pathLengths: [],
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    alternativeName: false,
    // DPS is shown it once, within minutes. A few days leave time to take a root out of a safe.
    maxValidityDays: 7,
    backdateHours,
  },
};

/** @returns bits of KeyUsage, bit 0 of the BIT STRING being 1 */
export function keyUsageBits({ keyUsage }: Pick<Profile, 'keyUsage'>): number {
  return keyUsage.reduce((bits, name) => bits | keyUsageBit[name], 0);
}

const keyUsageBit: Readonly<Record<KeyUsageName, number>> = {
  digitalSignature: KeyUsageFlags.digitalSignature,
  keyCertSign: KeyUsageFlags.keyCertSign,
  cRLSign: KeyUsageFlags.cRLSign,
};

/** @returns object identifiers of the purposes; empty where the extension is left out */
export function extendedKeyUsageIds({ extendedKeyUsage }: Profile): string[] {
  return extendedKeyUsage.map((name) => extendedKeyUsageId[name]);
}

const extendedKeyUsageId: Readonly<Record<ExtendedKeyUsageName, string>> = { clientAuth: id_kp_clientAuth };

const hour = 60 * 60 * 1000;
const day = 24 * hour;

/**
 * The life of a certificate that is issued at `now`: backdated by its profile, and never outside the life of its issuer.
 * Times are whole seconds, as a certificate has them.
 */
export function validityFrom(
  now: Date,
  validityDays: number,
  profile: Profile,
  issuer?: Pick<Issuer, 'notBefore' | 'notAfter'>,
): { notBefore: Date; notAfter: Date } {
  const begin = wholeSeconds(now.getTime() - profile.backdateHours * hour);
  const end = wholeSeconds(now.getTime() + validityDays * day);
  return {
    notBefore: new Date(Math.max(begin, issuer?.notBefore.getTime() ?? begin)),
    notAfter: new Date(Math.min(end, issuer?.notAfter.getTime() ?? end)),
  };
}

const wholeSeconds = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000;
