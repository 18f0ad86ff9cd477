import { FleetError } from '../errors.ts';
import { isBlank } from './blanks.ts';
import { type Delimiter, maxRecordBytes } from './manifest.ts';
import type { FileRepair } from './repairs.ts';

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
  /** A record counts as one line, whatever line ends are in its quoted fields: a row of a sheet. */
  readonly oneLinePerRecord?: boolean | undefined;
  /** Longest record, in bytes without its line end. */
  readonly maxRecordBytes: number;
  /**
   * Called for each record, in order. Its bytes are `start` to `next` (exclusive) with its line end, and it begins on
   * `line`. Not called for blank lines, nor for rows of delimiters and blanks.
   */
  readonly onRecord: (start: number, next: number, line: number) => void;
  /** Called for each row of delimiters or blanks, and for each unusual line end. */
  readonly onRepair?: (repair: FileRepair) => void;
}

export interface RecordScanner {
  /** Scans the next bytes of the file, cut anywhere between characters. @throws FleetError `manifest-row-too-long` */
  scan(bytes: Buffer): void;
  /** Ends the last record. @returns the line on which an unclosed quoted field opened, if there is one */
  finish(): number | undefined;
  /** Line of the next byte, from 1. */
  readonly line: number;
}

const quoteByte = 0x22;
const newline = 0x0a;
const carriageReturn = 0x0d;

// Where in a CSV record the next byte is. Numbers, not strings: this is compared once per byte.
const fieldStart = 0;
const unquoted = 1;
const quoted = 2;
/** After a quote inside a quoted field: the quote closed the field, or the next byte is a second quote (an escape). */
const afterQuote = 3;

/**
 * Bytes that are searched in one piece, as a string of one character per byte. A search in a string takes half the time of a
 * search in a Buffer, which is a call out of V8 each time. A piece of this size is allocated where strings are short-lived.
 */
const windowBytes = 64 * 1024;

/**
 * Finds where records begin and end, by RFC 4180. A record ends with LF, CRLF, CR alone (Excel for Mac) or CRCRLF (text mode
 * applied twice). A line end inside a quoted field belongs to the field. A quote opens a field only as its first byte.
 *
 * Text between a closing quote and the delimiter is an error, which the row reader reports. The scanner takes it as plain
 * text, so that the error does not spread to the next rows.
 *
 * Memory does not grow with the input: the scanner keeps positions, not bytes. A line without a quote, as nearly all are,
 * costs one native search, or two with CRLF.
 */
export function createRecordScanner(options: ScannerOptions): RecordScanner {
  const { onRecord, onRepair, maxRecordBytes, oneLinePerRecord = false } = options;
  const delimiter = options.delimiter?.charCodeAt(0);
  let state = fieldStart;
  /** File position of the bytes being scanned. */
  let base = options.offset;
  let start = options.offset;
  let line = options.line;
  let startLine = options.line;
  let quoteLine = options.line;
  /** The record has more than delimiters, blanks and empty quotes. */
  let hasText = false;
  /** Carriage returns that end the scanned bytes. The next byte decides whether they belong to one line end. */
  let openReturns = 0;

  /**
   * @param end file position behind the record's last byte
   * @param next file position behind its line end
   */
  function endRecord(end: number, next: number): void {
    if (end - start > maxRecordBytes) throw tooLong();
    if (hasText) onRecord(start, next, startLine);
    else if (end > start) onRepair?.('blank-rows');
    line += 1;
    start = next;
    startLine = line;
    state = fieldStart;
    hasText = false;
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
    let at = openReturns > 0 ? endReturns(bytes) : 0;
    while (at < bytes.length) at = scanWindow(bytes, at, Math.min(at + windowBytes, bytes.length));
    base += bytes.length;
    if (base - openReturns - start > maxRecordBytes) throw tooLong();
  }

  /** @param to index behind the last byte of the window. @returns the index behind the last byte that was scanned */
  function scanWindow(bytes: Buffer, from: number, to: number): number {
    const text = bytes.toString('latin1', from, to);
    let at = from;
    let lineEnd = -1;
    let cr = -1;
    let quote = delimiter === undefined ? to : -1;
    while (at < to) {
      if (state < quoted) {
        if (lineEnd < at) {
          lineEnd = text.indexOf('\n', at - from) + from;
          if (lineEnd < from) lineEnd = to;
        }
        if (cr < at) {
          cr = text.indexOf('\r', at - from) + from;
          if (cr < from) cr = to;
        }
        if (quote < at) {
          quote = text.indexOf('"', at - from) + from;
          if (quote < from) quote = to;
        }
        if (quote >= lineEnd) {
          const first = bytes[at] ?? 0;
          // Nearly all records begin with a printable character of ASCII.
          if (first > 0x20 && first < 0x80 && first !== delimiter) hasText = true;
          else if (!hasText) hasText = containsText(bytes, at, Math.min(cr, lineEnd));
          if (lineEnd < to && cr >= lineEnd - 1) {
            at = lineEnd + 1;
            endRecord(base + Math.min(cr, lineEnd), base + at);
          } else if (cr < to) {
            at = scanReturns(bytes, cr);
          } else {
            state = bytes[to - 1] === delimiter ? fieldStart : unquoted;
            at = to;
          }
          continue;
        }
      }
      at = scanQuotedRecord(bytes, at);
    }
    return at;
  }

  /** Scans byte by byte to the end of the record. @returns the index behind it, or behind the last byte */
  function scanQuotedRecord(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (state === quoted) {
        if (byte === quoteByte) {
          state = afterQuote;
        } else {
          if (byte === newline && !oneLinePerRecord) line += 1;
          hasText ||= isText(bytes, at);
        }
      } else if (byte === newline) {
        endRecord(base + at, base + at + 1);
        return at + 1;
      } else if (byte === carriageReturn) {
        return scanReturns(bytes, at);
      } else if (byte === delimiter) {
        state = fieldStart;
      } else if (byte === quoteByte && state !== unquoted) {
        if (state === fieldStart) quoteLine = line;
        else hasText = true;
        state = quoted;
      } else {
        state = unquoted;
        hasText ||= isText(bytes, at);
      }
    }
    return bytes.length;
  }

  /** @param from index of a carriage return outside quotes. @returns the index behind the line end */
  function scanReturns(bytes: Buffer, from: number): number {
    let at = from;
    while (bytes[at] === carriageReturn) at += 1;
    openReturns = at - from;
    if (at === bytes.length) return at;
    return closeReturns(bytes[at] === newline, at);
  }

  /** Ends the carriage returns that ended the bytes before. @returns the index behind the line end */
  function endReturns(bytes: Buffer): number {
    let at = 0;
    while (bytes[at] === carriageReturn) at += 1;
    openReturns += at;
    return at === bytes.length ? at : closeReturns(bytes[at] === newline, at);
  }

  /** @param at index of the byte behind the carriage returns */
  function closeReturns(endsWithNewline: boolean, at: number): number {
    const next = base + at;
    const end = next - openReturns;
    if (endsWithNewline) {
      if (openReturns > 1) onRepair?.('line-ends');
      openReturns = 0;
      endRecord(end, next + 1);
      return at + 1;
    }
    // Each one is a line end. All but the first end a blank line.
    for (let position = end; position < next; position += 1) {
      onRepair?.('line-ends');
      endRecord(position, position + 1);
    }
    openReturns = 0;
    return at;
  }

  /** @param to index behind the last byte */
  function containsText(bytes: Buffer, from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) if (bytes[at] !== delimiter && isText(bytes, at)) return true;
    return false;
  }

  function finish(): number | undefined {
    const open = state === quoted ? quoteLine : undefined;
    if (openReturns > 0) closeReturns(false, 0);
    if (base > start) endRecord(base, base);
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

/** By byte, whether that character of ASCII is not blank. */
const isAsciiText = Uint8Array.from({ length: 0x80 }, (_, byte) => (isBlank(String.fromCharCode(byte)) ? 0 : 1));

/** Whether a character that is not blank begins with that byte. */
function isText(bytes: Buffer, at: number): boolean {
  const byte = bytes[at] ?? 0;
  if (byte < 0x80) return isAsciiText[byte] === 1;
  // Bytes 0x80 to 0xbf continue a character. The blanks beyond ASCII have two or three bytes.
  return byte >= 0xc0 && !isBlank(bytes.toString('utf8', at, at + (byte < 0xe0 ? 2 : 3)));
}

/**
 * The records of one chunk, in the order of the file.
 * @param firstLine line of the file on which the chunk begins, from 1
 * @param delimiter absent for NDJSON
 * @param oneLinePerRecord for the table of a workbook
 */
export function recordsIn(
  bytes: Buffer,
  firstLine: number,
  delimiter?: Delimiter,
  oneLinePerRecord = false,
): RecordText[] {
  const found: RecordText[] = [];
  const onRecord = (start: number, next: number, line: number) =>
    found.push({ line, source: withoutLineEnd(bytes.toString('utf8', start, next)) });
  const scanner = createRecordScanner({
    ...{ delimiter, offset: 0, line: firstLine },
    ...{ maxRecordBytes, oneLinePerRecord, onRecord },
  });
  scanner.scan(bytes);
  scanner.finish();
  return found;
}

function withoutLineEnd(text: string): string {
  let { length } = text;
  while (length > 0 && (text.charCodeAt(length - 1) === newline || text.charCodeAt(length - 1) === carriageReturn)) {
    length -= 1;
  }
  return text.slice(0, length);
}
