import { parse } from 'csv-parse/sync';
import { type Delimiter, maxRecordBytes } from './manifest.ts';
import { createRecordScanner } from './record-scanner.ts';

export interface CsvRecord {
  /** Line of the file on which it begins. */
  readonly line: number;
  readonly source: string;
  /** Undefined when quotes stand where RFC 4180 has none. */
  readonly cells: readonly string[] | undefined;
}

/**
 * The records of a chunk, as many as the splitter counted: the same scanner finds them. Those without a quote split at
 * the delimiter; all others go to csv-parse, together because a call costs as much as five records, and one by one where
 * that fails, so that a row with wrong quotes costs no neighbour.
 */
export function csvRecords(bytes: Buffer, delimiter: Delimiter, firstLine: number): CsvRecord[] {
  const found: { line: number; source: string }[] = [];
  const onRecord = (start: number, next: number, line: number) =>
    found.push({ line, source: withoutLineEnd(bytes.toString('utf8', start, next)) });
  const scanner = createRecordScanner({ delimiter, offset: 0, line: firstLine, maxRecordBytes, onRecord });
  scanner.scan(bytes);
  scanner.finish();

  const quoted = found.map(({ source }) => source).filter((source) => source.includes('"'));
  const parsed = parseAll(quoted, delimiter);
  let next = 0;
  return found.map(({ line, source }) => {
    if (!source.includes('"')) return { line, source, cells: source.split(delimiter) };
    next += 1;
    return { line, source, cells: parsed[next - 1] };
  });
}

/** The cells of one record. @returns undefined when quotes stand where RFC 4180 has none */
export function cellsOf(source: string, delimiter: Delimiter): readonly string[] | undefined {
  return source.includes('"') ? parseAll([source], delimiter)[0] : source.split(delimiter);
}

export function withoutLineEnd(text: string): string {
  return text.endsWith('\r\n')
    ? text.slice(0, -2)
    : text.endsWith('\n') || text.endsWith('\r')
      ? text.slice(0, -1)
      : text;
}

function parseAll(sources: readonly string[], delimiter: Delimiter): readonly (readonly string[] | undefined)[] {
  if (sources.length === 0) return [];
  try {
    // Short and long rows are the reader's to judge.
    const rows: string[][] = parse(sources.join('\n'), { delimiter, record_delimiter: '\n', relax_column_count: true });
    if (rows.length === sources.length) return rows;
  } catch {
    // Some row is wrong; which one shows below.
  }
  return sources.length === 1 ? [undefined] : sources.map((source) => parseAll([source], delimiter)[0]);
}

/*
 * A cell that begins with one of these is run by a spreadsheet that opens the file (CWE-1236; OWASP "CSV Injection"
 * names = + - @, tab, carriage return and line feed, and their full-width forms). The usual guard is an apostrophe
 * before it, which spreadsheets take for "this is text". Reading takes one such apostrophe away again, so that a report
 * can be mended and sent back; a value that itself begins so is written with one apostrophe more. A negative number is no
 * formula, and stays the number that the spreadsheet can count with.
 */
const guarded = /^'*[=+\-@\t\r\n＝＋－＠]/;
const guard = /^'+[=+\-@\t\r\n＝＋－＠]/;
const negativeNumber = /^-\d{1,15}(?:\.\d{1,15})?$/;

/** The cell as it may stand in a CSV file that people open in a spreadsheet. */
export function withGuard(cell: string): string {
  return guarded.test(cell) && !negativeNumber.test(cell) ? `'${cell}` : cell;
}

/** What `withGuard` was given. */
export function withoutGuard(cell: string): string {
  return guard.test(cell) ? cell.slice(1) : cell;
}
