import type { SharedRule } from './rule.ts';

const day = 24 * 60 * 60 * 1000;

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
const timeEncoding: SharedRule = (parts) => {
  for (const { date, encoding } of [parts.notBefore, parts.notAfter]) {
    const right = date.getUTCFullYear() < 2050 ? 'UTCTime' : 'GeneralizedTime';
    if (encoding !== right) return `${date.toISOString()} is written as ${encoding} and not as ${right}`;
  }
  return undefined;
};

const validityWithinProfile: SharedRule = ({ notBefore, notAfter }, { profile, now }) => {
  const longest = profile.maxValidityDays * day + profile.backdateMilliseconds;
  const span = notAfter.date.getTime() - notBefore.date.getTime();
  if (span > longest)
    return `it is valid for ${Math.ceil(span / day)} days, and ${profile.maxValidityDays} are allowed`;
  if (span <= 0 || notAfter.date <= now) return `it ends on ${notAfter.date.toISOString()}, which is before it is used`;
  return undefined;
};

const validityWithinIssuer: SharedRule = ({ notBefore, notAfter }, { issuer }) => {
  if (notAfter.date > issuer.notAfter) return `it ends after its issuer, ${issuer.notAfter.toISOString()}`;
  if (notBefore.date < issuer.notBefore) return `it begins before its issuer, ${issuer.notBefore.toISOString()}`;
  return undefined;
};

const backdating: SharedRule = ({ notBefore }, { profile, now }) => {
  const backdated = now.getTime() - notBefore.date.getTime();
  if (backdated < 0) return `it begins in the future, ${notBefore.date.toISOString()}`;
  // Times in certificates have whole seconds, rounded down.
  if (backdated >= profile.backdateMilliseconds + 1000)
    return `it begins ${Math.round(backdated / 3_600_000)} hours back, and ${profile.backdateMilliseconds / 3_600_000} are allowed`;
  return undefined;
};

export const validityRules = {
  'time-encoding': timeEncoding,
  'validity-within-profile': validityWithinProfile,
  'validity-within-issuer': validityWithinIssuer,
  backdating,
};
