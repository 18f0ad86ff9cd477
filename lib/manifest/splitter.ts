import { FleetError } from '../errors.ts';
import { parseHeader } from './columns.ts';
import {
  type ChunkRange,
  type ManifestFormat,
  type ManifestShape,
  maxChunkBytes,
  maxChunks,
  maxRecordBytes,
} from './manifest.ts';
import { createRecordScanner, type RecordScanner } from './record-scanner.ts';
import { detectForeignFormat, incompleteTail, type TextError, textError } from './text-check.ts';

/** Longest header with the blank lines before it, in bytes: a thousand columns of 64 characters. */
const maxHeaderBytes = 64 * 1024;

/** Bytes that are checked and scanned in one piece: large enough for native searches, small enough for the CPU cache. */
const defaultBlockBytes = 256 * 1024;

export interface SplitOptions {
  readonly format: ManifestFormat;
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
}

/**
 * Finds the chunks of a manifest, in one pass. Refuses a file that is not a manifest. Memory grows with the number of
 * chunks only. The result does not depend on how the stream is cut into pieces.
 * @throws FleetError `manifest-empty`, `-not-text`, `-encoding`, `-header`, `-quote`, `-row-too-long`, `-format`, `-too-large`
 */
export async function splitManifest(
  source: AsyncIterable<Uint8Array>,
  { format, chunkRows, blockBytes = defaultBlockBytes }: SplitOptions,
): Promise<SplitManifest> {
  const splitter = createSplitter(format, chunkRows);
  for await (const block of blocks(source, blockBytes)) splitter.add(block);
  return splitter.end();
}

/** The stream in pieces of one size that end between characters. A piece is valid only until the next one. */
async function* blocks(source: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Buffer> {
  const block = Buffer.allocUnsafe(Math.max(size, 8));
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < block.length) continue;
      const tail = incompleteTail(block);
      yield block.subarray(0, filled - tail);
      block.copyWithin(0, filled - tail, filled);
      filled = tail;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function createSplitter(format: ManifestFormat, chunkRows: number) {
  const chunks: ChunkRange[] = [];
  let head = Buffer.alloc(0);
  let offset = 0;
  let scanner: RecordScanner | undefined;
  let shape: ManifestShape | undefined;
  let total = 0;
  // The chunk that is being filled: bytes `start` to `end` (exclusive).
  let start = 0;
  let end = 0;
  let firstLine = 1;
  let rows = 0;

  function onRecord(from: number, next: number, line: number): void {
    if (rows === chunkRows || (rows > 0 && next - start > maxChunkBytes)) closeChunk();
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
    chunks.push({ chunk: chunks.length, start, end, firstLine, rows });
    total += rows;
    rows = 0;
  }

  function add(block: Buffer): void {
    const error = (offset === 0 ? detectForeignFormat(block) : undefined) ?? textError(block);
    // The text before the error is scanned first: the error that comes first in the file is the one to report.
    const text = error === undefined ? block : block.subarray(0, error.index);
    if (scanner !== undefined) scanner.scan(text);
    else addToHead(text, false);
    if (error !== undefined) throw notText(error, offset + error.index, scanner?.line ?? linesIn(head));
    offset += block.length;
  }

  /** Collects bytes until the header is complete (CSV) or the first bytes are known (NDJSON), then begins to scan. */
  function addToHead(text: Buffer, last: boolean): void {
    head = Buffer.concat([head, text]);
    const found = openManifest(head, format, last);
    if (found === undefined) return;
    ({ shape } = found);
    const { offset: at, line } = found;
    scanner = createRecordScanner({ delimiter: shape.delimiter, offset: at, line, maxRecordBytes, onRecord });
    const rest = head.subarray(at);
    head = Buffer.alloc(0);
    scanner.scan(rest);
  }

  function finish(): SplitManifest {
    if (scanner === undefined) addToHead(Buffer.alloc(0), true);
    const openQuote = scanner?.finish();
    if (openQuote !== undefined) {
      throw new FleetError('manifest-quote', `The quoted field that opens on line ${openQuote} never closes.`, {
        line: openQuote,
        expected: 'a closing " before the end of the file',
      });
    }
    if (rows > 0) closeChunk();
    if (shape === undefined || total === 0) {
      const what = shape?.columns === undefined ? 'The manifest is empty.' : 'The manifest has a header but no row.';
      throw new FleetError('manifest-empty', what, { expected: 'at least one device' });
    }
    return { shape, chunks, rows: total };
  }

  return { add, end: finish };
}

interface Opening {
  readonly shape: ManifestShape;
  /** First byte of the rows. */
  readonly offset: number;
  /** Line of that byte, from 1. */
  readonly line: number;
}

/**
 * Reads the shape of a manifest from its first bytes.
 * @param last true when `head` is the whole file
 * @returns undefined when more bytes are needed
 */
function openManifest(head: Buffer, format: ManifestFormat, last: boolean): Opening | undefined {
  const bom = head.length >= 3 && head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  if (head.length < 3 && !last) return undefined;
  const begin = { at: bom ? 3 : 0, mark: bom ? { bom } : {} };
  return format === 'csv' ? openCsv(head, last, begin) : openNdjson(head, begin);
}

interface Begin {
  /** First byte behind the byte order mark. */
  readonly at: number;
  readonly mark: { bom?: true };
}

/** The header is the first line that is not blank. It is one line: the name of a column cannot contain a line end. */
function openCsv(head: Buffer, last: boolean, { at, mark }: Begin): Opening | undefined {
  let line = 1;
  for (let from = at; from < head.length; line += 1) {
    const newline = head.indexOf(0x0a, from);
    const end = newline === -1 ? head.length : newline + 1;
    // Checked per line, so that the result does not depend on the pieces. Blank lines count: `head` must stay small.
    if (end > maxHeaderBytes) throw longHeader(line);
    if (newline === -1 && !last) return undefined;
    const text = head.toString('utf8', from, end).replace(/\r?\n$|\r$/, '');
    if (text.length > 0) {
      const shape = { format: 'csv', ...parseHeader(text, line), ...mark } as const;
      return { shape, offset: end, line: line + 1 };
    }
    from = end;
  }
  return undefined;
}

function openNdjson(head: Buffer, { at, mark }: Begin): Opening {
  const first = head.subarray(at).find((byte) => byte > 0x20);
  if (first !== '['.charCodeAt(0)) return { shape: { format: 'ndjson', ...mark }, offset: at, line: 1 };
  const message =
    'The file is one JSON array. Write one JSON object per line, without brackets and commas around them.';
  throw new FleetError('manifest-format', message, { expected: 'one JSON object per line', value: '[' });
}

function longHeader(line: number): FleetError {
  const message = `No header ends within the first ${maxHeaderBytes} bytes of the file.`;
  return new FleetError('manifest-row-too-long', message, {
    line,
    expected: `a header within ${maxHeaderBytes} bytes`,
  });
}

/** @param offset position in the file, from 0 */
function notText({ code, message, value }: TextError, offset: number, line: number): FleetError {
  const withPlace = `${message} See byte ${offset}, on line ${line}.`;
  return new FleetError(code, withPlace, { line, expected: 'UTF-8 text', value: `0x${value}` });
}

function linesIn(text: Buffer): number {
  let lines = 1;
  for (let at = text.indexOf(0x0a); at !== -1; at = text.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}
