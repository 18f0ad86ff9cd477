import { FleetError } from '../errors.ts';
import { type Encoding, encodingOf, narrowed, unitBytes } from './encoding.ts';
import { openManifest } from './header.ts';
import {
  type ChunkRange,
  type ManifestShape,
  maxChunkBytes,
  maxChunks,
  maxRecordBytes,
  type TextFormat,
} from './manifest.ts';
import { createRecordScanner, type RecordScanner } from './record-scanner.ts';
import { createRepairCount, type Repairs } from './repairs.ts';
import { detectForeignFormat, incompleteTail, type TextError, textError } from './text-check.ts';

/** Bytes that are checked and scanned in one piece: large enough for native searches, small enough for the CPU cache. */
const defaultBlockBytes = 256 * 1024;

export interface SplitOptions {
  readonly format: TextFormat;
  /** Name of the sheet, for the table of a workbook. */
  readonly sheet?: string | undefined;
  /** Rows per chunk. A chunk has fewer when so many would exceed `maxChunkBytes`. */
  readonly chunkRows: number;
  /** Bytes per piece; for tests. */
  readonly blockBytes?: number;
}

export interface SplitManifest {
  readonly shape: ManifestShape;
  /** In the order of the file. At least one. */
  readonly chunks: ChunkRange[];
  /** Rows of all chunks. */
  readonly rows: number;
  /** Repairs to the file and its header. */
  readonly repairs: Repairs;
}

/**
 * Finds the chunks of a manifest, in one pass. Refuses a file that is not a manifest. Memory grows with the number of
 * chunks only. The result does not depend on how the stream is cut into pieces.
 * @throws FleetError `manifest-empty`, `-not-text`, `-encoding`, `-header`, `-quote`, `-row-too-long`, `-format`, `-too-large`
 */
export async function splitManifest(
  source: AsyncIterable<Uint8Array>,
  { format, sheet, chunkRows, blockBytes = defaultBlockBytes }: SplitOptions,
): Promise<SplitManifest> {
  const splitter = createSplitter(format, chunkRows, sheet);
  for await (const block of blocks(source, blockBytes)) splitter.add(block);
  return splitter.end();
}

/** The stream in pieces of one size that end between characters. A piece is valid only until the next one. */
async function* blocks(source: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Buffer> {
  // A size of whole code units of UTF-16.
  const block = Buffer.allocUnsafe(Math.max(size - (size % 2), 8));
  let encoding: Encoding | undefined;
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < block.length) continue;
      encoding ??= encodingOf(block);
      const tail = encoding === 'utf-8' ? incompleteTail(block) : 0;
      yield block.subarray(0, filled - tail);
      block.copyWithin(0, filled - tail, filled);
      filled = tail;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function createSplitter(format: TextFormat, chunkRows: number, sheet: string | undefined) {
  const count = createRepairCount();
  const chunks: ChunkRange[] = [];
  let encoding: Encoding = 'utf-8';
  let head = Buffer.alloc(0);
  /** Bytes of the file that were added. */
  let offset = 0;
  let scanner: RecordScanner | undefined;
  let shape: ManifestShape | undefined;
  /** The error of a zero byte, to be thrown unless it begins the tail of the file. */
  let zeroByte: FleetError | undefined;
  let tailLength = 0;
  let total = 0;
  let maxChunkUnits = maxChunkBytes;
  // The chunk that is being filled: code units `start` to `end` (exclusive).
  let start = 0;
  let end = 0;
  let firstLine = 1;
  let rows = 0;

  /** @param from first code unit of the record. @param next code unit behind it */
  function onRecord(from: number, next: number, line: number): void {
    if (rows === chunkRows || (rows > 0 && next - start > maxChunkUnits)) closeChunk();
    if (rows === 0) {
      start = from;
      firstLine = line;
    }
    end = next;
    rows += 1;
  }

  function closeChunk(): void {
    if (chunks.length === maxChunks) {
      const message = `The manifest has more than ${maxChunks} chunks of ${chunkRows} rows.`;
      const expected = `at most ${maxChunks * chunkRows} rows`;
      throw new FleetError('manifest-too-large', message, { line: firstLine, expected });
    }
    const size = unitBytes(encoding);
    chunks.push({ chunk: chunks.length, start: start * size, end: end * size, firstLine, rows });
    total += rows;
    rows = 0;
  }

  function add(block: Buffer): void {
    if (offset === 0) encoding = encodingOf(block);
    const size = unitBytes(encoding);
    maxChunkUnits = maxChunkBytes / size;
    // The last block of a damaged file may end within a code unit.
    const bytes = block.subarray(0, block.length - (block.length % size));
    const units = size === 1 ? bytes : narrowed(bytes, encoding);
    if (zeroByte !== undefined) {
      checkTail(units, zeroByte);
      return;
    }
    const error = (offset === 0 ? detectForeignFormat(bytes) : undefined) ?? textError(units) ?? halfUnit(block, size);
    // The text before the error is scanned first: the error that comes first in the file is the one to report.
    const text = error === undefined ? units : units.subarray(0, error.index);
    if (scanner !== undefined) scanner.scan(text);
    else addToHead(bytes.subarray(0, text.length * size), { isLast: error !== undefined });
    if (error !== undefined) {
      const found = notText(error, offset + error.index * size, scanner?.line ?? linesIn(head));
      if (units[error.index] !== 0) throw found;
      zeroByte = found;
      checkTail(units.subarray(error.index), found);
    }
    offset += block.length;
  }

  /** Zero bytes and Ctrl-Z end a file that a copy filled up. @throws the error of the first zero byte, when text follows */
  function checkTail(units: Buffer, found: FleetError): void {
    tailLength += units.length;
    if (tailLength > maxRecordBytes || units.some((unit) => unit > 0x20)) throw found;
  }

  /** Collects bytes until the header is complete (CSV) or the first bytes are known (NDJSON), then begins to scan. */
  function addToHead(bytes: Buffer, { isWhole = false, isLast = false }): void {
    head = Buffer.concat([head, bytes]);
    const units = unitBytes(encoding) === 1 ? head : narrowed(head, encoding);
    const found = openManifest({ bytes: head, units, encoding, isWhole, isLast }, format, count);
    if (found === undefined) return;
    shape = sheet === undefined ? found.shape : { ...found.shape, sheet };
    const { offset: at, line } = found;
    const onRepair = count.add;
    scanner = createRecordScanner({
      ...{ delimiter: shape.delimiter, offset: at, line },
      ...{ maxRecordBytes, oneLinePerRecord: sheet !== undefined },
      ...{ onRecord, onRepair },
    });
    head = Buffer.alloc(0);
    scanner.scan(units.subarray(at));
  }

  function finish(): SplitManifest {
    if (scanner === undefined) addToHead(Buffer.alloc(0), { isWhole: true });
    const openQuote = scanner?.finish();
    if (openQuote !== undefined) {
      throw new FleetError('manifest-quote', `The quoted field that opens on line ${openQuote} never closes.`, {
        line: openQuote,
        expected: 'a closing " before the end of the file',
      });
    }
    if (rows > 0) closeChunk();
    if (shape === undefined || total === 0) {
      if (zeroByte !== undefined && shape === undefined) throw zeroByte;
      const what = shape?.columns === undefined ? 'The manifest is empty.' : 'The manifest has a header but no row.';
      throw new FleetError('manifest-empty', what, { expected: 'at least one device' });
    }
    if (zeroByte !== undefined) count.add('tail');
    return { shape, chunks, rows: total, repairs: count.repairs };
  }

  return { add, end: finish };
}

/** The error of a file of UTF-16 that ends within a code unit. */
function halfUnit(block: Buffer, size: number): TextError | undefined {
  const index = Math.floor(block.length / size);
  const rest = block.subarray(index * size);
  if (rest.length === 0) return undefined;
  return { index, code: 'manifest-encoding', message: 'The file is not UTF-16.', value: rest.toString('hex') };
}

/** @param offset position in the file, from 0 */
function notText({ code, message, value }: TextError, offset: number, line: number): FleetError {
  const advice = code === 'manifest-encoding' ? ' In a spreadsheet, save it as "CSV UTF-8".' : '';
  const withPlace = `${message} See byte ${offset}, on line ${line}.${advice}`;
  const expected = 'text as UTF-8, or as UTF-16 with a byte order mark';
  return new FleetError(code, withPlace, { line, expected, value: `0x${value}` });
}

function linesIn(text: Buffer): number {
  let lines = 1;
  for (let at = text.indexOf(0x0a); at !== -1; at = text.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}
