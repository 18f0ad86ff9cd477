import type { Container } from '@azure/cosmos';
import type { RenewalRate } from '../devices/renewal-rate.ts';
import { callingCosmos } from './cosmos.ts';
import { unlessStatus } from './service-errors.ts';

/** Seconds that a counter is kept. It is used for 11 minutes; clocks of instances can be apart. */
const timeToLive = 1800;

interface Counter {
  readonly id: string;
  /** Partition of container `events`. */
  readonly stream: string;
  readonly renewals: number;
  readonly ttl: number;
}

/** Counters in container `events`, one document per group and window. A patch adds in one request, so none is lost. */
export function createCosmosRenewalRate(container: Container): RenewalRate {
  return {
    async count(enrollmentGroup, window) {
      const stream = `renewals-${enrollmentGroup}`;
      const id = String(window);
      for (;;) {
        const patched = await unlessStatus([404], () =>
          callingCosmos(() => container.item(id, stream).patch<Counter>([{ op: 'incr', path: '/renewals', value: 1 }])),
        );
        if (patched?.resource !== undefined) return patched.resource.renewals;
        const first: Counter = { id, stream, renewals: 1, ttl: timeToLive };
        const created = await unlessStatus([409], () => callingCosmos(() => container.items.create(first)));
        if (created !== undefined) return 1;
      }
    },
  };
}
