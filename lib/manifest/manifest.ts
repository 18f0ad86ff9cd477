import { createHash } from 'node:crypto';
import { type ErrorCode, excerpt, FleetError } from '../errors.ts';
import { canonicalJson } from '../json.ts';

export type ManifestFormat = 'csv' | 'ndjson';

/** How a manifest is written; all that a worker needs to know besides its bytes. JSON-serialisable. */
export interface ManifestShape {
  readonly format: ManifestFormat;
  /** CSV only, as the next three: found from the header. */
  readonly delimiter?: Delimiter;
  /** Header cells as written. */
  readonly columns?: readonly string[];
  /** 1 unless blank lines come first. */
  readonly headerLine?: number;
  /** The file begins with a byte order mark; so will its error report, for the spreadsheet that needs one. */
  readonly bom?: boolean;
}

export type Delimiter = ',' | ';' | '\t';

/** Consecutive rows of a manifest. */
export interface ChunkRange {
  /** From 0. */
  readonly chunk: number;
  /** Bytes of the file, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  /** Line of the file on which the first row begins; the file's first line is 1. */
  readonly firstLine: number;
  readonly rows: number;
}

/** A valid row. */
export interface DeviceRequest {
  readonly line: number;
  /** The row's own text, as in the file, without its line end. */
  readonly source: string;
  readonly deviceId: string;
  readonly enrollmentGroup: string;
  /** PKCS#10, PEM or base64 DER; not looked into yet. */
  readonly csr?: string;
  readonly tags: Record<string, unknown>;
  readonly desired: Record<string, unknown>;
}

/** A row that breaks a rule: the first rule in its particulars, all of them in its message. */
export interface RowError {
  readonly line: number;
  readonly source: string;
  /** Header cell or JSON path. */
  readonly column?: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly expected?: string;
  /** What was found, cut to a readable length. */
  readonly value?: string;
}

/** One thing that is wrong with a row. */
export type CellError = Omit<RowError, 'line' | 'source'>;

/**
 * One record at most. A row that uses all that a twin may hold (8 KB of tags, 32 KB of desired properties, quotes
 * doubled) with a CSR stays under 100 KB; ten times that is a missing line break or quote, and is refused unread.
 */
export const maxRecordBytes = 1024 * 1024;

/** One chunk at most, whatever `chunkRows` says: what a worker reads into memory in one piece. */
export const maxChunkBytes = 4 * 1024 * 1024;

/** 25 million rows at 250 a chunk, 25 times what one DPS instance holds; keeps the list of chunks within memory. */
export const maxChunks = 100_000;

const formats: readonly (readonly [suffix: string, format: ManifestFormat])[] = [
  ['.csv', 'csv'],
  ['.ndjson', 'ndjson'],
  ['.jsonl', 'ndjson'],
];

/**
 * What a manifest's blob name says: its format by the suffix, and by the first folder the enrollment group of rows that
 * name none. A folder that begins with "_" is the app's own (`_http/`, `_orders/`) and no group.
 * @throws FleetError `manifest-format`
 */
export function manifestDefaults(blobName: string): { format: ManifestFormat; defaultGroup?: string } {
  const name = blobName.toLowerCase();
  const format = formats.find(([suffix]) => name.endsWith(suffix))?.[1];
  if (format === undefined) {
    throw new FleetError('manifest-format', `The name of "${excerpt(blobName)}" does not say what it is.`, {
      expected: 'a name that ends in .csv, .ndjson or .jsonl',
      value: excerpt(blobName),
    });
  }
  const slash = blobName.indexOf('/');
  if (slash <= 0 || blobName.startsWith('_')) return { format };
  return { format, defaultGroup: blobName.slice(0, slash) };
}

type Content = Pick<DeviceRequest, 'deviceId' | 'enrollmentGroup' | 'csr' | 'tags' | 'desired'>;

/** SHA-256 (hex) of what a row asks for, whatever the order of its columns or keys: equal means "same content as before". */
export function contentHash({ deviceId, enrollmentGroup, csr, tags, desired }: Content): string {
  return createHash('sha256').update(canonicalJson({ deviceId, enrollmentGroup, csr, tags, desired })).digest('hex');
}
