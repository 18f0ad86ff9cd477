/*
 * Own code and not croner, which runs the schedules of the local host: croner also takes `L`, `W`, `#`, `?`, `+` and `@daily`,
 * which the Functions host refuses, and does not check the bounds of a value that a step follows (`60/27`).
 */

interface Field {
  readonly least: number;
  readonly most: number;
  /** Names that stand for `least` and the values after it. */
  readonly names: readonly string[];
}

/** Second, minute, hour, day of month, month, day of week (0 and 7 are Sunday). */
const fields: readonly Field[] = [
  { least: 0, most: 59, names: [] },
  { least: 0, most: 59, names: [] },
  { least: 0, most: 23, names: [] },
  { least: 1, most: 31, names: [] },
  { least: 1, most: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { least: 0, most: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

/**
 * True for a six-field NCRONTAB expression, as a timer trigger takes it.
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 * @example
 * isNcrontab('0 0 8-18/2 * * mon-fri') // true
 * isNcrontab('0 8 * * *') // false: five fields
 */
export function isNcrontab(text: string): boolean {
  const parts = text.trim().split(/\s+/);
  return parts.length === fields.length && fields.every((field, index) => isFieldText(parts[index] ?? '', field));
}

/** A list of `*`, values and ranges, each with or without a step: `1,5-10,20-40/5`. */
function isFieldText(text: string, field: Field): boolean {
  return text.split(',').every((item) => {
    const [range = '', step, ...rest] = item.split('/');
    if (rest.length > 0 || (step !== undefined && !/^[1-9]\d?$/.test(step))) return false;
    if (range === '*') return true;
    const [from, to = from, ...more] = range.split('-').map((value) => numberOf(value, field));
    if (from === undefined || to === undefined || more.length > 0) return false;
    return field.least <= from && from <= to && to <= field.most;
  });
}

/** @returns NaN for text that is neither a number nor a name of the field; every comparison with NaN is false */
function numberOf(text: string, { least, names }: Field): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = names.indexOf(text.toLowerCase());
  return index < 0 ? Number.NaN : index + least;
}
