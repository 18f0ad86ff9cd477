import { FleetError } from '../errors.ts';
import { type Delimiter, maxRecordBytes } from './manifest.ts';

/** One record of a manifest as text. */
export interface RecordText {
  /** Line of the file on which the record begins, from 1. */
  readonly line: number;
  /** Without its line end. */
  readonly source: string;
}

export interface ScannerOptions {
  /** Delimiter of a CSV file. Absent for NDJSON, where each line is a record. */
  readonly delimiter?: Delimiter;
  /** Position in the file of the first byte that will be scanned, from 0. */
  readonly offset: number;
  /** Line of the file on which that byte is, from 1. */
  readonly line: number;
  /** Longest record, in bytes without its line end. */
  readonly maxRecordBytes: number;
  /**
   * Called for each record, in order. Its bytes are `start` to `next` (exclusive) with its line end, and it begins on
   * `line`. Not called for blank lines.
   */
  readonly onRecord: (start: number, next: number, line: number) => void;
}

export interface RecordScanner {
  /** Scans the next bytes of the file, cut anywhere. @throws FleetError `manifest-row-too-long` */
  scan(bytes: Buffer): void;
  /** Ends the last record. @returns the line on which an unclosed quoted field opened, if there is one */
  finish(): number | undefined;
  /** Line of the next byte, from 1. */
  readonly line: number;
}

const quoteByte = 0x22;
const newline = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

// Where in a CSV record the next byte is. Numbers, not strings: this is compared once per byte.
const fieldStart = 0;
const unquoted = 1;
const quoted = 2;
/** After a quote inside a quoted field: the quote closed the field, or the next byte is a second quote (an escape). */
const afterQuote = 3;

/**
 * Finds where records begin and end, by RFC 4180. A line end inside a quoted field belongs to the field. A quote opens a
 * field only as its first byte.
 *
 * Text between a closing quote and the delimiter is an error, which the row reader reports. The scanner takes it as plain
 * text, so that the error does not spread to the next rows.
 *
 * Memory does not grow with the input: the scanner keeps positions, not bytes. A line without a quote, as nearly all are,
 * costs one native search.
 */
export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { onRecord, maxRecordBytes } = options;
  const delimiter = options.delimiter?.charCodeAt(0);
  let state = fieldStart;
  /** File position of the bytes being scanned. */
  let base = options.offset;
  let start = options.offset;
  let line = options.line;
  let startLine = options.line;
  let quoteLine = options.line;
  let lastByte = 0;

  /** @param end index behind the newline of the record, or behind the last byte */
  function endRecord(bytes: Buffer, end: number, terminated: boolean): void {
    const next = base + end;
    const length = next - start - (terminated ? 1 : 0);
    if (length > maxRecordBytes) throw tooLong();
    const last = terminated ? end - 2 : end - 1;
    const blank = length === 0 || (length === 1 && (last < 0 ? lastByte : bytes[last]) === carriageReturn);
    if (!blank) onRecord(start, next, startLine);
    if (terminated) line += 1;
    start = next;
    startLine = line;
    state = fieldStart;
  }

  function tooLong(): FleetError {
    const where = state === quoted ? `a quoted field that opens on line ${quoteLine}` : 'it';
    return new FleetError(
      'manifest-row-too-long',
      `The row on line ${startLine} is longer than ${maxRecordBytes} bytes: ${where} does not end.`,
      { line: startLine, expected: `at most ${maxRecordBytes} bytes per row` },
    );
  }

  function scan(bytes: Buffer): void {
    const { length } = bytes;
    let at = 0;
    let quote = delimiter === undefined ? -1 : bytes.indexOf(quoteByte);
    if (quote === -1) quote = length;
    while (at < length) {
      if (state < quoted) {
        const end = bytes.indexOf(newline, at);
        if (quote < at) {
          quote = bytes.indexOf(quoteByte, at);
          if (quote === -1) quote = length;
        }
        if (end === -1 && quote === length) {
          state = bytes[length - 1] === delimiter ? fieldStart : unquoted;
          break;
        }
        if (end !== -1 && end < quote) {
          at = end + 1;
          endRecord(bytes, at, true);
          continue;
        }
      }
      at = scanQuotedRecord(bytes, at);
    }
    lastByte = bytes[length - 1] ?? lastByte;
    base += length;
    if (base - start > maxRecordBytes) throw tooLong();
  }

  /** Scans byte by byte to the end of the record. @returns the index behind it, or behind the last byte */
  function scanQuotedRecord(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (state === quoted) {
        if (byte === quoteByte) state = afterQuote;
        else if (byte === newline) line += 1;
      } else if (byte === newline) {
        endRecord(bytes, at + 1, true);
        return at + 1;
      } else if (byte === delimiter) {
        state = fieldStart;
      } else if (byte === quoteByte && state !== unquoted) {
        if (state === fieldStart) quoteLine = line;
        state = quoted;
      } else {
        state = unquoted;
      }
    }
    return bytes.length;
  }

  function finish(): number | undefined {
    const open = state === quoted ? quoteLine : undefined;
    if (base > start) endRecord(nothing, 0, false);
    return open;
  }

  return {
    scan,
    finish,
    get line() {
      return line;
    },
  };
}

/**
 * The records of one chunk, in the order of the file.
 * @param firstLine line of the file on which the chunk begins, from 1
 * @param delimiter absent for NDJSON
 */
export function recordsIn(bytes: Buffer, firstLine: number, delimiter?: Delimiter): RecordText[] {
  const found: RecordText[] = [];
  const onRecord = (start: number, next: number, line: number) =>
    found.push({ line, source: withoutLineEnd(bytes.toString('utf8', start, next)) });
  const scanner = createRecordScanner({ delimiter, offset: 0, line: firstLine, maxRecordBytes, onRecord });
  scanner.scan(bytes);
  scanner.finish();
  return found;
}

function withoutLineEnd(text: string): string {
  if (text.endsWith('\r\n')) return text.slice(0, -2);
  return text.endsWith('\n') || text.endsWith('\r') ? text.slice(0, -1) : text;
}
