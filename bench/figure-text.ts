import type { Bar } from './benchmark.ts';

export function barText(bar: Bar | undefined, unit: string): string {
  if (bar === undefined) return '';
  return 'atLeast' in bar ? `≥ ${figure(bar.atLeast, unit)}` : `≤ ${figure(bar.atMost, unit)}`;
}

/** Three digits that count; a ratio has no unit to show. */
export function figure(value: number, unit: string): string {
  const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
  return unit === '' || unit === 'ratio' ? text : `${text} ${unit}`;
}
