/*
 * How IoT Edge renews its identity, as far as time is concerned (Azure/iot-identity-service, read 2026-11): cert/cert-renewal has
 * the policy, identityd registers with DPS. Nothing in it is random but some seconds of each wait.
 */

const second = 1000;

/** A certificate of a device. Milliseconds since 1970. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The policy of the identity: `threshold = "80%"`, `retry = "4%"` in config.toml. */
export const policy = { threshold: 0.8, retry: 0.04 } as const;

/** When the renewal begins. */
export function renewalOf({ notBefore, notAfter }: Life): number {
  return notBefore + (notAfter - notBefore) * policy.threshold;
}

/** When a renewal that failed at `failedAt` is tried again. */
export function retryOf({ notBefore, notAfter }: Life, failedAt: number): number {
  return failedAt + (notAfter - notBefore) * policy.retry;
}

/** Seconds after a 429 of DPS until the registration is tried again: 5 tries in some 11 minutes. */
const waits = [60, 120, 180, 300];

/** Seconds that are added to each wait. */
const extra = { least: 10, most: 30 };

/**
 * @param tries registrations that DPS has refused in this renewal, 1 or more
 * @param random 0 to below 1
 * @returns milliseconds until the next try; undefined when the renewal has failed
 */
export function waitAfter(tries: number, random: number): number | undefined {
  const wait = waits[tries - 1];
  return wait === undefined ? undefined : (wait + extra.least + random * (extra.most - extra.least)) * second;
}
