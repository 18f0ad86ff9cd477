import type { Random } from './random.ts';

/** A row of a generated manifest, and its expected outcome. */
export interface ExpectedRow {
  readonly line: number;
  readonly deviceId: string;
  readonly enrollmentGroup: string;
  /** The expected error code; absent if the row must become a device. */
  readonly fault?: string;
  /** The error code that it may have instead, where an operator can be first. */
  readonly orFault?: string;
}

export interface MadeManifest {
  readonly csv: string;
  readonly rows: readonly ExpectedRow[];
}

export interface ManifestOptions {
  readonly rows: number;
  /** First part of the device ids, so that manifests share none. */
  readonly prefix: string;
  /** Rows are assigned to these groups in turn. */
  readonly groups: readonly string[];
  /** The share of invalid rows, 0 to 1. */
  readonly badRows?: number;
}

/** Generates a manifest with some rows that are invalid in known ways. No id occurs twice. */
export function makeManifest(
  random: Random,
  { rows: count, prefix, groups, badRows = 0.02 }: ManifestOptions,
): MadeManifest {
  const lines = ['deviceId,enrollmentGroup,tags.slot:number,tags.note'];
  const rows: ExpectedRow[] = [];
  for (let row = 0; row < count; row++) {
    const line = row + 2;
    const enrollmentGroup = groups[row % groups.length] ?? '';
    const deviceId = `${prefix}-${String(row).padStart(6, '0')}`;
    const kind = random.chance(badRows) ? random.pick(['case', 'type', 'group', 'columns'] as const) : 'good';
    const note = random.pick(['plain', '"with, comma"', '"with ""quotes"""', 'ümlaut']);
    if (kind === 'case') lines.push(`${deviceId.toUpperCase()},${enrollmentGroup},${row},${note}`);
    else if (kind === 'type') lines.push(`${deviceId},${enrollmentGroup},many,${note}`);
    else if (kind === 'group') lines.push(`${deviceId},nowhere,${row},${note}`);
    else if (kind === 'columns') lines.push(`${deviceId},${enrollmentGroup},${row},${note},more`);
    else lines.push(`${deviceId},${enrollmentGroup},${row},${note}`);
    rows.push({ line, deviceId, enrollmentGroup, ...(kind !== 'good' && { fault: faults[kind] }) });
  }
  return { csv: `${lines.join('\n')}\n`, rows };
}

const faults = {
  case: 'device-id-invalid',
  type: 'value-type',
  group: 'group-unknown',
  columns: 'row-columns',
} as const;

/** The expected rows of an order with a range. Its manifest is NDJSON, so the first row is line 1. */
export function rowsOfOrder(order: {
  readonly enrollmentGroup: string;
  readonly range: { readonly prefix: string; readonly start: number; readonly count: number; readonly width: number };
}): ExpectedRow[] {
  const { prefix, start, count, width } = order.range;
  return Array.from({ length: count }, (_, index) => ({
    line: index + 1,
    deviceId: prefix + String(start + index).padStart(width, '0'),
    enrollmentGroup: order.enrollmentGroup,
  }));
}
