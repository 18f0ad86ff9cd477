import Table from 'cli-table3';
import type { JobAnswer } from './api.ts';

/** Result of the registration of one device. */
export interface Registered {
  readonly deviceId: string;
  readonly hub: string;
  readonly tags: Record<string, unknown>;
  /** The failed check, if any. */
  readonly problem?: string;
}

const plain = { style: { head: [], border: [] } };

/** Rows by outcome, one line per job. */
export function jobTable(jobs: readonly JobAnswer[]): string {
  const table = new Table({
    ...plain,
    head: ['job', 'from', 'rows', 'provisioned', 'unchanged', 'rejected', 'failed', 'rows/s', 'status'],
  });
  for (const { jobId, source, name, counts, rowsPerSecond, status } of jobs) {
    const { total, provisioned, unchanged, rejected, failed } = counts;
    table.push([
      jobId.slice(0, 8),
      `${source} ${name}`,
      total,
      provisioned,
      unchanged,
      rejected,
      failed,
      Math.round(rowsPerSecond),
      status,
    ]);
  }
  return table.toString();
}

/** The first rejected rows: line, code and reason. */
export function errorTable(errors: readonly { line: string; code: string; message: string }[], limit = 20): string {
  const table = new Table({ ...plain, head: ['line', 'code', 'reason'], colWidths: [8, 24, 84], wordWrap: true });
  for (const { line, code, message } of errors.slice(0, limit)) table.push([line, code, message]);
  const more = errors.length - limit;
  return table.toString() + (more > 0 ? `\n  and ${more} more in errors.csv` : '');
}

/** Number of devices per hub, and the first five devices with their tags. */
export function deviceTable(devices: readonly Registered[]): string {
  const byHub = new Table({ ...plain, head: ['assigned hub', 'devices'] });
  for (const [hub, list] of Map.groupBy(devices, (device) => device.hub)) byHub.push([hub, list.length]);
  const some = new Table({ ...plain, head: ['device', 'hub', 'twin tags'], colWidths: [16, 28, 72], wordWrap: true });
  for (const { deviceId, hub, tags } of devices.slice(0, 5)) some.push([deviceId, hub, spaced(tags)]);
  return `${byHub.toString()}\n${some.toString()}`;
}

/** JSON with spaces, so that the table can wrap it. */
function spaced(value: unknown): string {
  return JSON.stringify(value, undefined, 1).replaceAll(/\n\s*/g, ' ');
}
