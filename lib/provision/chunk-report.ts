import type { BlobStore } from '../blobs.ts';
import { FleetError } from '../errors.ts';
import type { RowFault } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';

/** What became of each row of one counted part; a job's reports are these, one after another. */
export interface ChunkReport {
  readonly results: readonly ResultRow[];
  readonly faults: readonly RowFault[];
}

export async function writeChunkReport(reports: BlobStore, name: string, report: ChunkReport): Promise<void> {
  await reports.write(name, Buffer.from(JSON.stringify(report)), { contentType: 'application/json' });
}

export async function readChunkReport(reports: BlobStore, name: string): Promise<ChunkReport> {
  const body = await reports.read(name);
  if (body === undefined) throw new FleetError('not-found', `The report ${name} is no longer kept.`);
  return JSON.parse(body.toString('utf8')) as ChunkReport;
}
