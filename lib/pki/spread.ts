import { hash } from 'node:crypto';

/**
 * Where a device lies in the window over which the ends of certificates are spread. The same id always has the same share, so
 * a second delivery of a chunk gives the same life, and the ids of one batch are spread evenly.
 * @returns 0 to below 1: the first 32 bits of the SHA-256 of the id
 * @example
 * shareOf('gw-1') // 0.957…
 */
export function shareOf(deviceId: string): number {
  return Number.parseInt(hash('sha256', deviceId, 'hex').slice(0, 8), 16) / 2 ** 32;
}

/** A life that is to be spread. */
export interface SpreadLife {
  readonly now: Date;
  /** The latest end, within the life of the issuer (`validityFrom`). */
  readonly notAfter: Date;
  /** Life as declared; longer than that of the certificate when its issuer ends first. */
  readonly validityDays: number;
  /** Window below `notAfter`, at most half of `validityDays`. 0: nothing is spread. */
  readonly jitterDays: number;
}

/**
 * The end of a device's certificate: `notAfter`, less the device's share of the window. Where the issuer cuts the life, the
 * window is cut in proportion. So certificates under a CA that ends soon are spread too, and none is without life.
 * @returns whole seconds
 */
export function spreadEnd(deviceId: string, { now, notAfter, validityDays, jitterDays }: SpreadLife): Date {
  const life = notAfter.getTime() - now.getTime();
  if (jitterDays === 0 || life <= 0) return notAfter;
  const earlier = shareOf(deviceId) * (jitterDays / validityDays) * life;
  return new Date(Math.floor((notAfter.getTime() - earlier) / 1000) * 1000);
}
