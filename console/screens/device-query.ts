import type { Place } from '../router.ts';

/** The query of the API for the filters of the address. */
export function deviceQuery({ query }: Place, now: Date): URLSearchParams {
  const { expires, ...same } = Object.fromEntries(query);
  const days = Number(expires ?? Number.NaN);
  const expiresBefore = new Date(now.getTime() + days * 86_400_000);
  return new URLSearchParams({
    ...same,
    ...(Number.isFinite(days) && { expiresBefore: `${expiresBefore.toISOString().slice(0, 10)}T00:00:00Z` }),
  });
}
