import { type ErrorCode, FleetError } from '../errors.ts';
import type { RowError } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import type { Page, PageRequest } from '../storage.ts';
import { partName } from './job.ts';
import {
  type ChunkOutcomes,
  chunksWith,
  createOutcomeReader,
  missingErrors,
  missingResults,
  type ReportSources,
} from './reports.ts';

/**
 * Chunks whose reports one request reads at most: 50,000 rows at 400 per chunk. A page then ends early, and the next one goes on
 * there.
 */
const maxChunksRead = 125;

/** Rows that a count of errors shows of each code. */
const sampleRows = 5;

/** One page of `jobErrors`. @param code only errors with this code */
export function errorPage(
  jobId: string,
  page: PageRequest & { readonly code?: ErrorCode | undefined },
  sources: ReportSources,
): Promise<Page<RowError>> {
  const { code } = page;
  const wanted = (error: RowError) => code === undefined || error.code === code;
  const view: ReportView<RowError> = {
    outcomes: ['rejected', 'failed'],
    rows: ({ faults }) => faults.filter(wanted),
    missing: (parts, { missing }) => missingErrors(parts, missing.faults).filter(wanted),
  };
  return reportPage(jobId, view, page, sources);
}

/** One page of `jobResults`. */
export function resultPage(jobId: string, page: PageRequest, sources: ReportSources): Promise<Page<ResultRow>> {
  const view: ReportView<ResultRow> = {
    outcomes: ['provisioned', 'unchanged', 'checked'],
    rows: ({ results }) => results,
    missing: (parts, { missing }) => missingResults(parts, missing.results),
  };
  return reportPage(jobId, view, page, sources);
}

type Parts = Parameters<typeof missingErrors>[0];

/** What a report shows of a chunk. */
interface ReportView<Row> {
  /** The counted outcomes that its rows have. */
  readonly outcomes: Parameters<typeof chunksWith>[0];
  readonly rows: (chunk: ChunkOutcomes) => readonly Row[];
  /** The row that stands for rows that are in no report; at most one. */
  readonly missing: (parts: Parts, chunk: ChunkOutcomes) => readonly Row[];
}

/**
 * A page continues after a line and not after a number of rows: a retry can take rows of an earlier page off the report
 * between two pages. The continuation is `chunk.place`; see `placeOf`.
 */
async function reportPage<Row extends { readonly line: number }>(
  jobId: string,
  { outcomes, rows, missing }: ReportView<Row>,
  { size, continuation }: PageRequest,
  sources: ReportSources,
): Promise<Page<Row>> {
  const begin = beginOf(continuation);
  const reader = createOutcomeReader(jobId, sources);
  const items: Row[] = [];
  let end = continuation;
  let chunksRead = 0;
  for await (const parts of chunksWith(outcomes, jobId, sources.jobs, partName(begin.chunk, 1))) {
    const chunk = parts[0]?.chunk ?? 0;
    if (chunksRead === maxChunksRead) return { items, continuation: `${chunk}.0` };
    chunksRead += 1;
    const read = await reader.chunk(parts);
    const after = chunk === begin.chunk ? begin.place : 0;
    const placed = [
      ...missing(parts, read).map((row) => ({ row, place: missingPlace })),
      ...rows(read).map((row) => ({ row, place: placeOf(row) })),
    ];
    for (const { row, place } of placed) {
      if (place <= after) continue;
      if (items.length === size) return end === undefined ? { items } : { items, continuation: end };
      items.push(row);
      end = `${chunk}.${place}`;
    }
  }
  return { items };
}

/** The row of missing rows comes first in its chunk, and has a line that another row can have. 0 is before it. */
const missingPlace = 1;

function placeOf({ line }: { readonly line: number }): number {
  return line + missingPlace;
}

function beginOf(continuation = '0.0'): { readonly chunk: number; readonly place: number } {
  const [, chunk, place] = /^(\d{1,6})\.(\d{1,12})$/.exec(continuation) ?? [];
  if (chunk === undefined || place === undefined)
    throw new FleetError('request-invalid', 'The continuation is not one of this list.');
  return { chunk: Number(chunk), place: Number(place) };
}

/** The errors of a job that have one code. */
export interface ErrorsOfCode {
  readonly code: ErrorCode;
  /** Rows with this code. */
  readonly rows: number;
  /** The first five of them, in order of the manifest. */
  readonly first: readonly RowError[];
}

/** The errors of a job, by code. */
export interface ErrorSummary {
  /** Most frequent first. */
  readonly codes: readonly ErrorsOfCode[];
  /** False: only the first 200 chunks with errors were read. */
  readonly complete: boolean;
}

/** Counts the errors of a job by code. Rows that are in no report count as `report-missing`. */
export async function summarizeErrors(jobId: string, sources: ReportSources): Promise<ErrorSummary> {
  const byCode = new Map<ErrorCode, { rows: number; first: RowError[] }>();
  const add = (error: RowError, rows: number) => {
    const known = byCode.get(error.code) ?? { rows: 0, first: [] };
    if (known.first.length < sampleRows) known.first.push(error);
    known.rows += rows;
    byCode.set(error.code, known);
  };
  const reader = createOutcomeReader(jobId, sources);
  let chunksRead = 0;
  let complete = true;
  for await (const parts of chunksWith(['rejected', 'failed'], jobId, sources.jobs)) {
    complete = chunksRead < maxChunksRead;
    if (!complete) break;
    chunksRead += 1;
    const { faults, missing } = await reader.chunk(parts);
    for (const error of missingErrors(parts, missing.faults)) add(error, missing.faults);
    for (const error of faults) add(error, 1);
  }
  const codes = [...byCode].map(([code, counted]) => ({ code, ...counted }));
  return { codes: codes.sort((a, b) => b.rows - a.rows), complete };
}
