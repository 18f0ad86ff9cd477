import { CosmosError } from './cosmos-error.ts';

export interface Throughput {
  /** @throws CosmosError 429 with the wait, while the request units of this second are spent */
  admit(): void;
  /** Takes what the admitted operation turned out to cost. */
  spend(units: number): void;
}

/**
 * A budget of request units a second. As in the service, an operation is let in while any of the second's budget is
 * left, is charged afterwards, and what it overdraws is paid back before the next one is let in
 * (https://learn.microsoft.com/azure/cosmos-db/set-throughput).
 */
export function createThroughput(unitsPerSecond: number, now: () => number): Throughput {
  let left = unitsPerSecond;
  let filledAt = now();
  return {
    admit() {
      const at = now();
      left = Math.min(unitsPerSecond, left + (Math.max(0, at - filledAt) * unitsPerSecond) / 1000);
      filledAt = at;
      if (left > 0) return;
      const wait = Math.max(1, Math.ceil((-left / unitsPerSecond) * 1000) + 1);
      throw tooManyRequests(wait);
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
