import { id_kp_clientAuth, KeyUsageFlags } from '@peculiar/asn1-x509';
import { FleetError } from '../errors.ts';
import type { Issuer } from './issuer.ts';
import type { KeyType } from './keys.ts';

/** What certificates of one kind are, as people read and write it. profile.ts makes of it what the code works with. */
export interface ProfileConfig {
  readonly use: string;
  /** Keys a subject of this kind may have. */
  readonly keyTypes: readonly KeyType[];
  readonly commonName: {
    /** Regular expression that the whole of it matches, besides the 64 characters of RFC 5280's ub-common-name. */
    readonly pattern: string;
    readonly expected: string;
  };
  readonly ca: boolean;
  /** pathLenConstraint values to choose from; `none` leaves it out. Only of CAs. */
  readonly pathLengths?: readonly (number | 'none')[];
  readonly keyUsage: readonly KeyUsageName[];
  /** In addition, for RSA keys only: an EC key cannot encipher. */
  readonly keyUsageRsa?: readonly KeyUsageName[];
  readonly extendedKeyUsage?: readonly ExtendedKeyUsageName[];
  readonly maxValidityDays: number;
  /**
   * How far before the moment of issuing validity begins, for devices whose clock is behind. IoT Edge takes a certificate
   * that is not yet valid for an error.
   */
  readonly backdateHours: number;
}

export type KeyUsageName = 'digitalSignature' | 'keyEncipherment' | 'keyCertSign' | 'cRLSign';
export type ExtendedKeyUsageName = 'clientAuth';

export type ProfileName =
  | 'root-ca'
  | 'issuing-ca'
  | 'device-identity'
  | 'edge-ca'
  | 'edge-device-ca-1.1'
  | 'proof-of-possession';

/**
 * A real-time clock that keeps local time and is read as UTC is behind by at most 12 hours, the offset of the westernmost
 * zone (UTC-12). A day or more would be a lie about when it was issued: Boulder refuses such a profile (issuance/cert.go),
 * and so does profile.ts.
 */
const backdateHours = 12;

const caKeys = ['ec-p256', 'ec-p384', 'rsa-4096'] as const;
const caName = {
  pattern: '(?! )[^\\p{Cc}\\p{Cs}]+(?<! )',
  expected: 'text without control characters or outer spaces',
};
const deviceName = {
  pattern: '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?',
  expected: 'the device id: a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit',
};
/** The space keeps it apart from every device id and host name, which the Edge CA must not be named like (iotedge #5782). */
const edgeCaName = { pattern: '[a-z0-9][a-z0-9._~-]* edge CA', expected: '"<device id> edge CA"' };

export const profileConfigs: Readonly<Record<ProfileName, ProfileConfig>> = {
  'root-ca': {
    use: 'The root that DPS knows; signs issuing CAs and proofs of possession.',
    keyTypes: caKeys,
    commonName: caName,
    ca: true,
    pathLengths: ['none'],
    keyUsage: ['keyCertSign', 'cRLSign'],
    maxValidityDays: 30 * 366,
    backdateHours,
  },
  'issuing-ca': {
    use: 'The intermediate of one enrollment group: path length 0 for identities, 1 for Edge CAs too, 2 for those of 1.1.',
    keyTypes: caKeys,
    commonName: caName,
    ca: true,
    pathLengths: [0, 1, 2],
    keyUsage: ['keyCertSign', 'cRLSign'],
    maxValidityDays: 7300,
    backdateHours,
  },
  'device-identity': {
    use: 'What a device registers with at DPS and connects to IoT Hub with; the common name is the registration id.',
    keyTypes: ['ec-p256', 'rsa-2048'],
    commonName: deviceName,
    ca: false,
    keyUsage: ['digitalSignature'],
    keyUsageRsa: ['keyEncipherment'],
    extendedKeyUsage: ['clientAuth'],
    maxValidityDays: 3650,
    backdateHours,
  },
  'edge-ca': {
    use: 'The CA of one IoT Edge device (1.2 and later), which signs the server certificates of its modules.',
    keyTypes: ['ec-p256'],
    commonName: edgeCaName,
    ca: true,
    pathLengths: [0],
    // As edged asks for in its own request (Azure/iotedge, edgelet-http-workload/src/edge_ca.rs).
    keyUsage: ['digitalSignature', 'keyCertSign'],
    maxValidityDays: 3650,
    backdateHours,
  },
  'edge-device-ca-1.1': {
    use: 'The device CA of IoT Edge 1.1, which signs a "workload CA" of its own with path length 0.',
    keyTypes: ['ec-p256'],
    commonName: edgeCaName,
    ca: true,
    pathLengths: [1],
    keyUsage: ['digitalSignature', 'keyCertSign'],
    maxValidityDays: 3650,
    backdateHours,
  },
  'proof-of-possession': {
    use: 'Shows DPS that the key of an uploaded CA is ours; the common name is the verification code.',
    keyTypes: ['ec-p256'],
    commonName: { pattern: '[A-Za-z0-9-]+', expected: 'the verification code that DPS gave' },
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    // It is shown once, within minutes; a few days leave room for a root that is taken out of a safe.
    maxValidityDays: 7,
    backdateHours,
  },
};

/** A profile that has been checked, in the terms of X.509. Made by `validateProfile` only. */
export interface Profile {
  readonly name: string;
  readonly keyTypes: ReadonlySet<KeyType>;
  readonly commonName: RegExp;
  readonly commonNameExpected: string;
  readonly ca: boolean;
  /** `undefined` among them: the constraint is left out. Empty for what is no CA. */
  readonly pathLengths: ReadonlySet<number | undefined>;
  /** Bits of KeyUsage, bit 0 of the BIT STRING being 1. */
  readonly keyUsage: (keyType: KeyType) => number;
  /** Object identifiers; empty leaves the extension out. */
  readonly extendedKeyUsage: readonly string[];
  readonly maxValidityDays: number;
  readonly backdateMilliseconds: number;
}

const keyUsageBit: Readonly<Record<KeyUsageName, number>> = {
  digitalSignature: KeyUsageFlags.digitalSignature,
  keyEncipherment: KeyUsageFlags.keyEncipherment,
  keyCertSign: KeyUsageFlags.keyCertSign,
  cRLSign: KeyUsageFlags.cRLSign,
};

const extendedKeyUsageId: Readonly<Record<ExtendedKeyUsageName, string>> = { clientAuth: id_kp_clientAuth };

const hour = 60 * 60 * 1000;

/** @throws FleetError `certificate-rule` with every fault of the profile */
export function validateProfile(name: string, config: ProfileConfig): Profile {
  const faults = profileFaults(config);
  if (faults.length > 0) {
    throw new FleetError('certificate-rule', `The certificate profile "${name}" is faulty: ${faults.join('; ')}.`);
  }
  const bits = (names: readonly KeyUsageName[] = []) => names.reduce((all, usage) => all | keyUsageBit[usage], 0);
  const common = bits(config.keyUsage);
  const rsa = common | bits(config.keyUsageRsa);
  return Object.freeze({
    name,
    keyTypes: new Set(config.keyTypes),
    commonName: new RegExp(`^(?:${config.commonName.pattern})$`, 'u'),
    commonNameExpected: config.commonName.expected,
    ca: config.ca,
    pathLengths: new Set((config.pathLengths ?? []).map((length) => (length === 'none' ? undefined : length))),
    keyUsage: (keyType: KeyType) => (keyType.startsWith('rsa') ? rsa : common),
    extendedKeyUsage: (config.extendedKeyUsage ?? []).map((usage) => extendedKeyUsageId[usage]),
    maxValidityDays: config.maxValidityDays,
    backdateMilliseconds: config.backdateHours * hour,
  });
}

function profileFaults(config: ProfileConfig): string[] {
  const { ca, pathLengths = [], keyUsage, keyUsageRsa = [], keyTypes, maxValidityDays, backdateHours } = config;
  const numbers = pathLengths.filter((length) => length !== 'none');
  const usages = [...keyUsage, ...keyUsageRsa];
  const faults: [boolean, string][] = [
    [keyTypes.length === 0, 'it allows no key'],
    [ca && !keyUsage.includes('keyCertSign'), 'a CA needs keyCertSign'],
    [!ca && usages.some((usage) => usage === 'keyCertSign' || usage === 'cRLSign'), 'only a CA signs certificates'],
    [ca === (pathLengths.length === 0), 'path lengths belong to CAs, and every CA profile says which'],
    [numbers.some((length) => !Number.isInteger(length) || length < 0), 'a path length is a whole number from 0'],
    [keyUsage.includes('keyEncipherment') && keyTypes.some(isEc), 'EC keys cannot encipher (RFC 8813 3)'],
    [!Number.isInteger(maxValidityDays) || maxValidityDays < 1, 'it lasts at least a day'],
    [!(backdateHours >= 0 && backdateHours < 24), 'backdating stays under 24 hours'],
  ];
  return faults.filter(([broken]) => broken).map(([, fault]) => fault);
}

const isEc = (keyType: KeyType) => keyType.startsWith('ec');

/** The profiles this project issues by. */
export const profiles = Object.fromEntries(
  Object.entries(profileConfigs).map(([name, config]) => [name, validateProfile(name, config)]),
) as Readonly<Record<ProfileName, Profile>>;

const day = 24 * 60 * 60 * 1000;

/** When a certificate that is issued now begins and ends: backdated by its profile, never outside its issuer's own life. */
export function validityFrom(
  now: Date,
  validityDays: number,
  profile: Profile,
  issuer?: Pick<Issuer, 'notBefore' | 'notAfter'>,
): { notBefore: Date; notAfter: Date } {
  const begin = wholeSeconds(now.getTime() - profile.backdateMilliseconds);
  const end = wholeSeconds(now.getTime() + validityDays * day);
  return {
    notBefore: new Date(Math.max(begin, issuer?.notBefore.getTime() ?? begin)),
    notAfter: new Date(Math.min(end, issuer?.notAfter.getTime() ?? end)),
  };
}

const wholeSeconds = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000;
