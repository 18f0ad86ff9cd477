import type { Interference } from './proxy.ts';

/** Acts at the n-th request of the app, before the service gets it or after the service has executed it. */
export interface Tripwire {
  readonly interfere: Interference;
  arm(requests: number, when: 'before' | 'after', act: () => void): void;
  disarm(): void;
}

export function createTripwire(): Tripwire {
  let left = Number.POSITIVE_INFINITY;
  let moment: 'before' | 'after' = 'before';
  let action = () => {};
  return {
    arm(requests, when, act) {
      [left, moment, action] = [requests, when, act];
    },
    disarm() {
      left = Number.POSITIVE_INFINITY;
    },
    async interfere(request, forward) {
      // Polling of idle queues does not count.
      if (request.method === 'GET' && /\/messages\?/.test(request.path)) return { answer: await forward() };
      left -= 1;
      if (left !== 0) return { answer: await forward() };
      const [when, act] = [moment, action];
      if (when === 'before') {
        act();
        return 'reset';
      }
      await forward();
      act();
      return 'reset';
    },
  };
}
