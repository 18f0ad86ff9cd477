import { stringify } from 'csv-stringify/sync';
import { columnsOf, missingCell, reportColumns } from './columns.ts';
import { cellsOf, withGuard, withoutGuard } from './csv.ts';
import type { ManifestShape, RowError } from './manifest.ts';

/** A row whose device is provisioned, by this job or by an earlier one with the same content (`unchanged`). */
export interface ResultRow {
  /** Line of the manifest on which the row begins, from 1. */
  readonly line: number;
  readonly deviceId: string;
  readonly status: 'provisioned' | 'unchanged' | MissingRows;
  readonly enrollmentGroup: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly sha256Thumbprint: string;
  /** End of the certificate's validity, ISO 8601. */
  readonly notAfter: string;
}

/** In place of rows that no report has: the text says how many, and of which chunk. Such a row has no device. */
export type MissingRows = `report-missing: ${string}`;

/** Rows per piece of a report. One piece per row would cost more. */
const rowsPerPiece = 500;

/**
 * The error report of a job, as CSV: the rows of the manifest that failed, then `line`, `code`, `message`.
 *
 * The report is itself a manifest. A row that was fixed is provisioned, and a row that was not fails again. Therefore:
 * - A row that is too short has `<missing>` in each cell that it lacks. The surplus cells of a long row follow the message.
 * - A row whose quotes do not match is one text in the first column.
 * - A row of NDJSON is unchanged, in the column `row`.
 * - A formula has an apostrophe before it, which the reader removes.
 * - Delimiter and byte order mark are those of the manifest.
 * @param shape undefined for a job that was never split; its report is a header only
 */
export function errorsCsv(errors: AsyncIterable<RowError>, shape?: ManifestShape): AsyncIterable<string> {
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

  return csv(header, errors, row, { delimiter, bom });
}

const resultColumns = [
  'line',
  'deviceId',
  'status',
  'enrollmentGroup',
  'serialNumber',
  'sha256Thumbprint',
  'notAfter',
] as const satisfies (keyof ResultRow)[];

/** The result report of a job, as CSV: one line per provisioned device. */
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
      // Some readers take a lone carriage return for a line end.
      { delimiter, quoted_match: /[\r\n]/ },
    );
  yield (bom ? '\ufeff' : '') + write([header]);
  let rows: string[][] = [];
  for await (const item of items) {
    rows.push(row(item));
    if (rows.length < rowsPerPiece) continue;
    yield write(rows);
    rows = [];
  }
  if (rows.length > 0) yield write(rows);
}
