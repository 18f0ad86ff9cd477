/*
 * Text for people: nothing that a deployment answers can move the cursor, and times are local.
 */

/** Control characters of a terminal, also those of 8 bits, and marks that turn the direction of text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text with control characters written out, so that a value of a list cannot write to the terminal.
 * @example
 * safe('a\u001b[2J') // 'a\\x1b[2J'
 */
export function safe(text: string): string {
  return text.replaceAll(controls, (found) => {
    const code = found.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** @returns a time in a zone, such as `2026-11-27 22:54:31`; the text itself when it is not a time */
export function localTime(time: string, timeZone: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return safe(time);
  // The Swedish form is that of ISO 8601, with a blank.
  return date.toLocaleString('sv-SE', { timeZone });
}

/** @returns the short name of the zone at a time, such as `UTC` or `GMT+1` */
export function zoneName(timeZone: string, at: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'short' }).formatToParts(at);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? timeZone;
}

/** @returns a number with commas, such as `10,000` */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** @example plural(1, 'row') // '1 row' */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** @returns a duration for people, such as `1 min 20 s` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
