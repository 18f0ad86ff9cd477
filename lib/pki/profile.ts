import { id_kp_clientAuth, KeyUsageFlags } from '@peculiar/asn1-x509';
import { FleetError } from '../errors.ts';
import type { KeyType } from './key-type.ts';
import {
  type ExtendedKeyUsageName,
  type KeyUsageName,
  type ProfileConfig,
  type ProfileName,
  profileConfigs,
} from './profile-config.ts';

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
