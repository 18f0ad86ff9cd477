import { hash } from 'node:crypto';
import { type ErrorCode, FleetError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import type { Encoding } from './encoding.ts';
import { type ManifestFormat, requireFormat, type TextFormat } from './formats.ts';

/*
 * How a manifest becomes device requests, and where each step is:
 *
 * 0. formats.ts         which format a name, a media type or the first bytes give
 *    xlsx/              the first sheet of a workbook, as CSV
 * 1. encoding.ts        UTF-8, or UTF-16 with a byte order mark
 *    text-check.ts      are the bytes text, or another kind of file?
 * 2. header.ts          which line is the header
 *    columns.ts         its delimiter, its columns and the type of each
 * 3. record-scanner.ts  where each record begins and ends
 * 4. splitter.ts        steps 1 to 3 over the whole file, in one pass: its shape and its chunks
 * 5. csv.ts             the records of one chunk, as cells
 *    cells.ts           the text of one cell: what is repaired and what is refused
 *    device-fields.ts   a JSON object, as the fields of one device
 * 6. rows.ts            the fields of each row, checked: one request or one error per row
 *    row-faults.ts      what is wrong with a row as a whole
 *    ids.ts             what is wrong with a device id, and how it would be accepted
 *    clashes.ts         ids that only differ in case, over all chunks
 * 7. report.ts          errors and results, as CSV; an error report is a manifest again
 *    spreadsheet.ts     the cells that a spreadsheet would change; csv.ts marks them as text
 *
 * The reader repairs what has one meaning only, and counts each repair (repairs.ts). It refuses what has lost information.
 *
 * Chunks count from 0. Lines count from 1, as an editor counts them. Positions are bytes of the file, an end is exclusive.
 */

export type { ManifestFormat, TextFormat } from './formats.ts';

/** How a manifest is written: all that a worker needs besides its bytes. Stored with the job, as JSON. */
export interface ManifestShape {
  readonly format: TextFormat;
  /** The name of the sheet, for the table of a workbook. Each of its records counts as one line, whatever its cells have. */
  readonly sheet?: string;
  /** CSV only. */
  readonly delimiter?: Delimiter;
  /** CSV only: the names of the columns, as the reader knows them. A column without a name is empty. */
  readonly columns?: readonly string[];
  /** CSV only: names that the header writes in another way than `columns`. */
  readonly renamed?: readonly RenamedColumn[];
  /** UTF-8 when absent. */
  readonly encoding?: Exclude<Encoding, 'utf-8'>;
  /** True when the file begins with a byte order mark. */
  readonly bom?: boolean;
  /** Device ids that rows of different chunks write in different ways. Absent when no group folds the case of its ids. */
  readonly clashes?: ClashingIds;
}

/** By device id in lower case: two lines (from 1) that write it in different ways. */
export type ClashingIds = Readonly<Record<string, readonly number[]>>;

/** A column whose name was matched: `Device ID` is read as `deviceId`. */
export interface RenamedColumn {
  readonly written: string;
  readonly read: string;
}

export type Delimiter = ',' | ';' | '\t' | '|';

/** Consecutive rows of a manifest. */
export interface ChunkRange {
  /** From 0. */
  readonly chunk: number;
  /** First byte in the file. */
  readonly start: number;
  /** Byte behind the last one (exclusive). */
  readonly end: number;
  /** Line of the file on which the first row begins, from 1. */
  readonly firstLine: number;
  readonly rows: number;
}

/** A valid row. */
export interface DeviceRequest {
  /** Line of the file on which the row begins, from 1. The header of a file without leading blank lines is line 1. */
  readonly line: number;
  /** The row's text as in the file, without its line end. */
  readonly source: string;
  readonly deviceId: string;
  /** The device id as the row has it, where its group folds the case and the row has upper case. */
  readonly writtenId?: string;
  readonly enrollmentGroup: string;
  /** PKCS#10 (RFC 2986), PEM or base64 DER. Not checked yet. */
  readonly csr?: string;
  readonly tags: Record<string, unknown>;
  readonly desired: Record<string, unknown>;
}

/** One thing that is wrong with a row. */
export interface CellError {
  readonly code: ErrorCode;
  /** What was found, what was expected, what to do. The only text that an error report shows. */
  readonly message: string;
  /** Header cell or JSON path. Undefined when the row as a whole is wrong. */
  readonly column?: string;
  readonly expected?: string;
  /** The value found, cut to a readable length (`excerpt`). */
  readonly value?: string;
  /** With `device-exists`: the columns in which row and record differ, 20 at most. */
  readonly differences?: readonly Difference[];
}

/** A column in which a row differs from the record of its device. `csr` has neither value: records do not hold requests. */
export interface Difference {
  /** `enrollmentGroup`, `csr`, or the path in the twin with dots, such as `tags.site`. */
  readonly column: string;
  /** The value in the record as JSON, cut (`excerpt`). Undefined when the record has none. */
  readonly was?: string;
  /** The value in the row as JSON, cut (`excerpt`). Undefined when the row has none. */
  readonly is?: string;
}

/** A row that is not provisioned: its first error, with the messages of all of them. */
export interface RowError extends CellError {
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
  /** The row's text as in the file, without its line end. */
  readonly source: string;
}

/**
 * The error of a row. Takes nothing from `error` but the members of a CellError, so a FleetError can be passed.
 * @example
 * rowError(request, { code: 'device-busy', message, column: 'deviceId', value: request.deviceId });
 */
export function rowError({ line, source }: Pick<RowError, 'line' | 'source'>, error: CellError): RowError {
  const { code, message, column, expected, value, differences } = error;
  return { line, source, code, message, column, expected, value, ...(differences !== undefined && { differences }) };
}

/** The error of a job whose manifest is no longer the blob that it was made of. */
export function manifestGone(blob: string): FleetError {
  return new FleetError('manifest-gone', `Manifest ${blob} was deleted, or replaced by another upload.`);
}

/**
 * Longest record, in bytes. A row that uses all that a twin may hold (8 KB of tags, 32 KB of desired properties, quotes
 * doubled) with a CSR stays under 100 KB. A record ten times as long has a missing line end or quote, and is refused
 * before it is read whole.
 */
export const maxRecordBytes = 1024 * 1024;

/** Longest chunk of several rows, in bytes, whatever `chunkRows` is: a worker reads a chunk into memory in one piece. */
export const maxChunkBytes = 4 * 1024 * 1024;

/** 40 million rows at 400 per chunk, 40 times what one DPS instance holds. Bounds the memory of the list of chunks. */
export const maxChunks = 100_000;

/**
 * Format and default enrollment group of a manifest, from its blob name. The suffix gives the format. The first folder
 * gives the group of rows without one, unless it begins with "_": those are the app's own (`_http/`, `_orders/`).
 * @throws FleetError `manifest-format` when the suffix is unknown
 * @example
 * manifestDefaults('line7/list.csv'); // { format: 'csv', defaultGroup: 'line7' }
 */
export function manifestDefaults(blobName: string): { format: ManifestFormat; defaultGroup?: string } {
  const format = requireFormat(blobName);
  const defaultGroup = folderGroup(blobName);
  return { format, ...(defaultGroup === undefined ? {} : { defaultGroup }) };
}

/** The first folder of a blob, unless it is one of the app's own (`_http/`, `_orders/`). */
export function folderGroup(blobName: string): string | undefined {
  const slash = blobName.indexOf('/');
  return slash <= 0 || blobName.startsWith('_') ? undefined : blobName.slice(0, slash);
}

type Content = Pick<DeviceRequest, 'deviceId' | 'enrollmentGroup' | 'csr' | 'tags' | 'desired'>;

/**
 * SHA-256 (hex) of the content of a row. Does not depend on the format of the manifest, nor on the order of columns or
 * keys. Two rows with equal hashes ask for the same.
 */
export function contentHash({ deviceId, enrollmentGroup, csr, tags, desired }: Content): string {
  return hash('sha256', canonicalJson({ deviceId, enrollmentGroup, csr, tags, desired }));
}
