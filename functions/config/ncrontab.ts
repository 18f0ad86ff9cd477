/** Bounds of the six fields. In the last, 0 and 7 are Sunday. */
const fields = [
  { least: 0, most: 59 },
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { least: 0, most: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;

interface Field {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

/**
 * True for a six-field NCRONTAB expression, as a timer trigger takes it: second, minute, hour, day of month, month, day of
 * week. https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 */
export function isNcrontab(text: string): boolean {
  const parts = text.trim().split(/\s+/);
  return parts.length === fields.length && fields.every((field, index) => isFieldText(parts[index] ?? '', field));
}

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

/** NaN, which no comparison accepts, for what is neither a number nor a name of the field. */
function numberOf(text: string, { least, names = [] }: Field): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = names.indexOf(text.toLowerCase());
  return index < 0 ? Number.NaN : index + least;
}
