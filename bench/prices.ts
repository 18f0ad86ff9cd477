/*
 * Azure prices in US dollars: pay as you go, East US, without free grants, reservations or negotiated discounts. Prices change
 * and differ by region. bench/benchmarks/cost.ts uses this table.
 */

export interface Price {
  /** The billed item. */
  readonly of: string;
  /** US dollars per `units` items. */
  readonly dollars: number;
  readonly units: number;
  /**
   * Microsoft's page, to check the price before you rely on it. It was not read for this table: the prices of DPS, Key Vault
   * and Functions are quoted from other public pages, those of storage and Cosmos DB are commonly known.
   */
  readonly source: string;
  /** When the price was entered. */
  readonly date: string;
}

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
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof prices;

/** US dollars for `count` items. */
export function costOf(name: PriceName, count: number): number {
  const { dollars, units } = prices[name];
  return (count * dollars) / units;
}
