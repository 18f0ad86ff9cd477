import type { Bar } from './benchmark.ts';

/** Formats a bar as `≥ 0.8`; empty if there is none. */
export function formatBar(bar: Bar | undefined, unit: string): string {
  if (bar === undefined) return '';
  return 'atLeast' in bar ? `≥ ${formatValue(bar.atLeast, unit)}` : `≤ ${formatValue(bar.atMost, unit)}`;
}

/** Formats a value with three significant digits and its unit. Ratios have no unit. */
export function formatValue(value: number, unit: string): string {
  const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
  return unit === '' || unit === 'ratio' ? text : `${text} ${unit}`;
}
