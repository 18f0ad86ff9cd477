import { stringify } from 'csv-stringify/sync';
import { columnsOf, missingCell, reportColumns } from './columns.ts';
import { cellsOf, withGuard, withoutGuard } from './csv.ts';
import type { ManifestShape, RowError } from './manifest.ts';

/** A row that is provisioned, or was already. */
export interface ResultRow {
  readonly line: number;
  readonly deviceId: string;
  readonly status: 'provisioned' | 'unchanged';
  readonly enrollmentGroup: string;
  readonly serialNumber: string;
  readonly sha256Thumbprint: string;
  /** ISO 8601. */
  readonly notAfter: string;
}

/** Rows that are written in one piece: fewer, larger pieces cost less than one a row. */
const rowsAPiece = 500;

/**
 * A job's error report: the manifest's own rows, then `line`, `code`, `message`. It is itself a manifest: mended and sent
 * again it is the repair, and a row that was not mended fails again, so
 * - cells that a short row lacks are marked `<missing>`; cells that a long row has too many stand behind the message;
 * - a row whose quotes do not match stands as one text in the first column;
 * - rows of NDJSON stand as they are in a column `row`, which the CSV reader takes;
 * - a formula is guarded by an apostrophe, which the reader takes away again;
 * - delimiter and byte order mark are those of the manifest.
 */
export function errorsCsv(faults: AsyncIterable<RowError>, shape?: ManifestShape): AsyncIterable<string> {
  const { delimiter = ',', columns: names = ['row'], bom = false } = shape ?? {};
  const columns = columnsOf(names);
  const isOwn = (_: unknown, index: number) => columns[index]?.kind !== 'report';
  const header = [...names.filter(isOwn), ...reportColumns];

  function row({ line, source, code, message }: RowError): string[] {
    const cells = shape?.columns === undefined ? [source] : cellsOf(source, delimiter)?.map(withoutGuard);
    const own =
      cells === undefined ? asText(source) : names.map((_, index) => cells[index] ?? missingCell).filter(isOwn);
    return [...own, String(line), code, message, ...(cells ?? []).slice(names.length)];
  }

  function asText(source: string): string[] {
    return names.filter(isOwn).map((_, index) => (index === 0 ? source : ''));
  }

  return csv(header, faults, row, { delimiter, bom });
}

const resultColumns = [
  ...(['line', 'deviceId', 'status', 'enrollmentGroup'] as const),
  ...(['serialNumber', 'sha256Thumbprint', 'notAfter'] as const),
] satisfies (keyof ResultRow)[];

/** A job's result report: one line for each device that is provisioned. */
export function resultsCsv(results: AsyncIterable<ResultRow>): AsyncIterable<string> {
  return csv(resultColumns, results, (result) => resultColumns.map((name) => String(result[name])), {
    delimiter: ',',
    bom: false,
  });
}

async function* csv<T>(
  header: readonly string[],
  items: AsyncIterable<T>,
  row: (item: T) => string[],
  { delimiter, bom }: { delimiter: string; bom: boolean },
): AsyncIterable<string> {
  const write = (rows: readonly (readonly string[])[]) =>
    stringify(
      rows.map((cells) => cells.map(withGuard)),
      // A lone carriage return would end the line for some readers.
      { delimiter, quoted_match: /[\r\n]/ },
    );
  yield (bom ? '\ufeff' : '') + write([header]);
  let rows: string[][] = [];
  for await (const item of items) {
    rows.push(row(item));
    if (rows.length < rowsAPiece) continue;
    yield write(rows);
    rows = [];
  }
  if (rows.length > 0) yield write(rows);
}
