import { excerpt } from '../../errors.ts';
import { textDamage } from '../cells.ts';
import type { RepairCount } from '../repairs.ts';
import { type NumberFormat, shownNumber } from './formats.ts';
import { badWorkbook, limits } from './limits.ts';
import type { Part } from './package.ts';
import type { SharedStrings } from './strings.ts';
import { createTextCollector, unescaped } from './text.ts';
import { type Attributes, isSet, parseXml } from './xml.ts';

/** A row of a sheet that has at least one value. */
export interface SheetRow {
  /** As the spreadsheet counts it, from 1. */
  readonly number: number;
  /** The text of each cell, from column A to the last one with a value. */
  readonly cells: readonly string[];
}

export interface SheetContext {
  readonly strings: SharedStrings;
  readonly format: (style: number) => NumberFormat;
  readonly date1904: boolean;
  readonly isUncalculated: boolean;
  readonly count: RepairCount;
}

/** A cell while it is read. */
interface OpenCell {
  readonly name: string;
  readonly column: number;
  readonly type: string;
  readonly style: number;
  /** The content of its `v`. Absent when it has none. */
  value?: string;
  hasFormula: boolean;
  hasInlineText: boolean;
}

/**
 * The rows of a sheet with their values as text (ECMA-376, part 1, 18.3), in batches, in the order of the sheet.
 *
 * Formulas are not evaluated: a cell has the value that the spreadsheet stored when it saved the file.
 * @throws FleetError `manifest-workbook`, `manifest-too-large`
 */
export async function* sheetRows(part: Part, context: SheetContext): AsyncGenerator<readonly SheetRow[]> {
  const { count } = context;
  const inline = createTextCollector();
  let batch: SheetRow[] = [];
  let isData = false;
  let rowNumber = 0;
  let rowIsHidden = false;
  let cells: string[] = [];
  let column = 0;
  let cell: OpenCell | undefined;
  let isValue = false;
  /** Width of the table: columns of its first row. */
  let width = 0;
  const hiddenColumns = new Set<number>();

  function openRow({ r, hidden }: Attributes): void {
    const number = r === undefined ? rowNumber + 1 : /^\d{1,7}$/.test(r) ? Number(r) : 0;
    if (number <= rowNumber || number > limits.rows) {
      const found = `Row ${JSON.stringify(excerpt(r ?? String(number)))} comes after row ${rowNumber}`;
      throw badWorkbook(`${found}. Rows count up to ${limits.rows}. Save the workbook again in the spreadsheet.`);
    }
    rowNumber = number;
    rowIsHidden = isSet(hidden);
    cells = [];
    column = 0;
  }

  function openCell({ r, t = 'n', s = '0' }: Attributes): void {
    if (r !== undefined) column = columnOf(r, rowNumber);
    else column += 1;
    cell = {
      name: `${columnName(column)}${rowNumber}`,
      column,
      type: t,
      style: Number(s),
      hasFormula: false,
      hasInlineText: false,
    };
  }

  function closeCell(read: OpenCell): void {
    const text = cellText(read, inline.take(), context);
    if (text === '') return;
    if (read.column > limits.columns) {
      const last = columnName(limits.columns);
      throw badWorkbook(
        `Cell ${read.name} has a value. Expected none behind column ${last}. Empty what is not the list.`,
        {
          line: rowNumber,
          value: read.name,
        },
      );
    }
    if ((cells[read.column - 1] ?? '') !== '') throw badCell(read, 'is there twice');
    while (cells.length < read.column) cells.push('');
    cells[read.column - 1] = text;
  }

  function closeRow(): void {
    if (cells.length === 0) return;
    if (rowIsHidden) count.add('hidden-rows');
    if (width === 0) {
      width = cells.length;
      count.add('hidden-columns', [...hiddenColumns].filter((hidden) => hidden <= width).length);
    }
    batch.push({ number: rowNumber, cells });
  }

  function hideColumns({ min = '1', max = min, hidden }: Attributes): void {
    if (!isSet(hidden)) return;
    const last = Math.min(Number(max), limits.columns);
    for (let hide = Math.max(Number(min), 1); hide <= last; hide += 1) hiddenColumns.add(hide);
  }

  for await (const _ of parseXml(part, {
    open(name, attributes) {
      if (cell !== undefined) {
        if (name === 'v') isValue = true;
        if (name === 'f') cell.hasFormula = true;
        if (name === 'is') cell.hasInlineText = true;
        if (cell.hasInlineText) inline.open(name);
        if (name === 'v') cell.value = '';
      } else if (isData) {
        if (name === 'row') openRow(attributes);
        else if (name === 'c') openCell(attributes);
      } else if (name === 'sheetData') {
        isData = true;
      } else if (name === 'col') {
        hideColumns(attributes);
      } else if (name === 'mergeCell') {
        merged(attributes['ref'] ?? '', count);
      }
    },
    text(text) {
      if (cell === undefined) return;
      if (isValue) cell.value += text;
      else if (cell.hasInlineText) inline.text(text);
    },
    close(name) {
      if (name === 'v') isValue = false;
      else if (name === 'c' && cell !== undefined) {
        closeCell(cell);
        cell = undefined;
      } else if (cell !== undefined) inline.close(name);
      else if (name === 'row') closeRow();
      else if (name === 'sheetData') isData = false;
    },
  })) {
    if (batch.length > 0) yield batch;
    batch = [];
  }
}

/** Unpacked characters of a further sheet that are searched for a value. */
const searched = 256 * 1024;

/** Whether a sheet has a value, from its beginning. One that is long without a value counts as if it had one. */
export async function hasValues({ name, content }: Part): Promise<boolean> {
  let found = false;
  let read = 0;
  async function* counted() {
    for await (const piece of content) {
      read += piece.length;
      yield piece;
    }
  }
  const open = (element: string) => {
    if (element === 'v' || element === 'is') found = true;
  };
  for await (const _ of parseXml({ name, content: counted() }, { open })) {
    if (found || read > searched) return true;
  }
  return false;
}

/** The text of a cell; empty when it has no value. */
function cellText(cell: OpenCell, inlineText: string, context: SheetContext): string {
  const { type, value, hasFormula } = cell;
  if (hasFormula) refuseUncalculated(cell, context);
  if (type === 'inlineStr') return inlineText;
  if (value === undefined || value === '') return '';
  switch (type) {
    case 's':
      return sharedText(cell, value, context.strings);
    case 'str':
      return unescaped(value);
    case 'b':
      if (!/^(?:[01]|true|false)$/i.test(value)) throw badCell(cell, `has the boolean "${excerpt(value)}"`);
      return isSet(value.toLowerCase()) ? 'TRUE' : 'FALSE';
    case 'e':
      // The row reader knows the error values of the usual spreadsheets; any other one must not pass as a text.
      return textDamage(value) === undefined ? '#UNKNOWN!' : value;
    case 'd':
      context.count.add('date-cells');
      return value.replace(/T00:00(?::00(?:\.0+)?)?Z?$/, '');
    case 'n':
      return numberText(cell, value.trim(), context);
    default:
      throw badCell(cell, `has the unknown type "${excerpt(type)}"`);
  }
}

function refuseUncalculated(cell: OpenCell, { isUncalculated, count }: SheetContext): void {
  if (!isUncalculated && cell.value !== undefined) {
    count.add('formula-cells');
    return;
  }
  const message = `Cell ${cell.name} has a formula that was not calculated. Open the workbook in a spreadsheet, save it, and send it again.`;
  throw badWorkbook(message, { value: cell.name });
}

function sharedText(cell: OpenCell, value: string, strings: SharedStrings): string {
  const text = /^\s*\d{1,9}\s*$/.test(value) ? strings.at(Number(value)) : undefined;
  if (text === undefined) throw badCell(cell, `names the text ${excerpt(value)}, which is not there`);
  return text;
}

function numberText(cell: OpenCell, value: string, { format, date1904, count }: SheetContext): string {
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw badCell(cell, `has the number "${excerpt(value)}"`);
  const { text, isDate, isPlain } = shownNumber(number, format(cell.style), date1904);
  if (isDate) count.add('date-cells');
  if (isPlain) count.add('number-cells');
  return text;
}

/**
 * Only the first cell of a merged range has a value. Across columns that is what the spreadsheet shows. Across rows it shows
 * the value beside each row, and a row reader would take these cells as empty.
 */
function merged(range: string, count: RepairCount): void {
  const [, top, bottom] = /^[A-Z]{1,3}(\d{1,7}):[A-Z]{1,3}(\d{1,7})$/.exec(range) ?? [];
  if (top === bottom) {
    count.add('merged-cells');
    return;
  }
  const message = `The cells ${excerpt(range)} are merged across rows, so only the first row has their value. Unmerge them, and fill each cell.`;
  throw badWorkbook(message, { value: excerpt(range) });
}

function badCell({ name }: OpenCell, what: string) {
  return badWorkbook(`Cell ${name} ${what}. Save the workbook again in the spreadsheet.`, { value: name });
}

/** The column of a reference, from 1. @throws FleetError `manifest-workbook` when it is not of that row */
function columnOf(reference: string, row: number): number {
  let column = 0;
  let at = 0;
  // By character: an expression takes a tenth of the time of the whole file.
  for (; at < reference.length; at += 1) {
    const letter = reference.charCodeAt(at) - 64;
    if (letter < 1 || letter > 26) break;
    column = column * 26 + letter;
  }
  if (at >= 1 && at <= 3 && reference.slice(at) === String(row)) return column;
  const value = excerpt(reference);
  const message = `Cell ${JSON.stringify(value)} is in row ${row}. Save the workbook again in the spreadsheet.`;
  throw badWorkbook(message, { value });
}

function columnName(column: number): string {
  let name = '';
  for (let rest = column; rest > 0; rest = Math.floor((rest - 1) / 26))
    name = String.fromCharCode(65 + ((rest - 1) % 26)) + name;
  return name;
}
