import { parse } from 'csv-parse/sync';
import { trimBlanks } from './blanks.ts';
import type { Delimiter } from './manifest.ts';
import { type RecordText, recordsIn } from './record-scanner.ts';
import { isChangedBySpreadsheet } from './spreadsheet.ts';

export interface CsvRecord extends RecordText {
  /** Undefined when a quote is where RFC 4180 does not allow one. */
  readonly cells: readonly string[] | undefined;
}

/**
 * The records of a chunk. The same scanner found them for the splitter, so there are as many as it counted.
 *
 * Records without a quote are split at the delimiter. All others go to csv-parse in one call, because a call costs as
 * much as five records. When that call fails they go one by one, so that a record with wrong quotes is the only one lost.
 * @param firstLine line of the file on which the chunk begins, from 1
 * @param oneLinePerRecord for the table of a workbook
 */
export function csvRecords(
  bytes: Buffer,
  delimiter: Delimiter,
  firstLine: number,
  oneLinePerRecord = false,
): CsvRecord[] {
  const found = recordsIn(bytes, firstLine, delimiter, oneLinePerRecord);
  const quoted = found.map(({ source }) => source).filter((source) => source.includes('"'));
  const parsed = parseAll(quoted, delimiter);
  let next = 0;
  return found.map(({ line, source }) => {
    if (!source.includes('"')) return { line, source, cells: source.split(delimiter) };
    next += 1;
    return { line, source, cells: parsed[next - 1] };
  });
}

/** The cells of one record. @returns undefined when a quote is where RFC 4180 does not allow one */
export function cellsOf(source: string, delimiter: Delimiter): readonly string[] | undefined {
  return source.includes('"') ? parseAll([source], delimiter)[0] : source.split(delimiter);
}

function parseAll(sources: readonly string[], delimiter: Delimiter): readonly (readonly string[] | undefined)[] {
  if (sources.length === 0) return [];
  const rows = parsedRows(sources, delimiter);
  if (rows !== undefined) return rows;
  // Some record is wrong. Parsing them one by one shows which.
  return sources.map(
    (source) => (parsedRows([source], delimiter) ?? parsedRows([quotedMarks(source, delimiter)], delimiter))?.[0],
  );
}

/** @returns undefined when a record is wrong */
function parsedRows(sources: readonly string[], delimiter: Delimiter): string[][] | undefined {
  try {
    // rows.ts reports rows that are too short or too long.
    const rows: string[][] = parse(sources.join('\n'), { delimiter, record_delimiter: '\n', relax_column_count: true });
    return rows.length === sources.length ? rows : undefined;
  } catch {
    return undefined;
  }
}

/** The record with each bare `="00124"` in quotes, as RFC 4180 has it. Excel writes and reads it without. */
function quotedMarks(source: string, delimiter: Delimiter): string {
  const mark = new RegExp(`(^|\\${delimiter})="([^"\\r\\n]*)"(?=\\${delimiter}|$)`, 'g');
  return source.replace(mark, (_, before: string, text: string) => `${before}"=""${text}"""`);
}

/*
 * A spreadsheet runs a cell that begins with one of these as a formula (CWE-1236; OWASP "CSV Injection" names = + - @,
 * tab, carriage return and line feed, and their full-width forms), and it changes cells that look like numbers or dates
 * (spreadsheet.ts). Both are marked with an apostrophe before the cell. Spreadsheets take such a cell of a CSV file for text and
 * save it with the apostrophe, as often as it is opened. The reader removes one apostrophe, so that an error report can be
 * fixed and sent back. A value that really begins with an apostrophe and such a text is written with one apostrophe more.
 *
 * `="00124"` is a mark too, which people write to keep leading zeros. The reader removes it, and this app does not write it:
 * it is gone once the file has been saved, so the second time that the file is opened the zeros are lost.
 */
const formula = /^[=+\-@\t\r\n＝＋－＠]/;
const negativeNumber = /^-\d{1,15}(?:\.\d{1,15})?$/;
const textFormula = /^="((?:[^"]|"")*)"$/;

/**
 * The cell as text that a spreadsheet neither runs nor changes.
 * @example
 * withGuard('=1+1'); // "'=1+1"
 * withGuard('00071'); // "'00071"
 * withGuard('-5'); // '-5'
 */
export function withGuard(cell: string): string {
  if (cell.startsWith("'")) return hasGuard(cell) ? `'${cell}` : cell;
  const runs = formula.test(cell) && !negativeNumber.test(cell);
  return runs || isChangedBySpreadsheet(cell) ? `'${cell}` : cell;
}

/**
 * The cell without its mark for text. The inverse of `withGuard`.
 * @example
 * withoutGuard("'=1+1"); // '=1+1'
 * withoutGuard('="00124"'); // '00124'
 */
export function withoutGuard(cell: string): string {
  if (hasGuard(cell)) return cell.slice(1);
  const [, text] = textFormula.exec(cell) ?? [];
  return text === undefined ? cell : trimBlanks(text.replaceAll('""', '"'));
}

/** Whether a cell begins with an apostrophe that marks text. */
function hasGuard(cell: string): boolean {
  if (!cell.startsWith("'")) return false;
  const text = cell.replace(/^'+/, '');
  return formula.test(text) || /^\d[^']*$/.test(text) || isChangedBySpreadsheet(text);
}
