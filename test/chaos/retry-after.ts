import { createHash } from 'node:crypto';
import type { Interference } from './proxy.ts';

export interface RetryAfterWatch {
  /** Passes requests on and watches them. */
  readonly interfere: Interference;
  /** The number of 429 answers per service. */
  readonly throttled: { dps: number; cosmos: number };
  /** Operations that were repeated before Retry-After had passed. */
  readonly tooEarly: readonly string[];
}

/** Watches what the emulators themselves throttle: no write may be repeated before Retry-After has passed. */
export function createRetryAfterWatch(): RetryAfterWatch {
  const throttled = { dps: 0, cosmos: 0 };
  const tooEarly: string[] = [];
  const notBefore = new Map<string, number>();
  return {
    throttled,
    tooEarly,
    async interfere({ method, path, body, at }, forward) {
      const operation = `${method} ${path} ${createHash('sha256').update(body).digest('hex')}`;
      const time = notBefore.get(operation);
      if (time !== undefined && at < time) tooEarly.push(`${method} ${path} was repeated ${time - at} ms too early`);
      notBefore.delete(operation);
      const answer = await forward();
      if (answer.status !== 429) return { answer };
      const milliseconds = answer.headers['x-ms-retry-after-ms'];
      throttled[milliseconds === undefined ? 'dps' : 'cosmos'] += 1;
      const wait =
        milliseconds === undefined ? Number(answer.headers['retry-after'] ?? 0) * 1000 : Number(milliseconds);
      // Only writes: a read, such as of a page of jobs, can belong to another client. 20 ms allow for the client's clock.
      if (method !== 'GET' && body.length > 0) notBefore.set(operation, Date.now() + wait - 20);
      return { answer };
    },
  };
}
