import { FleetError } from '../errors.ts';
import type { Delimiter } from './manifest.ts';

export interface ScannerOptions {
  /** CSV with that delimiter, or lines alone (NDJSON) when absent. */
  readonly delimiter?: Delimiter;
  /** Position in the file of the first byte that will be scanned. */
  readonly offset: number;
  /** Line of the file on which that byte stands. */
  readonly line: number;
  readonly maxRecordBytes: number;
  /** Bytes `start` to `next` are one record with its line end; it begins on `line`. Blank lines are no records. */
  readonly onRecord: (start: number, next: number, line: number) => void;
}

export interface RecordScanner {
  /** Bytes that follow on those scanned before, cut anywhere. @throws FleetError `manifest-row-too-long` */
  scan(bytes: Buffer): void;
  /** Ends the last record. @returns the line on which a quoted field opened that never closed, if one did */
  finish(): number | undefined;
  /** Line of the next byte. */
  readonly line: number;
}

const quoteByte = 0x22;
const newline = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

// Where in a CSV record the next byte stands. Constants, not strings: this is compared once a byte.
const fieldStart = 0;
const unquoted = 1;
const quoted = 2;
/** Behind a quote inside a quoted field: it closed the field, or the next byte is its twin. */
const afterQuote = 3;

/**
 * Finds where records begin and end, by RFC 4180: a line end inside a quoted field belongs to the field, and a quote
 * opens a field only as its first byte. What stands between a closing quote and the delimiter is the reader's to refuse;
 * for finding the record's end it is plain text, so that one such row costs no neighbour.
 *
 * Keeps offsets and no bytes, so memory does not grow with the input. Lines without a quote, nearly all in most files,
 * cost one native search.
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

  /** `end` is the index behind the record's newline, or behind the last byte. */
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
      { line: startLine, expected: `at most ${maxRecordBytes} bytes a row` },
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

  /** Goes on byte by byte to the end of the record. @returns the index behind it, or behind the last byte */
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
