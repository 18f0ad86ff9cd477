import { CosmosError } from './errors.ts';

/*
 * The cost of operations in request units (RU). The published figures are from
 * https://learn.microsoft.com/azure/cosmos-db/optimize-cost-reads-writes:
 *
 * | operation                     | RU  |
 * | ----------------------------- | --- |
 * | point read of 1 KB            | 1   |
 * | point read of 100 KB          | 10  |
 * | insert of 1 KB, not indexed   | 5.5 |
 * | replace                       | twice the insert |
 *
 * Other sizes are on a straight line through the two published reads. Writes cost 5.5 times as much as reads of that size.
 * The service publishes no other figures; our assumptions are marked. The service also charges for each indexed path, by an
 * unpublished amount. So a real bill is higher if many paths are indexed.
 */

const readPerKilobyte = (10 - 1) / (100 - 1);
const insertFactor = 5.5;
const replaceFactor = 2;
/** Assumed: a delete costs as much as an insert. */
const deleteFactor = 1;
/** Assumed: the cost of a query without results. Queries for one row are seen to cost 2.3 to 3 RU. */
const queryBase = 2.3;
/** Assumed: a row that a query loads costs less than a point read, because the query finds many rows at once. */
const queryRowFactor = 0.3;
/** Assumed: the cost of an answer without a document, such as an error or metadata. */
export const emptyCharge = 1;

export const readCharge = (bytes: number): number => round(1 + Math.max(0, bytes / 1024 - 1) * readPerKilobyte);
export const insertCharge = (bytes: number): number => round(insertFactor * readCharge(bytes));
export const replaceCharge = (bytes: number): number => round(replaceFactor * insertCharge(bytes));
export const deleteCharge = (bytes: number): number => round(deleteFactor * insertCharge(bytes));
export const queryCharge = (rows: number, bytes: number): number =>
  round(queryBase + queryRowFactor * Math.max(rows, bytes / 1024));

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
