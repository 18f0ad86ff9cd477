import { FleetError } from '../errors.ts';
import { isBlank } from './blanks.ts';
import { delimiters, type Header, parseHeader } from './columns.ts';
import { decodeText, type Encoding, unitBytes } from './encoding.ts';
import type { Delimiter, ManifestFormat, ManifestShape } from './manifest.ts';
import type { RepairCount } from './repairs.ts';

/** Longest header with the lines before it, in code units: a thousand columns of 64 characters. */
const maxHeaderUnits = 64 * 1024;

/** Lines below a title that are searched for the header. */
const maxTitleLines = 20;

const newline = 0x0a;
const carriageReturn = 0x0d;

/** The beginning of a file. */
export interface Head {
  /** As in the file. */
  readonly bytes: Buffer;
  /** One byte per code unit: `bytes` for UTF-8, `narrowed` bytes for UTF-16. */
  readonly units: Buffer;
  readonly encoding: Encoding;
  /** True when it is the whole file. */
  readonly isWhole: boolean;
  /** True when what follows is not text: no more will come. */
  readonly isLast: boolean;
}

export interface Opening {
  readonly shape: ManifestShape;
  /** First code unit of the rows. */
  readonly offset: number;
  /** Line of that code unit, from 1. */
  readonly line: number;
}

/**
 * Reads the shape of a manifest from its beginning.
 * @returns undefined when more bytes are needed
 * @throws FleetError `manifest-header`, `-format`, `-not-text`, `-row-too-long`
 */
export function openManifest(head: Head, format: ManifestFormat, count: RepairCount): Opening | undefined {
  const { encoding, units, isWhole } = head;
  if (units.length < 3 && !isWhole) return undefined;
  const marks = byteOrderMarks(head);
  // A file of byte order marks.
  if (marks.end >= maxHeaderUnits) throw longHeader(1);
  if (marks.end + 3 > units.length && !isWhole && !head.isLast) return undefined;
  const base = {
    ...(marks.count > 0 && { bom: true }),
    ...(encoding !== 'utf-8' && { encoding }),
  };
  const found = format === 'csv' ? openCsv(head, marks.end, count) : openNdjson(head, marks.end);
  if (found === undefined) return undefined;
  if (marks.count > 1) count.add('bom');
  if (encoding !== 'utf-8') count.add('utf-16');
  return { ...found, shape: { format, ...found.shape, ...base } };
}

/** @returns how many byte order marks begin the file, and the code unit behind the last one */
function byteOrderMarks({ bytes, encoding }: Head): { readonly count: number; readonly end: number } {
  const mark = encoding === 'utf-8' ? 'efbbbf' : encoding === 'utf-16le' ? 'fffe' : 'feff';
  const size = mark.length / 2;
  let count = 0;
  while (bytes.toString('hex', count * size, (count + 1) * size) === mark) count += 1;
  return { count, end: (count * size) / unitBytes(encoding) };
}

type Found = Omit<Opening, 'shape'> & { readonly shape: Partial<Header> };

interface Line {
  /** Without its line end. */
  readonly text: string;
  /** Code unit behind the line end. */
  readonly next: number;
  /** Line of the file, from 1. */
  readonly number: number;
}

/**
 * The header is the first line that has text. It is one line: the name of a column cannot contain a line end. A line `sep=;`
 * before it names the delimiter (Excel).
 */
function openCsv(head: Head, from: number, count: RepairCount): Found | undefined {
  let only: Delimiter | undefined;
  const skipped = { 'sep-line': 0, 'blank-rows': 0 };
  for (const line of linesOf(head, from)) {
    if (line === undefined) return undefined;
    const { text, next, number } = line;
    if (isBlankRow(text)) {
      if (text !== '') skipped['blank-rows'] += 1;
      continue;
    }
    const separator = only === undefined ? separatorOf(text) : undefined;
    if (separator !== undefined) {
      only = separator;
      skipped['sep-line'] += 1;
      continue;
    }
    refuseOtherKind(text);
    const header = headerOn(head, line, only);
    if (header === undefined) return undefined;
    count.add('sep-line', skipped['sep-line']);
    count.add('blank-rows', skipped['blank-rows']);
    count.add('header-names', header.renamed?.length ?? 0);
    count.add('empty-columns', header.columns.filter((name) => name === '').length);
    return { shape: header, offset: next, line: number + 1 };
  }
  return undefined;
}

/**
 * The header on that line. When it is not a header, but one of the next lines is, the error names that line.
 * @returns undefined when more bytes are needed to tell
 */
function headerOn(head: Head, { text, next, number }: Line, only: Delimiter | undefined): Header | undefined {
  try {
    return parseHeader(text, number, only);
  } catch (error) {
    if (head.units.length < maxHeaderUnits && !head.isWhole && !head.isLast) return undefined;
    const below = headerBelow(head, next, number + 1, only);
    if (below === undefined) throw error;
    const message = `Line ${number} is not a header. The header seems to be on line ${below}. Remove the lines above it.`;
    throw new FleetError('manifest-header', message, { line: number, expected: 'the header as the first line' });
  }
}

/** @returns the line of the file on which a header is, among the next few */
function headerBelow(head: Head, from: number, firstLine: number, only: Delimiter | undefined): number | undefined {
  const units = head.units.subarray(0, maxHeaderUnits);
  for (const line of linesOf({ ...head, units, isWhole: true }, from, firstLine)) {
    if (line === undefined || line.number >= firstLine + maxTitleLines) return undefined;
    if (isHeader(line, only)) return line.number;
  }
  return undefined;
}

function isHeader({ text, number }: Line, only: Delimiter | undefined): boolean {
  if (isBlankRow(text)) return false;
  try {
    parseHeader(text, number, only);
    return true;
  } catch {
    return false;
  }
}

/** The lines of a head; undefined, and no more, where the next one is not complete. */
function* linesOf(head: Head, from: number, firstLine = 1): Generator<Line | undefined> {
  const { units, bytes, encoding, isWhole } = head;
  const size = unitBytes(encoding);
  let number = firstLine;
  for (let at = from; at < units.length; number += 1) {
    const length = units.subarray(at).findIndex((unit) => unit === newline || unit === carriageReturn);
    const end = length === -1 ? -1 : at + length;
    let next = end === -1 ? units.length : end;
    while (units[next] === carriageReturn) next += 1;
    // A carriage return is a line end by itself, unless a newline follows it.
    const isOpen = next === units.length;
    if (units[next] === newline) next += 1;
    else if (end !== -1) next = end + 1;
    // Checked per line, so that the result does not depend on the pieces. Blank lines count: the head must stay small.
    if (next > maxHeaderUnits) throw longHeader(number);
    if (isOpen && !isWhole) {
      yield undefined;
      return;
    }
    yield { text: decodeText(bytes.subarray(at * size, (end === -1 ? next : end) * size), encoding), next, number };
    at = next;
  }
}

/** A row of delimiters, blanks and empty quotes. */
function isBlankRow(text: string): boolean {
  return (
    isBlank(text) ||
    delimiters.some((delimiter) => text.split(delimiter).every((cell) => isBlank(cell.replace('""', ''))))
  );
}

/** The delimiter that a line `sep=;` names. A spreadsheet that saved the file again may have added delimiters to it. */
function separatorOf(text: string): Delimiter | undefined {
  const [, found] = /^"?sep=([,;\t|])"?[,;\t| ]*$/i.exec(text) ?? [];
  return delimiters.find((delimiter) => delimiter === found);
}

/** Refuses text that is not a table. */
function refuseOtherKind(text: string): void {
  const start = text.trimStart();
  if (/^[[{]/.test(start)) {
    const message =
      'The file is JSON, and its name or media type says CSV. Write one object per line and name it .ndjson.';
    throw new FleetError('manifest-format', message, { expected: 'CSV with a header line', value: start.slice(0, 1) });
  }
  const markup = /^<(?:\?xml|!doctype|html|table|head|body|meta|workbook)/i.test(start);
  if (!markup) return;
  const kind = /^<(?:\?xml|workbook)/i.test(start) ? 'XML' : 'HTML';
  const message = `The file is ${kind}, not CSV. Open it in a spreadsheet and save it as CSV UTF-8.`;
  throw new FleetError('manifest-not-text', message, { expected: 'CSV with a header line', value: start.slice(0, 20) });
}

function openNdjson(head: Head, from: number): Found | undefined {
  const isComplete = head.isWhole || head.isLast || head.units.length >= maxHeaderUnits;
  const first = head.units.subarray(from).find((unit) => unit > 0x20);
  if (first === undefined && !isComplete) return undefined;
  if (first === '['.charCodeAt(0)) {
    const message =
      'The file is one JSON array. Write one JSON object per line, without brackets and commas around them.';
    throw new FleetError('manifest-format', message, { expected: 'one JSON object per line', value: '[' });
  }
  const opening = { shape: {}, offset: from, line: 1 };
  if (first === undefined || first === '{'.charCodeAt(0)) return opening;
  // No object begins here: CSV under the wrong name?
  if (!isComplete && head.units.indexOf(newline, from) === -1) return undefined;
  const units = head.units.subarray(0, maxHeaderUnits);
  for (const line of linesOf({ ...head, units, isWhole: true }, from)) {
    if (line === undefined || isBlank(line.text)) continue;
    if (!isHeader(line, undefined)) return opening;
    const message = 'The file is CSV, and its name or media type says NDJSON. Name it .csv.';
    throw new FleetError('manifest-format', message, { line: line.number, expected: 'one JSON object per line' });
  }
  return opening;
}

function longHeader(line: number): FleetError {
  const message = `No header ends within the first ${maxHeaderUnits} bytes of the file.`;
  return new FleetError('manifest-row-too-long', message, {
    line,
    expected: `a header within ${maxHeaderUnits} bytes`,
  });
}
