/** UTC time as DPS writes it: ISO 8601 with the fraction's trailing zeros left out. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.?0*Z$/, 'Z');
}
