import { type ErrorCode, FleetError } from '../errors.ts';
import { type Job, type TableVersion, tableName } from '../jobs/job.ts';
import { manifestGone } from '../manifest/manifest.ts';
import type { Repairs } from '../manifest/repairs.ts';
import type { RangeSource } from '../manifest/xlsx/package.ts';
import type { WorkbookTable } from '../manifest/xlsx/table.ts';
import type { Ports } from './ports.ts';

/** The stored table of a workbook. */
export interface StoredTable extends Pick<WorkbookTable, 'sheet' | 'repairs'> {
  readonly table: TableVersion;
  readonly source: AsyncIterable<Uint8Array>;
}

type TablePorts = Pick<Ports, 'manifests' | 'reports'>;

/**
 * Stores the first sheet of a workbook as CSV, once: chunks are byte ranges, which a workbook does not have. A second delivery
 * finds the table and reads the workbook only to count again.
 * @throws FleetError `manifest-workbook`, `manifest-too-large`, `manifest-empty`, `manifest-gone`, `throttled`, `unavailable`
 */
export async function storeTable(job: Pick<Job, 'jobId' | 'manifest'>, ports: TablePorts): Promise<StoredTable> {
  const { reports } = ports;
  const blob = tableName(job.jobId);
  const workbook = await openWorkbook(job, ports);
  const created = await reports.createFrom(blob, workbook.csv, { contentType: 'text/csv; charset=utf-8' });
  const repairs = created === undefined ? await countedAgain(job, ports) : workbook.repairs;
  const etag = created ?? (await reports.properties(blob))?.etag;
  const source = etag === undefined ? undefined : await reports.open(blob, { etag });
  if (etag === undefined || source === undefined) {
    throw new FleetError('unavailable', 'The table of the workbook was deleted while it was stored.');
  }
  return { table: { blob, etag }, source, sheet: workbook.sheet, repairs };
}

async function openWorkbook({ manifest }: Pick<Job, 'manifest'>, { manifests }: TablePorts): Promise<WorkbookTable> {
  const { blob, ...version } = manifest;
  const found = await manifests.properties(blob, version);
  if (found === undefined) throw manifestGone(blob);
  const source: RangeSource = {
    bytes: found.bytes,
    async read(offset, length) {
      if (offset >= found.bytes) return Buffer.alloc(0);
      const bytes = await manifests.readRange(blob, { offset, length, ...version });
      if (bytes === undefined) throw manifestGone(blob);
      return bytes;
    },
  };
  // Loaded when it is needed: most jobs have no workbook, and every start of the app would pay for it.
  const { readWorkbook } = await import('../manifest/xlsx/table.ts');
  return readWorkbook(source);
}

/** The upload may have stopped before the end of the table, when it found that there is one. */
async function countedAgain(job: Pick<Job, 'manifest'>, ports: TablePorts): Promise<Repairs> {
  const { csv, repairs } = await openWorkbook(job, ports);
  for await (const _ of csv);
  return repairs;
}

/**
 * The error of a table, with the name of the sheet where the workbook has others: the list may be on one of them.
 */
export function ofSheet(error: FleetError, { sheet, repairs }: Pick<StoredTable, 'sheet' | 'repairs'>): FleetError {
  const codes: readonly ErrorCode[] = ['manifest-header', 'manifest-empty'];
  const others = repairs['other-sheets'] ?? 0;
  if (!codes.includes(error.code) || others === 0) return error;
  const place = `The sheet "${sheet}" was read, the first of the workbook. ${others} more have values and were not read.`;
  return new FleetError(error.code, `${error.message} ${place}`, error.details);
}
