/*
 * Numbers, times and sizes as people read them. The texts of the console are English, so these are, too, whatever the browser's
 * language is.
 */

const locale = 'en-GB';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** @example number(12345) // '12,345' */
export function number(value: number): string {
  return whole.format(value);
}

/** @example decimal(12.345) // '12.3' */
export function decimal(value: number): string {
  return short.format(value);
}

/** @example plural(1, 'device') // '1 device' */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${number(count)} ${count === 1 ? noun : many}`;
}

const zones = { utc: 'UTC', local: undefined } as const;

function formatter(utc: boolean, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { hourCycle: 'h23', timeZone: utc ? zones.utc : zones.local, ...options });
}

const day = { day: 'numeric', month: 'short' } as const;
const clock = { hour: '2-digit', minute: '2-digit' } as const;

/**
 * A time for a table: with the year only if that is another one.
 * @example shortTime('2026-11-27T21:54:32Z', { utc: true, now }) // '27 Nov, 21:54'
 */
export function shortTime(iso: string, { utc, now }: { readonly utc: boolean; readonly now: Date }): string {
  const at = new Date(iso);
  const year = (date: Date) => formatter(utc, { year: 'numeric' }).format(date);
  const years = year(at) === year(now) ? {} : ({ year: 'numeric' } as const);
  return formatter(utc, { ...day, ...years, ...clock }).format(at);
}

/** A time with seconds and the name of its zone. */
export function fullTime(iso: string, utc: boolean): string {
  const options = { ...day, year: 'numeric', ...clock, second: '2-digit', timeZoneName: 'short' } as const;
  return formatter(utc, options).format(new Date(iso));
}

/** @example shortDay('2026-11-27', true) // '27 Nov' */
export function shortDay(iso: string, utc: boolean): string {
  return formatter(utc, day).format(new Date(iso));
}

/** The name of the zone that times are shown in, such as `GMT+1`. */
export function zoneName(utc: boolean, now: Date): string {
  if (utc) return 'UTC';
  const parts = formatter(false, { timeZoneName: 'short' }).formatToParts(now);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'local';
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** @example duration(3_725) // '1 h 2 min' */
export function duration(seconds: number): string {
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return joined(Math.floor(seconds / 3_600), 'h', Math.round((seconds % 3_600) / 60), 'min');
  return joined(Math.floor(seconds / 86_400), 'd', Math.round((seconds % 86_400) / 3_600), 'h');
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });

/** @example ago('2026-11-27T21:00:00Z', now) // '54 minutes ago', or 'in 3 days' for a time to come */
export function ago(iso: string, now: Date): string {
  const seconds = (Date.parse(iso) - now.getTime()) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return 'now';
}

/** Whole days until a time; negative once it has passed. */
export function daysUntil(iso: string, now: Date): number {
  return Math.floor((Date.parse(iso) - now.getTime()) / 86_400_000);
}

/** @example bytes(1_536) // '1.5 KB' */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  const [size, unit] = count < 1_048_576 ? [count / 1_024, 'KB'] : [count / 1_048_576, 'MB'];
  return `${short.format(size)} ${unit}`;
}

/** A digest or serial number in groups of four, so that two can be compared. */
export function grouped(hex: string): string {
  return hex.replaceAll(/(.{4})(?=.)/g, '$1 ');
}

/** Words of a name such as `completedWithErrors`: `completed with errors`. */
export function words(name: string): string {
  return name
    .replaceAll(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`)
    .replaceAll('-', ' ');
}

/** A JSON value as one line. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
