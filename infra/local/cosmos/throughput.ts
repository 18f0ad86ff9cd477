import { CosmosError } from './cosmos-error.ts';

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
