import type { Issuer } from './issuer.ts';
import type { Profile } from './profile.ts';

const day = 24 * 60 * 60 * 1000;

/** When a certificate that is issued now begins and ends: backdated by its profile, never outside its issuer's own life. */
export function validityFrom(
  now: Date,
  validityDays: number,
  profile: Profile,
  issuer?: Pick<Issuer, 'notBefore' | 'notAfter'>,
): { notBefore: Date; notAfter: Date } {
  const begin = wholeSeconds(now.getTime() - profile.backdateMilliseconds);
  const end = wholeSeconds(now.getTime() + validityDays * day);
  return {
    notBefore: new Date(Math.max(begin, issuer?.notBefore.getTime() ?? begin)),
    notAfter: new Date(Math.min(end, issuer?.notAfter.getTime() ?? end)),
  };
}

const wholeSeconds = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000;
