import { parseHeader } from '../../../lib/manifest/columns.ts';
import { csvRecords } from '../../../lib/manifest/csv.ts';

/** A row of an error report, reduced to the columns that the report adds to those of its manifest. */
export interface ErrorRow {
  /** Line of the manifest on which the row begins, from 1. */
  readonly line: string;
  readonly code: string;
  readonly message: string;
}

const byteOrderMark = '\uFEFF';

/**
 * Reads the error report of a job. An error report is itself a manifest, with the delimiter and the byte order mark of the
 * manifest that it is about, so it is read as the app reads a manifest.
 * @param csv the answer of GET /api/jobs/{jobId}/errors
 * @throws FleetError `manifest-header` if it is not an error report
 * @example
 * readErrorReport('deviceId;line;code;message\nGW 1;2;device-id-invalid;Use a-z.\n');
 * // [{ line: '2', code: 'device-id-invalid', message: 'Use a-z.' }]
 */
export function readErrorReport(csv: string): ErrorRow[] {
  const text = csv.startsWith(byteOrderMark) ? csv.slice(byteOrderMark.length) : csv;
  const [header = ''] = text.split('\n', 1);
  const { delimiter, columns } = parseHeader(header.replace(/\r$/, ''), 1);
  const [, ...records] = csvRecords(Buffer.from(text), delimiter, 1);
  return records.map(({ cells = [] }) => {
    const cell = (name: keyof ErrorRow) => cells[columns.indexOf(name)] ?? '';
    return { line: cell('line'), code: cell('code'), message: cell('message') };
  });
}
