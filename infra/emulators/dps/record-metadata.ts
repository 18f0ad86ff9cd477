import { ServiceError } from './http/service-error.ts';

/** An etag as DPS writes it: base64 of a quoted, dashed hexadecimal text that differs at every change. */
export function newEtag(random: (bytes: number) => Buffer): string {
  const hex = random(16).toString('hex');
  const text = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return Buffer.from(`"${text}"`).toString('base64');
}

/** The quoted text inside, as custom allocation webhooks are shown it. */
export function etagText(etag: string): string {
  return Buffer.from(etag, 'base64').toString('utf8');
}

/** Whether an If-Match header (raw or quoted; `*` for any) names the etag. */
export function etagMatches(ifMatch: string, etag: string): boolean {
  const wanted = ifMatch.trim().replace(/^"(.*)"$/, '$1');
  return wanted === '*' || wanted === etag;
}

/**
 * What DPS does before it changes a record: a new one must not be expected to exist, an existing one is only replaced
 * by somebody who names its etag.
 */
export function checkWrite({
  ifMatch,
  current,
  conflict,
}: {
  ifMatch: string | undefined;
  current: { readonly etag: string } | undefined;
  /** The error for an existing record and no If-Match. */
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

/** UTC time as DPS writes it: ISO 8601 with the fraction's trailing zeros left out. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.?0*Z$/, 'Z');
}
