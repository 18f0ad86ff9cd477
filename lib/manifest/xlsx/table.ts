import { FleetError } from '../../errors.ts';
import { isBlank } from '../blanks.ts';
import { maxRecordBytes } from '../manifest.ts';
import { createRepairCount, type RepairCount, type Repairs } from '../repairs.ts';
import { type Book, readBook, requirePart, type SheetEntry } from './book.ts';
import { readFormats } from './formats.ts';
import { badWorkbook, limits, mebibytes, tooLarge } from './limits.ts';
import { openPackage, type Package, type RangeSource } from './package.ts';
import { hasValues, type SheetRow, sheetRows } from './sheet.ts';
import { readSharedStrings } from './strings.ts';

/** The first sheet of a workbook as a manifest in CSV. */
export interface WorkbookTable {
  /** Name of the sheet that is read. */
  readonly sheet: string;
  /**
   * UTF-8 with a byte order mark and commas. A record is a row of the sheet: its line, as `createRecordScanner` counts with
   * `oneLinePerRecord`, is the number that the spreadsheet shows beside the row. Read it once.
   */
  readonly csv: AsyncIterable<Uint8Array>;
  /** Repairs and warnings so far; complete when `csv` was read to its end. */
  readonly repairs: Repairs;
}

/** Bytes of one piece of the table. */
const pieceBytes = 64 * 1024;

/**
 * Reads a workbook (.xlsx) as a table. Memory is bounded by its shared texts (`limits.textBytes`), and not by its rows.
 * Refuses macros, links to other workbooks, encryption and sizes over `limits`.
 * @throws FleetError `manifest-workbook`, `manifest-too-large`, and any error of `source`; so does reading `csv`
 * @example
 * const { csv, sheet } = await readWorkbook(bytesSource(file));
 * const { shape, chunks } = await splitManifest(csv, { format: 'csv', sheet, chunkRows: 250 });
 */
export async function readWorkbook(source: RangeSource): Promise<WorkbookTable> {
  if (source.bytes > limits.fileBytes)
    throw tooLarge(`The workbook has ${mebibytes(source.bytes)}`, mebibytes(limits.fileBytes));
  await refuseOtherKinds(source);
  const archive = await openPackage(source);
  const book = await readBook(archive);
  const count = createRepairCount();
  const [{ name: sheet, part }] = book.sheets;
  const others = await withValues([...book.sheets.slice(1), ...book.hiddenSheets], archive);
  count.add('other-sheets', others.length);
  const context = {
    strings: await readSharedStrings(optionalPart(archive, book.sharedStrings, limits.largePartBytes)),
    format: await readFormats(optionalPart(archive, book.styles, limits.smallPartBytes)),
    date1904: book.date1904,
    isUncalculated: book.isUncalculated,
    count,
  };
  const rows = sheetRows(requirePart(archive, part, limits.largePartBytes), context);
  return { sheet, csv: csvOf(rows, emptySheet(book, others), count), repairs: count.repairs };
}

function optionalPart(archive: Package, name: string | undefined, maxBytes: number) {
  return name === undefined ? undefined : requirePart(archive, name, maxBytes);
}

/** The sheets that have a value. */
async function withValues(sheets: readonly SheetEntry[], archive: Package): Promise<SheetEntry[]> {
  const found: SheetEntry[] = [];
  for (const sheet of sheets) {
    const part = archive.part(sheet.part, limits.largePartBytes);
    if (part !== undefined && (await hasValues(part))) found.push(sheet);
  }
  return found;
}

function emptySheet(book: Book, others: readonly SheetEntry[]): FleetError {
  const [{ name }] = book.sheets;
  const advice =
    others[0] === undefined
      ? ''
      : ` The sheet "${others[0].name}" has values. Make it the first one, and save the workbook again.`;
  return new FleetError('manifest-empty', `The first sheet, "${name}", is empty.${advice}`, {
    expected: 'at least one device',
  });
}

/** Recognizes by its first bytes what people send under the name of a workbook. */
async function refuseOtherKinds(source: RangeSource): Promise<void> {
  const head = await source.read(0, 64 * 1024);
  if (head.subarray(0, 4).toString('hex') === '504b0304') return;
  if (source.bytes === 0)
    throw new FleetError('manifest-empty', 'The workbook is empty.', { expected: 'at least one device' });
  if (head.subarray(0, 8).toString('hex') === 'd0cf11e0a1b11ae1') throw await compoundFile(source, head);
  const isHtml = /^[\s\ufeff]*<(?:!doctype|html|table|\?xml)/i.test(head.toString('utf8'));
  if (isHtml) {
    throw badWorkbook(
      'The file is HTML or XML that a spreadsheet can open, not a workbook. Open it there and save it as .xlsx.',
    );
  }
  const isText = !head.includes(0);
  const advice = isText ? 'It is text: name it .csv or .ndjson.' : 'Save the list as .xlsx in a spreadsheet.';
  throw badWorkbook(`The file is not an .xlsx workbook, though its name or media type says so. ${advice}`);
}

/**
 * An OLE compound file is an old workbook, or a new one with a password: MS-OFFCRYPTO 2.2 keeps it in the stream
 * EncryptedPackage. Names are in the directory, whose first sector the header tells (MS-CFB 2.2).
 */
async function compoundFile(source: RangeSource, head: Buffer): Promise<FleetError> {
  const sectorBytes = 2 ** Math.min(head.readUInt16LE(30), 12);
  const at = (head.readUInt32LE(48) + 1) * sectorBytes;
  const directory = at < source.bytes ? await source.read(at, 4096) : Buffer.alloc(0);
  const isEncrypted = [head, directory].some((bytes) => bytes.includes(Buffer.from('EncryptedPackage', 'utf16le')));
  return isEncrypted
    ? badWorkbook('The workbook is encrypted with a password or a label. Remove the protection, and save it again.')
    : badWorkbook('The file is an old workbook (.xls). Save it as "Excel Workbook (.xlsx)".');
}

/** @param empty the error of a sheet without values */
async function* csvOf(
  batches: AsyncIterable<readonly SheetRow[]>,
  empty: FleetError,
  count: RepairCount,
): AsyncGenerator<Uint8Array> {
  // With a byte order mark, since the error report has one when its manifest has one, and a spreadsheet needs it.
  let piece = '\ufeff';
  let line = 1;
  let width = 0;
  let written = 0;
  for await (const rows of batches) {
    for (const { number, cells } of rows) {
      if (cells.every(isBlank)) continue;
      const isFirst = width === 0;
      // A spreadsheet takes this line of a CSV for its own. One that does not, keeps it as a row.
      if (isFirst && cells.length === 1 && /^sep=.$/i.test(cells[0] ?? '')) {
        count.add('sep-line');
        continue;
      }
      if (isFirst) width = cells.length;
      // The name of a column that is wrapped in its cell.
      const texts = isFirst ? cells.map((cell) => cell.replace(/\s*[\r\n]+\s*/g, ' ')) : cells;
      const record = texts.map(quoted).join(',') + ','.repeat(Math.max(width - cells.length, 0));
      if (record.length > maxRecordBytes) {
        const message = `Row ${number} of the sheet is longer than ${maxRecordBytes} bytes.`;
        throw new FleetError('manifest-row-too-long', message, { line: number });
      }
      piece += `${'\n'.repeat(number - line)}${record}`;
      line = number;
      if (piece.length < pieceBytes) continue;
      const bytes = Buffer.from(piece);
      piece = '';
      written += bytes.length;
      if (written > limits.tableBytes)
        throw tooLarge('The table of the sheet is too large', mebibytes(limits.tableBytes), number);
      yield bytes;
    }
  }
  if (width === 0) throw empty;
  yield Buffer.from(`${piece}\n`);
}

/** In quotes where any delimiter, quote or line end is in it, so that only the comma can be the delimiter of the table. */
function quoted(cell: string): string {
  if (isBlank(cell)) return '';
  return /["\r\n,;\t|]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
