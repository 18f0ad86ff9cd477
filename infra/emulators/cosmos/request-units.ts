import { CosmosError } from './errors.ts';

/*
 * What an operation costs in request units (RU). Published figures, all from
 * https://learn.microsoft.com/azure/cosmos-db/optimize-cost-reads-writes:
 *
 * | operation                     | RU  |
 * | ----------------------------- | --- |
 * | point read of 1 KB            | 1   |
 * | point read of 100 KB          | 10  |
 * | insert of 1 KB, not indexed   | 5.5 |
 * | replace                       | twice the insert |
 *
 * Between and beyond the two sizes we draw a straight line, and take the same line, 5.5 times as dear, for writes. The
 * service publishes no figure for the rest; what is assumed here is marked so. It also charges for every indexed path,
 * by an amount it does not publish: a real bill is higher than this one where much is indexed.
 */

const readPerKilobyte = (10 - 1) / (100 - 1);
const insertFactor = 5.5;
const replaceFactor = 2;
/** Assumed: a delete costs as much as the insert. */
const deleteFactor = 1;
/** Assumed: what a query costs before it has found anything, near the 2.3 to 3 RU that single-row queries are seen to cost. */
const queryBase = 2.3;
/** Assumed: a row that a query loads costs less than a point read of it, which has to be found by itself. */
const queryRowFactor = 0.3;
/** Assumed, for what carries no document: errors, metadata, conditions that did not hold. */
export const emptyCharge = 1;

export const readCharge = (bytes: number): number => round(1 + Math.max(0, bytes / 1024 - 1) * readPerKilobyte);
export const insertCharge = (bytes: number): number => round(insertFactor * readCharge(bytes));
export const replaceCharge = (bytes: number): number => round(replaceFactor * insertCharge(bytes));
export const deleteCharge = (bytes: number): number => round(deleteFactor * insertCharge(bytes));
export const queryCharge = (rows: number, bytes: number): number =>
  round(queryBase + queryRowFactor * Math.max(rows, bytes / 1024));

/** As the service prints it: two decimals. */
export function round(units: number): number {
  return Math.round(units * 100) / 100;
}

export interface Throughput {
  /** @throws CosmosError 429 with the wait, while the request units of this second are spent */
  admit(): void;
  /** Takes what the admitted operation turned out to cost. */
  spend(units: number): void;
}

/**
 * A budget of request units for each second. As in the service, an operation is let in while any of the second's budget
 * is left, is charged afterwards, and what it overdraws is taken from the next second; nothing is saved up
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
