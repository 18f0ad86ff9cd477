import { stringify } from 'csv-stringify/sync';
import { trimBlanks } from './blanks.ts';
import { columnsOf, missingCell, reportColumns } from './columns.ts';
import { cellsOf, withGuard, withoutGuard } from './csv.ts';
import { dateSerialError, mayBeDateSerial } from './ids.ts';
import type { Delimiter, ManifestShape, RowError } from './manifest.ts';

/**
 * A row whose device is provisioned, by this job or by an earlier one with the same content (`unchanged`). In a dry run
 * `new`, `replaced` or `reissued`: what a job would make of it.
 */
export interface ResultRow {
  /** Line of the manifest on which the row begins, from 1. */
  readonly line: number;
  readonly deviceId: string;
  readonly status: 'provisioned' | 'unchanged' | 'new' | 'replaced' | 'reissued' | MissingRows;
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

/** Without it, Excel takes UTF-8 for the code page of its country. */
const byteOrderMark = '\ufeff';

/** Rows per piece of a report. One piece per row would cost more. */
const rowsPerPiece = 500;

/** A piece also ends at this many characters, so that a report of long rows uses as little memory as one of short rows. */
const charactersPerPiece = 64 * 1024;

/**
 * The longest row that an error report shows as a whole, in characters. Every row that can be provisioned is shorter (see
 * `maxRecordBytes`), so every row that can be fixed is there to be fixed.
 */
const longestWholeRow = 128 * 1024;

/** What is shown of a longer row, in characters. */
const shownOfLongRow = 1024;

/**
 * The error report of a job, as CSV: the rows of the manifest that failed, then `line`, `code`, `message`.
 *
 * The report is itself a manifest. A row that was fixed is provisioned, and a row that was not fails again. Therefore:
 * - A row that is too short has `<missing>` in each cell that it lacks. The surplus cells of a long row follow the message.
 * - A row whose quotes do not match is one text in the first column.
 * - A row of more than 128 Ki characters is cut: its beginning is one text in the first column, and ends with "...". The
 *   message names the line of the manifest that has the whole row. Sent again, it fails again, and does not provision a part.
 * - A row of NDJSON is unchanged, in the column `row`.
 * - A formula, and a cell that a spreadsheet would change, has an apostrophe before it, which the reader removes.
 * - The delimiter is that of the manifest. A byte order mark tells Excel that the file is UTF-8.
 * @param shape undefined for a job that was never split; its report is a header only
 */
export function errorsCsv(errors: AsyncIterable<RowError>, shape?: ManifestShape): AsyncIterable<string> {
  const { delimiter = ',', columns: names = ['row'] } = shape ?? {};
  const columns = columnsOf(names);
  const isOwn = (_: unknown, index: number) => columns[index]?.kind !== 'report';
  const header = [...names.filter(isOwn), ...reportColumns];

  function row({ line, source, code, message }: RowError): string[] {
    if (source.length > longestWholeRow) {
      const cut = `${source.slice(0, shownOfLongRow)}...`;
      const pointer = `The row has ${source.length} characters and is cut here; line ${line} of the manifest has the whole row.`;
      return [...asText(cut), String(line), code, `${message} ${pointer}`];
    }
    const cells = shape?.columns === undefined ? [source] : cellsOf(source, delimiter)?.map(asRead);
    const own =
      cells === undefined
        ? asText(trimBlanks(source))
        : names.map((_, index) => cells[index] ?? missingCell).filter(isOwn);
    return [...own, String(line), code, message, ...(cells ?? []).slice(names.length)];
  }

  const idColumn = columns.filter(isOwn).findIndex(({ kind }) => kind === 'deviceId');

  function guarded(error: RowError): string[] {
    return row(error).map((cell, index) =>
      index === idColumn && isConfirmedSerial(cell, error) ? `'${cell}` : withGuard(cell),
    );
  }

  /** The cell as the reader takes it: blanks outside a mark do not count. */
  function asRead(cell: string, index: number): string {
    return withoutGuard(columns[index]?.kind === 'csr' ? cell : trimBlanks(cell));
  }

  function asText(source: string): string[] {
    return names.filter(isOwn).map((_, index) => (index === 0 ? source : ''));
  }

  return csv(header, errors, guarded, delimiter);
}

/** An id that could be a date, and that the reader took for a serial number. In a report it would count as a date. */
function isConfirmedSerial(id: string, { message }: RowError): boolean {
  return mayBeDateSerial(id) && !message.includes(dateSerialError(id).message);
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

/**
 * The result report of a job, as CSV: one line per provisioned device. Byte order mark, delimiter and apostrophes are as in
 * the error report. A hexadecimal number of digits only, or such as `5e10`, has an apostrophe as well.
 * @param shape of the job's manifest; undefined for a job that was never split
 */
export function resultsCsv(results: AsyncIterable<ResultRow>, shape?: ManifestShape): AsyncIterable<string> {
  const row = ({ line, deviceId, status, enrollmentGroup, serialNumber, sha256Thumbprint, notAfter }: ResultRow) => [
    ...[String(line), withGuard(deviceId), status, withGuard(enrollmentGroup)],
    ...[hexText(serialNumber), hexText(sha256Thumbprint), notAfter],
  ];
  return csv(resultColumns, results, row, shape?.delimiter ?? ',');
}

/** A hexadecimal number as a cell that no spreadsheet takes for a decimal one. */
function hexText(digits: string): string {
  return /^\d+(?:e\d+)?$/i.test(digits) ? `'${digits}` : digits;
}

async function* csv<T>(
  header: readonly string[],
  items: AsyncIterable<T>,
  row: (item: T) => string[],
  delimiter: Delimiter,
): AsyncIterable<string> {
  const write = (rows: readonly (readonly string[])[]) =>
    // Some readers take a lone carriage return for a line end.
    stringify([...rows], { delimiter, quoted_match: /[\r\n]/ });
  yield byteOrderMark + write([header]);
  let rows: string[][] = [];
  let characters = 0;
  for await (const item of items) {
    const cells = row(item);
    rows.push(cells);
    for (const { length } of cells) characters += length;
    if (rows.length < rowsPerPiece && characters < charactersPerPiece) continue;
    yield write(rows);
    rows = [];
    characters = 0;
  }
  if (rows.length > 0) yield write(rows);
}
