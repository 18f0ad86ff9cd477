import { CosmosError } from './errors.ts';

/*
 * The cost of operations in request units (RU), as published with a date of 2026-04-21:
 * https://learn.microsoft.com/azure/cosmos-db/understand-request-unit-consumption
 *
 * - Reads and writes by the size of the document: the two tables below.
 * - "5.0 (document size based) + 0.2 x 10 (indexing)" for a create of 1 KB with 10 indexed terms.
 * - A replace is the deletion of the document as it was, and the insertion of the new one, and 0.2 for each term of the index
 *   that is removed or added. A patch costs 0.4 more for each of its operations.
 *
 * That page says that its figures are illustrative; an older one (optimize-cost-reads-writes) has 5.5 for an insert of 1 KB
 * without indexing, and twice the insert for a replace. Our assumptions are marked.
 */

/** Kilobytes and RU. Assumed: sizes between are on straight lines, and a smaller document costs as much as 1 KB. */
type Published = readonly (readonly [kilobytes: number, units: number])[];

const publishedReads: Published = [
  [1, 1],
  [2, 1.04],
  [4, 1.14],
  [8, 1.33],
  [16, 1.67],
  [32, 2.19],
  [64, 4.76],
  [128, 9.95],
  [256, 20.28],
  [512, 40.95],
  [1024, 145.9],
  [2048, 291.8],
];
const publishedWrites: Published = [
  [1, 4.95],
  [2, 6.29],
  [4, 6.67],
  [8, 7.04],
  [16, 9.52],
  [32, 11.23],
  [64, 22.67],
  [128, 48.19],
  [256, 98.29],
  [512, 184.57],
  [1024, 625],
  [2048, 1250],
];

const unitsPerTerm = 0.2;
const unitsPerPatchOperation = 0.4;
/**
 * `id` and `_ts` are indexed whatever the policy says (https://learn.microsoft.com/azure/cosmos-db/index-policy). Assumed: they
 * are charged as any other term. `_ts` changes with every write.
 */
const systemTerms = 2;
const systemTermsChanged = 2;
/** Assumed: the cost of a query without results. Queries for one row are seen to cost 2.3 to 3 RU. */
const queryBase = 2.3;
/** Assumed: a row that a query loads costs less than a point read, because the query finds many rows at once. */
const queryRowFactor = 0.3;
/** Assumed: the cost of an answer without a document, such as an error or metadata. */
export const emptyCharge = 1;

/** A document that was written or deleted. */
export interface Written {
  /** The document as it was, and as it is. Assumed: the stored size is that of the JSON text without what the service adds. */
  readonly bytesBefore?: number;
  readonly bytesAfter?: number;
  /** Terms of the index that were added and removed, by the policy of the container. */
  readonly terms: number;
  readonly patchOperations?: number;
}

export const readCharge = (bytes: number): number => round(published(publishedReads, bytes));

export function writeCharge({ bytesBefore, bytesAfter, terms, patchOperations = 0 }: Written): number {
  const isReplace = bytesBefore !== undefined && bytesAfter !== undefined;
  const sizes = [bytesBefore, bytesAfter].reduce<number>(
    (sum, bytes) => sum + (bytes === undefined ? 0 : published(publishedWrites, bytes)),
    0,
  );
  const indexed = terms + (isReplace ? systemTermsChanged : systemTerms);
  return round(sizes + unitsPerTerm * indexed + unitsPerPatchOperation * patchOperations);
}

export const queryCharge = (rows: number, bytes: number): number =>
  round(queryBase + queryRowFactor * Math.max(rows, bytes / 1024));

function published(table: Published, bytes: number): number {
  const size = bytes / 1024;
  let [fromSize, fromUnits] = table[0] ?? [0, 0];
  if (size <= fromSize) return fromUnits;
  for (const [toSize, toUnits] of table) {
    if (size <= toSize) return fromUnits + ((toUnits - fromUnits) * (size - fromSize)) / (toSize - fromSize);
    [fromSize, fromUnits] = [toSize, toUnits];
  }
  return fromUnits;
}

/** Rounds to two decimals, as the service does. */
export function round(units: number): number {
  return Math.round(units * 100) / 100;
}

export interface Throughput {
  /** @throws CosmosError 429 with the waiting time, if the budget of this second is spent */
  admit(): void;
  /** Charges the cost of an admitted operation. */
  spend(units: number): void;
}

/**
 * A budget of request units per second. As in the service, an operation is admitted while any budget of the second is left,
 * and is charged afterwards. An overdraft reduces the budget of the next second. Unused budget is lost.
 * (https://learn.microsoft.com/azure/cosmos-db/set-throughput).
 */
export function createThroughput(unitsPerSecond: number, now: () => number): Throughput {
  let left = unitsPerSecond;
  let second = Math.floor(now() / 1000);
  return {
    admit() {
      const at = now();
      const passed = Math.max(0, Math.floor(at / 1000) - second);
      left = Math.min(unitsPerSecond, left + passed * unitsPerSecond);
      second += passed;
      if (left > 0) return;
      const seconds = Math.floor(-left / unitsPerSecond) + 1;
      throw tooManyRequests(Math.max(1, (second + seconds) * 1000 - at));
    },
    spend(units) {
      left -= units;
    },
  };
}

export const unlimited: Throughput = { admit() {}, spend() {} };

const tooManyRequests = (milliseconds: number) =>
  new CosmosError(
    429,
    '429',
    'The request rate is too large. Please retry after sometime. Learn more: http://aka.ms/cosmosdb-error-429',
    { 'x-ms-retry-after-ms': String(milliseconds), 'x-ms-substatus': '3200' },
  );
