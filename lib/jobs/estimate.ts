import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { IssuanceChoice } from '../groups/issuance.ts';
import { renewalsPerMinute } from '../groups/validity-jitter.ts';
import {
  costOf,
  type Limit,
  type LimitName,
  limits,
  type PriceName,
  prices,
  type QuotaService,
  usage,
} from '../limits-and-prices.ts';

/** What a job would cost and how long it would take at least, by the table of lib/limits-and-prices.ts. */
export interface Estimate {
  /** Devices for which something would be issued. */
  readonly devices: number;
  /** Signatures of CAs: one per device, and one more where the group issues Edge CAs. */
  readonly certificates: number;
  /** The quota that takes longest, over both phases. Absent when nothing would be issued. */
  readonly binding?: QuotaService;
  /** `issue`: until the bundles are ready. `register`: until all devices have registered with DPS, if all start at once. */
  readonly phases: readonly EstimatedPhase[];
  /** How fast the devices renew later, per group; at most 100. Absent in estimates of earlier versions. */
  readonly renewals?: readonly EstimatedRenewals[];
  /** Who signs, per group; at most 100. Absent in estimates of earlier versions. */
  readonly issuance?: readonly EstimatedIssuance[];
  readonly price: EstimatedPrice;
  /** The assumptions behind the figures, as sentences. */
  readonly assumptions: readonly string[];
  /** The day of the newest figure of the table. */
  readonly figuresOf: string;
}

export interface EstimatedPhase {
  readonly phase: 'issue' | 'register';
  /** Of the quota that binds, in tenths, rounded up. */
  readonly minutes: number;
  readonly binding?: QuotaService;
  /** The longest first. */
  readonly quotas: readonly EstimatedQuota[];
}

export interface EstimatedQuota extends Pick<Limit, 'of' | 'service' | 'source' | 'date'> {
  /** The DPS instance that has the quota. Absent: `default`, or a quota that is not of DPS. */
  readonly dps?: string;
  readonly operations: number;
  readonly perMinute: number;
  readonly minutes: number;
}

/** How fast the devices of a group renew if all of them are issued at once. */
export interface EstimatedRenewals {
  readonly enrollmentGroup: string;
  /** The rows of the list, or the size of the group where that is larger. */
  readonly ofDevices: number;
  /** Days over which the ends of certificates are spread (lib/groups/validity-jitter.ts). In tenths, rounded up. */
  readonly jitterDays: number;
  /** Rounded up, as is `perMinute`. */
  readonly perDay: number;
  readonly perMinute: number;
  /** True when more devices renew per minute than half of DPS's quota. */
  readonly aboveHalfOfQuota: boolean;
}

export interface EstimatedIssuance extends IssuanceChoice {
  readonly enrollmentGroup: string;
}

export interface EstimatedPrice {
  readonly currency: 'USD';
  /** For the job, and the registration of each device. */
  readonly once: number;
  /** For what is stored, per month. */
  readonly perMonth: number;
  readonly items: readonly EstimatedItem[];
}

export interface EstimatedItem {
  readonly of: string;
  readonly when: 'once' | 'perMonth';
  readonly count: number;
  readonly dollars: number;
  readonly source: string;
  readonly date: string;
}

/** What would be issued for one group, or for a part of it. */
export interface GroupWork {
  readonly devices: number;
  /** Devices that no hub knows yet. */
  readonly newDevices: number;
  readonly certificatesPerDevice: number;
  /** True when the CA signs with RSA. */
  readonly rsa: boolean;
  /** True when each device gets an individual enrollment. */
  readonly individual: boolean;
  /** The DPS instance of the group. Absent: `default`. */
  readonly dps?: string;
  /** How fast the group renews later. Absent in checks of earlier versions. */
  readonly renewals?: Omit<EstimatedRenewals, 'aboveHalfOfQuota'>;
  /** Who signs. Absent in checks of earlier versions, whose groups issued directly. */
  readonly issuance?: EstimatedIssuance;
}

export interface EstimateOptions {
  /** Work per group. */
  readonly work: readonly GroupWork[];
  /** What this deployment allows and uses. */
  readonly deployment: Deployment;
}

export interface Deployment {
  /** The setting DPS_OPERATIONS_PER_MINUTE: of the instance `default`. */
  readonly dpsOperationsPerMinute: number;
  /** The same of other DPS instances, by name. */
  readonly otherDps?: Readonly<Record<string, number>>;
  /** Whether CA keys are in Key Vault. Keys in files sign without a quota. */
  readonly usesKeyVault: boolean;
}

/** @returns the operations per minute that a DPS instance is asked for at most */
export function dpsOperationsOf({ dpsOperationsPerMinute, otherDps = {} }: Deployment, dps: string): number {
  return otherDps[dps] ?? dpsOperationsPerMinute;
}

/**
 * @example
 * estimate({ work: [{ devices: 1000, newDevices: 1000, certificatesPerDevice: 1, rsa: false, individual: false }], deployment });
 * // { devices: 1000, certificates: 1000, binding: 'hub', … }
 */
export function estimate({ work, deployment }: EstimateOptions): Estimate {
  const sum = (count: (each: GroupWork) => number) => work.reduce((total, each) => total + count(each), 0);
  const devices = sum((each) => each.devices);
  const newDevices = sum((each) => each.newDevices);
  const certificates = sum((each) => each.devices * each.certificatesPerDevice);
  const individual = sum((each) => (each.individual ? each.devices : 0));
  // Instances work at the same time, each at its own rate.
  const byInstance = [...Map.groupBy(work, dpsOf)].map(([dps, own]) => ({
    dps,
    devices: own.reduce((total, each) => total + each.devices, 0),
    individual: own.reduce((total, each) => total + (each.individual ? each.devices : 0), 0),
  }));
  const vaultSignatures = deployment.usesKeyVault ? sum(signaturesFor) : 0;
  const rsaSignatures = deployment.usesKeyVault ? sum((each) => (each.rsa ? signaturesFor(each) : 0)) : 0;

  const issuing = [
    load('requestUnits', devices * usage.requestUnits.perDevice),
    load('keyVaultEcSignatures', vaultSignatures - rsaSignatures),
    load('keyVaultRsaSignatures', rsaSignatures),
    ...byInstance.map(({ dps, individual: own }) =>
      ofInstance(load('dpsOperations', own, dpsOperationsOf(deployment, dps)), dps),
    ),
  ];
  const registering = [
    ...byInstance.map(({ dps, devices: own }) => ofInstance(load('dpsRegistrations', own), dps)),
    load('hubRegistryOperations', newDevices),
  ];
  const binding = longestFirst([...issuing, ...registering])[0]?.service;

  const gigabytes = (bytes: number) => (devices * bytes) / 1e9;
  const items = [
    item('once', 'requestUnit', devices * usage.requestUnits.perDevice),
    item('once', 'blobOperation', devices * usage.blobOperations.perDevice),
    item('once', 'queueOperation', devices * usage.queueOperations.perDevice),
    item('once', 'functionExecution', devices * usage.executions.perDevice),
    item('once', 'functionGigabyteSecond', devices * usage.gigabyteSeconds.perDevice),
    item('once', 'keyVaultSignature', vaultSignatures),
    item('once', 'dpsOperation', individual + devices),
    item('perMonth', 'blobGigabyteMonth', gigabytes(usage.bundleBytes.perDevice)),
    item('perMonth', 'cosmosGigabyteMonth', gigabytes(usage.recordBytes.perDevice)),
  ].filter(({ count }) => count > 0);

  return {
    devices,
    certificates,
    ...(binding !== undefined && { binding }),
    phases: [phase('issue', issuing), phase('register', registering)],
    renewals: work.flatMap(({ renewals }) => (renewals === undefined ? [] : [roundedRenewals(renewals)])),
    issuance: work.flatMap(({ issuance }) => (issuance === undefined ? [] : [issuance])),
    price: { currency: 'USD', once: total(items, 'once'), perMonth: total(items, 'perMonth'), items },
    assumptions,
    figuresOf: newestDate,
  };
}

/** Signatures of the issuing CA: for each certificate, or for each delegated CA that signs them. */
function signaturesFor({ devices, certificatesPerDevice, issuance }: GroupWork): number {
  return issuance?.by === 'delegated'
    ? Math.ceil(devices * usage.delegatedCas.perDevice)
    : devices * certificatesPerDevice;
}

const assumptions = [
  'Limits are those of a new DPS instance for each that the groups are in, one unit of IoT Hub S1, one vault and one serverless Cosmos DB container, without other load.',
  'Two hub units halve the minutes of the hub. A larger hub is faster still.',
  'Renewals are those of devices that were all issued at once. With batches of several days they are fewer per day.',
  'All devices register at once. Devices that start over days need no more minutes than that.',
  'Prices are list prices in US dollars, East US. Units of IoT Hub, messages of devices and renewals are not in them.',
  'A group that issues by delegated CAs takes one signature of the vault per worker and hour. One per chunk of 400 devices is taken, which is the most.',
  'RSA signatures are priced as those of elliptic curve keys.',
];

const newestDate =
  [...Object.values(limits), ...Object.values(prices), ...Object.values(usage)]
    .map(({ date }) => date)
    .sort()
    .at(-1) ?? '';

/** The operations of a job on one quota. */
interface Load extends Pick<Limit, 'of' | 'service' | 'source' | 'date'> {
  readonly dps?: string;
  readonly operations: number;
  readonly perMinute: number;
  /** Not rounded: small jobs differ in fractions of a minute. */
  readonly minutes: number;
}

/** @param allowed operations per minute that this deployment allows itself, where it may be fewer */
function load(name: LimitName, operations: number, allowed = Number.POSITIVE_INFINITY): Load {
  const { of, service, source, date, count, seconds } = limits[name];
  const perMinute = Math.min((count * 60) / seconds, allowed);
  return { of, service, operations, perMinute, minutes: operations / perMinute, source, date };
}

function ofInstance(load: Load, dps: string): Load {
  return dps === defaultDps ? load : { ...load, dps };
}

const longestFirst = (loads: readonly Load[]): Load[] =>
  loads.filter(({ operations }) => operations > 0).sort((a, b) => b.minutes - a.minutes);

function phase(name: EstimatedPhase['phase'], loads: readonly Load[]): EstimatedPhase {
  const quotas = longestFirst(loads).map(({ operations, minutes, ...limit }): EstimatedQuota => {
    return { ...limit, operations: Math.ceil(operations), minutes: tenths(minutes) };
  });
  const [longest] = quotas;
  if (longest === undefined) return { phase: name, minutes: 0, quotas };
  return { phase: name, minutes: longest.minutes, binding: longest.service, quotas };
}

function roundedRenewals({
  jitterDays,
  perDay,
  perMinute,
  ...group
}: NonNullable<GroupWork['renewals']>): EstimatedRenewals {
  return {
    ...group,
    jitterDays: tenths(jitterDays),
    perDay: Math.ceil(perDay),
    perMinute: Math.ceil(perMinute),
    aboveHalfOfQuota: perMinute > renewalsPerMinute,
  };
}

function item(when: EstimatedItem['when'], name: PriceName, count: number): EstimatedItem {
  const { of, source, date } = prices[name];
  return { of, when, count: rounded(count), dollars: rounded(costOf(name, count)), source, date };
}

function total(items: readonly EstimatedItem[], when: EstimatedItem['when']): number {
  return rounded(items.reduce((sum, each) => sum + (each.when === when ? each.dollars : 0), 0));
}

const tenths = (value: number) => Math.ceil(value * 10) / 10;

/** A hundred-thousandth: the price of one device is a fraction of a cent. */
const rounded = (value: number) => Math.round(value * 1e5) / 1e5;
