import { excerpt } from '../errors.ts';
import { textDamage, valueDamage } from './cells.ts';
import { type Column, delimiters, missingCell } from './columns.ts';
import type { CellError, Delimiter } from './manifest.ts';
import type { RecordText } from './record-scanner.ts';

/** What the faults of a row need to know of its table. */
export interface TableLayout {
  readonly columns: readonly Column[];
  readonly delimiter: Delimiter;
}

/** What is wrong with the text of a cell, whatever its column means. @returns the end of a sentence */
export function damageOf(cell: string, type: string, row: RecordText, table: TableLayout): string | undefined {
  const damage = type === 'string' ? textDamage(cell) : valueDamage(cell);
  if (damage !== undefined) return `is ${JSON.stringify(excerpt(cell))}, which ${damage}`;
  if (type === 'json' || !holdsRows(cell, table)) return undefined;
  const opens = row.line + linesIn(row.source.slice(0, Math.max(row.source.indexOf(cell.split('\n')[0] ?? ''), 0)));
  return `holds whole rows: the quote that opens on line ${opens} takes in lines ${opens} to ${opens + linesIn(cell)}. Remove the quote, or write it twice inside a quoted field.`;
}

/** Whether each further line of a cell has as many fields as the header, with a device id in its place. */
function holdsRows(cell: string, { columns, delimiter }: TableLayout): boolean {
  if (!cell.includes('\n') || columns.length < 2) return false;
  const at = columns.findIndex(({ kind }) => kind === 'deviceId');
  const [, ...further] = cell.split(/\r?\n/);
  return further.every((line, index) => {
    const fields = line.split(delimiter);
    const isLast = index === further.length - 1;
    const id = fields[at] ?? '';
    // A quote closes within the last line, so that one may be short.
    const least = isLast ? Math.max(at + 1, 2) : columns.length;
    const isComplete = fields.length >= least && fields.length <= columns.length;
    return isComplete && /^[A-Za-z0-9._:-]*\d[A-Za-z0-9._:-]*$/.test(id);
  });
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

export function wrongQuotes(line: number, source: string, { delimiter }: TableLayout): CellError {
  const expected = 'quotes around the whole field, and each quote inside it twice';
  const advice = 'Put quotes around the whole field, and write each quote inside it twice.';
  const lines = linesIn(source);
  const why =
    lines > 0
      ? ` The quote takes in lines ${line} to ${line + lines}, which are not read as rows.`
      : source.includes('\\"')
        ? ' A backslash does not escape a quote.'
        : source.includes(`${delimiter} "`)
          ? ' Remove the blank between the delimiter and the quote.'
          : '';
  return { code: 'row-syntax', message: `A quote is in the wrong place.${why} ${advice}`, expected };
}

export function wrongCount(cells: readonly string[], { columns, delimiter }: TableLayout): CellError {
  const expected = columns.length;
  const count = cells.length === 1 ? '1 field' : `${cells.length} fields`;
  const [only = ''] = cells;
  const other = delimiters.find((candidate) => candidate !== delimiter && only.split(candidate).length === expected);
  const advice =
    cells.length === 1 && expected > 1 && only.split(delimiter).length === expected
      ? 'The whole row is in quotes. Remove them, or quote each field by itself.'
      : cells.length === 1 && expected > 1 && other !== undefined
        ? `The header is separated by ${JSON.stringify(delimiter)} and this row by ${JSON.stringify(other)}. Use one delimiter.`
        : cells.length < expected
          ? 'Add the missing fields.'
          : cells.some((cell) => /^\s*[“„]/.test(cell))
            ? 'Curly quotes do not quote a field. Write straight quotes (").'
            : 'Quote a field that contains the delimiter.';
  const message = `The row has ${count} where the header has ${expected}. ${advice}`;
  return { code: 'row-columns', message, expected: `${expected} fields`, value: count };
}

export function namelessValue(index: number, cell: string): CellError {
  const value = excerpt(cell);
  const message = `Column ${index + 1} has no name, and its cell is ${JSON.stringify(value)}. Name the column, or empty the cell.`;
  return { code: 'row-columns', message, expected: 'an empty cell', value };
}

export const headerAgain: CellError = {
  column: 'deviceId',
  code: 'row-syntax',
  message: 'The row is the header again. Remove it.',
  expected: 'one header, as the first line',
};

export function stillMissing(column: string | undefined): CellError {
  const message = `The row has cells that are still marked ${missingCell}. Fill or empty them.`;
  return { column, code: 'row-columns', message, expected: 'a value or an empty cell', value: missingCell };
}
