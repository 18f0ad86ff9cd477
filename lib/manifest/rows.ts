import { cellValue, place, wrongType } from './cell-value.ts';
import { type Column, columnsOf, missingCell } from './columns.ts';
import { csvRecords, withoutLineEnd } from './csv-records.ts';
import { type DeviceFields, parseDeviceObject } from './device-fields.ts';
import { withoutGuard } from './formula.ts';
import { type Finding, type ManifestShape, maxRecordBytes } from './manifest.ts';
import { createRecordScanner } from './record-scanner.ts';

/** One row as it is written. */
export interface ManifestRow {
  readonly line: number;
  readonly source: string;
  /** What it says; undefined when it cannot be read. */
  readonly fields?: DeviceFields;
  /** What is wrong with it so far. */
  readonly findings: readonly Finding[];
}

/** The rows of a chunk, in the order of the file, as many as the splitter counted. */
export function readRows(bytes: Uint8Array, shape: ManifestShape, firstLine: number): ManifestRow[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (shape.format === 'ndjson') {
    return lines(buffer, firstLine).map(({ line, source }) => ({ line, source, ...jsonRow(source) }));
  }
  const { delimiter = ',', columns: names = [] } = shape;
  const columns = columnsOf(names);
  const isReport = columns.some(({ kind }) => kind === 'report');
  return csvRecords(buffer, delimiter, firstLine).map(({ line, source, cells }) => {
    return { line, source, ...csvRow(cells, { names, columns, isReport }) };
  });
}

function lines(bytes: Buffer, firstLine: number): { line: number; source: string }[] {
  const found: { line: number; source: string }[] = [];
  const onRecord = (start: number, next: number, line: number) =>
    found.push({ line, source: withoutLineEnd(bytes.toString('utf8', start, next)) });
  const scanner = createRecordScanner({ offset: 0, line: firstLine, maxRecordBytes, onRecord });
  scanner.scan(bytes);
  scanner.finish();
  return found;
}

type Reading = Pick<ManifestRow, 'fields' | 'findings'>;

function jsonRow(text: string): Reading {
  return { findings: [], ...parseDeviceObject(text) };
}

interface Table {
  readonly names: readonly string[];
  readonly columns: readonly Column[];
  /** An error report that was sent back. */
  readonly isReport: boolean;
}

function csvRow(cells: readonly string[] | undefined, { names, columns, isReport }: Table): Reading {
  if (cells === undefined) return { findings: [wrongQuotes] };
  if (cells.length !== columns.length) return { findings: [wrongCount(cells.length, columns.length)] };
  if (isReport && cells.includes(missingCell)) return { findings: [stillMissing(names[cells.indexOf(missingCell)])] };

  const named: Partial<Record<'deviceId' | 'enrollmentGroup' | 'csr', string>> = {};
  const twin = { tags: {}, desired: {} };
  const findings: Finding[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = withoutGuard(cells[index] ?? '');
    // An empty cell is a value that is not there.
    if (cell === '' || column.kind === 'report') continue;
    if (column.kind === 'row') return jsonRow(cell);
    if (column.kind !== 'twin') {
      named[column.kind] = cell;
      continue;
    }
    const read = cellValue(cell, column.type);
    if (read === undefined) findings.push(wrongType(names[index] ?? '', column.type, cell));
    else place(twin[column.section], column.path, read.value);
  }
  return { fields: { deviceId: '', ...named, ...twin }, findings };
}

const wrongQuotes: Finding = {
  code: 'row-syntax',
  message: 'A quote stands where none may: within a field that is not quoted, or a quoted field has text behind it.',
  expected: 'quotes around the whole field, and each quote in it twice',
};

function wrongCount(found: number, wanted: number): Finding {
  const count = found === 1 ? '1 field' : `${found} fields`;
  const message = `The row has ${count} where the header has ${wanted}.`;
  return { code: 'row-columns', message, expected: `${wanted} fields`, value: count };
}

function stillMissing(column: string | undefined): Finding {
  const message = `The row was too short, and its missing cells are still marked ${missingCell}: fill or empty them.`;
  return { column, code: 'row-columns', message, expected: 'a value or an empty cell', value: missingCell };
}
