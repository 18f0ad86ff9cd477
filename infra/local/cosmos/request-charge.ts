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
