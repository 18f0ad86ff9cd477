import type { ErrorCode } from '../errors.ts';

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
export interface RowFault {
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
export type Finding = Omit<RowFault, 'line' | 'source'>;

/**
 * One record at most. A row that uses all that a twin may hold (8 KB of tags, 32 KB of desired properties, quotes
 * doubled) with a CSR stays under 100 KB; ten times that is a missing line break or quote, and is refused unread.
 */
export const maxRecordBytes = 1024 * 1024;

/** One chunk at most, whatever `chunkRows` says: what a worker reads into memory in one piece. */
export const maxChunkBytes = 4 * 1024 * 1024;

/** 25 million rows at 250 a chunk, 25 times what one DPS instance holds; keeps the list of chunks within memory. */
export const maxChunks = 100_000;
