import { ServiceError } from './http/service-error.ts';

/** Makes an etag in the form of DPS: base64 of a quoted UUID-like text. It is new at every change. */
export function newEtag(random: (bytes: number) => Buffer): string {
  const hex = random(16).toString('hex');
  const text = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return Buffer.from(`"${text}"`).toString('base64');
}

/** The decoded etag, as it is sent to custom allocation webhooks. */
export function etagText(etag: string): string {
  return Buffer.from(etag, 'base64').toString('utf8');
}

/** @returns whether an If-Match header matches the etag. The header may be quoted; `*` matches any etag */
export function etagMatches(ifMatch: string, etag: string): boolean {
  const wanted = ifMatch.trim().replace(/^"(.*)"$/, '$1');
  return wanted === '*' || wanted === etag;
}

/**
 * Checks If-Match before a write. Creating a record needs no If-Match. Replacing one needs its etag.
 * @throws ServiceError 412, or the error of `conflict` if the record exists and there is no If-Match
 */
export function checkWrite({
  ifMatch,
  current,
  conflict,
}: {
  ifMatch: string | undefined;
  current: { readonly etag: string } | undefined;
  conflict: () => ServiceError;
}): void {
  if (!current) {
    if (ifMatch !== undefined) throw preconditionFailed();
    return;
  }
  if (ifMatch === undefined) throw conflict();
  if (!etagMatches(ifMatch, current.etag)) throw preconditionFailed();
}

export function preconditionFailed(): ServiceError {
  return new ServiceError(412, 412000, 'Precondition failed.');
}

/** Writes a time in the form of DPS: ISO 8601 in UTC without trailing zeros of the fraction. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.?0*Z$/, 'Z');
}
