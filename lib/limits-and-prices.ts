/*
 * What Azure allows and what it costs. One table: estimates of checks (lib/jobs/estimate.ts), the benchmark of costs
 * (bench/benchmarks/cost.ts) and docs/check.md take their figures from here.
 *
 * Prices are US dollars: pay as you go, East US, without free grants, reservations or negotiated discounts. Limits are the
 * defaults of a new service. Both change and differ by region, so each figure has its source and the day it was entered.
 */

interface Dated {
  /** Microsoft's page, to check the figure before you rely on it. */
  readonly source: string;
  /** When the figure was entered. */
  readonly date: string;
}

export interface Price extends Dated {
  /** The billed item. */
  readonly of: string;
  /** US dollars per `units` items. */
  readonly dollars: number;
  readonly units: number;
}

/*
 * The pages were not read for these prices: those of DPS, Key Vault and Functions are quoted from other public pages, those of
 * storage, Cosmos DB and Azure Monitor are commonly known.
 */
export const prices = {
  blobOperation: {
    of: 'blob operation (the most expensive kind: a write, hot tier, LRS)',
    ...{ dollars: 0.055, units: 10_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/storage/blobs/',
  },
  blobGigabyteMonth: {
    of: 'GB stored for a month, hot tier, LRS',
    ...{ dollars: 0.018, units: 1, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/storage/blobs/',
  },
  queueOperation: {
    of: 'queue operation, LRS',
    ...{ dollars: 0.004, units: 10_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/storage/queues/',
  },
  requestUnit: {
    of: 'request unit of Cosmos DB, serverless',
    ...{ dollars: 0.25, units: 1_000_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/cosmos-db/serverless/',
  },
  cosmosGigabyteMonth: {
    of: 'GB stored in Cosmos DB for a month',
    ...{ dollars: 0.25, units: 1, date: '2026-11-27' },
    source: 'https://azure.microsoft.com/pricing/details/cosmos-db/serverless/',
  },
  dpsOperation: {
    of: 'DPS operation, S1',
    ...{ dollars: 0.123, units: 1_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/iot-hub/',
  },
  keyVaultSignature: {
    of: 'Key Vault operation with an elliptic curve key',
    ...{ dollars: 0.15, units: 10_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/key-vault/',
  },
  functionExecution: {
    of: 'execution, Flex Consumption, on demand',
    ...{ dollars: 0.4, units: 1_000_000, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/functions/',
  },
  functionGigabyteSecond: {
    of: 'GB-second, Flex Consumption, on demand',
    ...{ dollars: 0.000026, units: 1, date: '2026-11-24' },
    source: 'https://azure.microsoft.com/pricing/details/functions/',
  },
  logGigabyte: {
    of: 'GB of logs and traces, Analytics Logs of Azure Monitor',
    ...{ dollars: 2.3, units: 1, date: '2026-11-28' },
    source: 'https://azure.microsoft.com/pricing/details/monitor/',
  },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof prices;

/** US dollars for `count` items. */
export function costOf(name: PriceName, count: number): number {
  const { dollars, units } = prices[name];
  return (count * dollars) / units;
}

/** The services whose quotas bound a job. */
export type QuotaService = 'dps' | 'hub' | 'keyVault' | 'cosmos';

export interface Limit extends Dated {
  /** What is counted. */
  readonly of: string;
  readonly service: QuotaService;
  /** As many in `seconds` seconds. */
  readonly count: number;
  readonly seconds: number;
}

export const limits = {
  dpsRegistrations: {
    of: 'registrations of devices per DPS instance',
    ...{ service: 'dps', count: 1_000, seconds: 60, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits',
  },
  dpsOperations: {
    of: 'operations of the service API per DPS instance, one per individual enrollment',
    ...{ service: 'dps', count: 1_000, seconds: 60, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits',
  },
  hubRegistryOperations: {
    of: 'new device identities per unit of IoT Hub S1 or S2',
    ...{ service: 'hub', count: 100, seconds: 60, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling',
  },
  keyVaultEcSignatures: {
    of: 'signatures with elliptic curve keys in software per vault (keys in HSMs: half)',
    ...{ service: 'keyVault', count: 4_000, seconds: 10, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/key-vault/general/service-limits',
  },
  keyVaultRsaSignatures: {
    of: 'signatures with RSA keys of 4,096 bits in software per vault (keys in HSMs: half)',
    ...{ service: 'keyVault', count: 500, seconds: 10, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/key-vault/general/service-limits',
  },
  requestUnits: {
    of: 'request units per container of Cosmos DB, serverless',
    ...{ service: 'cosmos', count: 5_000, seconds: 1, date: '2026-11-24' },
    source: 'https://learn.microsoft.com/azure/cosmos-db/serverless-performance',
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;

/** Limits that no estimate names, because a job stays far below them. docs/performance.md shows how far. */
export const targets = {
  queueMessages: {
    of: 'messages of 1 KiB per storage queue',
    ...{ count: 2_000, seconds: 1, date: '2026-11-28' },
    source: 'https://learn.microsoft.com/azure/storage/queues/scalability-targets',
  },
  storageRequests: {
    of: 'requests per standard storage account',
    ...{ count: 20_000, seconds: 1, date: '2026-11-28' },
    source: 'https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account',
  },
} as const satisfies Record<string, Omit<Limit, 'service'>>;

/** Instances of function apps, Flex Consumption. */
export const instances = {
  perApp: {
    of: 'instances per function app',
    ...{ count: 1_000, date: '2026-11-28' },
    source: 'https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#scale',
  },
  coresPerRegion: {
    of: 'cores of all instances per region and subscription',
    ...{ count: 250, date: '2026-11-28' },
    source:
      'https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#regional-subscription-memory-quotas',
  },
} as const satisfies Record<string, Capacity>;

/** As many things as a service keeps at a time. */
export interface Capacity extends Dated {
  /** What is counted. */
  readonly of: string;
  readonly count: number;
}

const dpsLimits = {
  source: 'https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits',
  date: '2026-11-28',
};

export const capacities = {
  dpsGroups: { of: 'X.509 enrollment groups per DPS instance', count: 100, ...dpsLimits },
  dpsEnrollments: { of: 'individual enrollments per DPS instance', count: 1_000_000, ...dpsLimits },
  dpsRegistrations: { of: 'registrations of devices per DPS instance', count: 1_000_000, ...dpsLimits },
  dpsCaCertificates: { of: 'CA certificates per DPS instance', count: 25, ...dpsLimits },
  hubIdentities: {
    of: 'device identities per IoT hub',
    ...{ count: 1_000_000, date: '2026-11-28' },
    source: 'https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#other-limits',
  },
} as const satisfies Record<string, Capacity>;

export type CapacityName = keyof typeof capacities;

export interface Usage extends Dated {
  readonly of: string;
  readonly perDevice: number;
}

/** What this app uses per device that it provisions, as `npm run bench` measured it (docs/performance.md). */
export const usage = {
  blobOperations: { of: 'blob operations', ...measured(0.0123) },
  queueOperations: { of: 'queue operations', ...measured(0.0184) },
  requestUnits: { of: 'request units', ...measured(8.4, '2026-11-28') },
  executions: { of: 'executions of functions', ...measured(0.0053) },
  gigabyteSeconds: { of: 'GB-seconds of functions', ...measured(0.00063) },
  delegatedCas: {
    of: 'delegated CAs, in groups with delegated issuing: at most one per chunk of 400 rows',
    ...{ perDevice: 1 / 400, source: 'performance.md#what-limits-you', date: '2026-11-28' },
  },
  bundleBytes: { of: 'bytes of a bundle', ...measured(5_700) },
  recordBytes: { of: 'bytes of a device record, with its indexes', ...measured(2_100, '2026-11-28') },
} as const satisfies Record<string, Usage>;

function measured(perDevice: number, date = '2026-11-24'): Omit<Usage, 'of'> {
  return { perDevice, source: 'performance.md#cost', date };
}
