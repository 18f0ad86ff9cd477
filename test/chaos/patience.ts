import { createHash } from 'node:crypto';
import type { Interference } from './proxy.ts';

export interface PatienceWatch {
  readonly interfere: Interference;
  /** 429 answers of each service. */
  readonly throttled: { dps: number; cosmos: number };
  /** Operations that came again before the time that was asked for. */
  readonly impatient: readonly string[];
}

/** Watches what the services themselves throttle: the same write must not come again before Retry-After is over. */
export function createPatienceWatch(): PatienceWatch {
  const throttled = { dps: 0, cosmos: 0 };
  const impatient: string[] = [];
  const notBefore = new Map<string, number>();
  return {
    throttled,
    impatient,
    async interfere({ method, path, body, at }, forward) {
      const operation = `${method} ${path} ${createHash('sha256').update(body).digest('hex')}`;
      const time = notBefore.get(operation);
      if (time !== undefined && at < time) impatient.push(`${method} ${path} came ${time - at} ms early`);
      notBefore.delete(operation);
      const answer = await forward();
      if (answer.status !== 429) return { answer };
      const milliseconds = answer.headers['x-ms-retry-after-ms'];
      throttled[milliseconds === undefined ? 'dps' : 'cosmos'] += 1;
      const wait =
        milliseconds === undefined ? Number(answer.headers['retry-after'] ?? 0) * 1000 : Number(milliseconds);
      // Reads, such as those of a page of jobs, may be anybody's; writes are one delivery's. Clocks differ by a moment.
      if (method !== 'GET' && body.length > 0) notBefore.set(operation, Date.now() + wait - 20);
      return { answer };
    },
  };
}
