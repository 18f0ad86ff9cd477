import { InvalidArgumentError } from '@commander-js/extra-typings';

/*
 * Readers of arguments. They run before anything is sent.
 */

/** @throws InvalidArgumentError unless the text is a whole number of at least 1 */
export function positive(text: string): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1) return value;
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** @returns seconds. @example seconds('90s'); seconds('10m'); seconds('2h') */
export function seconds(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,6})([smhd])?$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('Expected a duration such as 90s, 10m or 2h.');
  return Number(number) * (units[unit] ?? 1);
}

/** @returns the tag of `path=value`. @example tag('site.hall=7') // { path: 'site.hall', value: '7' } */
export function tag(text: string): { path: string; value: string } {
  const [, path, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (path === undefined || value === undefined)
    throw new InvalidArgumentError('Expected PATH=VALUE, such as site=berlin.');
  return { path, value };
}

/** @returns the time of `2026-11-27`, of a time in ISO 8601, or of a duration ago such as `2h`; in UTC */
export function time(text: string): string {
  if (/^\d{1,6}[smhd]$/.test(text)) return new Date(Date.now() - seconds(text) * 1000).toISOString();
  const isTime = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(Date.parse(text));
  if (isTime) return text;
  throw new InvalidArgumentError('Expected 2026-11-27, 2026-11-27T12:00:00Z, or a duration ago such as 2h.');
}

/** @returns the time of an end to come: as `time`, but `30d` is 30 days from now. The deployment counts them */
export function end(text: string): string {
  if (/^\d{1,6}d$/.test(text)) return text;
  const isTime = /^\d{4}-/.test(text);
  if (isTime) return time(text);
  throw new InvalidArgumentError('Expected 2027-01-31, 2027-01-31T12:00:00Z, or days from now such as 30d.');
}
