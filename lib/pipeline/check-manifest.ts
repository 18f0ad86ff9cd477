import { unknownActor } from '../access/act.ts';
import { asStream, begin } from '../byte-stream.ts';
import { FleetError } from '../errors.ts';
import type { Job } from '../jobs/job.ts';
import type { TextFormat } from '../manifest/manifest.ts';
import { type SplitManifest, splitManifest } from '../manifest/splitter.ts';
import type { WorkbookTable } from '../manifest/xlsx/table.ts';
import { checkChanged } from './check-summary.ts';
import type { CheckedList } from './checked-list.ts';
import { requireKnownGroup } from './known-group.ts';
import { requireGroup } from './limit-to-groups.ts';
import type { Ports } from './ports.ts';
import { type Submission, type SubmitPorts, submitManifest } from './submit-manifest.ts';
import { submitOnce, wasSubmitted } from './submit-once.ts';
import { ofSheet } from './workbook-table.ts';

/**
 * Largest list that is checked while the caller waits, in rows and bytes. Checking 2,000 rows takes seconds; the front end of
 * Azure ends a request after 230 seconds
 * (https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#limits).
 */
export const maxRowsAtOnce = 2_000;
export const maxBytesAtOnce = 1024 * 1024;

/** Largest table of a workbook that is checked while the caller waits, in bytes. A workbook is packed. */
const maxTableBytesAtOnce = 8 * maxBytesAtOnce;

export type CheckListPorts = SubmitPorts & Pick<Ports, 'checkList' | 'chunkRows'>;

/**
 * Checks a list. A small one is checked at once and not stored. A larger one becomes a dry run: a job that ends as `checked`.
 * @throws FleetError any error of a list that is not a manifest, `forbidden`, `throttled`, `unavailable`, and any error of `body`
 */
export async function checkManifest(
  submission: Omit<Submission, 'dryRun' | 'check'>,
  ports: CheckListPorts,
  by: string = unknownActor,
): Promise<{ readonly checked: CheckedList } | { readonly job: Job }> {
  const { body, checked } = await checkSmall(submission, ports);
  if (checked !== undefined) return { checked };
  return { job: await submitManifest({ ...submission, body, dryRun: true }, ports, by) };
}

/** Who submits a list, and the key that makes a repeated request safe (submit-once.ts). */
export interface Submitter {
  readonly by?: string;
  readonly key?: string | undefined;
}

/**
 * Submits a list that was checked before. A small list is checked again before its job is accepted. Its job, and that of a
 * larger list, checks it once more before its first row is provisioned: if the digest differs then, the job fails as
 * `check-changed`.
 * @throws FleetError `check-changed`, and all of `submitManifest`, `submitOnce` and `checkManifest`
 */
export async function submitChecked(
  submission: Submission & { readonly check: string },
  ports: CheckListPorts & Pick<Ports, 'reports'>,
  { by = unknownActor, key }: Submitter = {},
): Promise<Job> {
  const { body, checked } = await checkSmall(submission, ports);
  const found = checked?.digest ?? submission.check;
  // The same request again: its own job may be what has changed the records.
  const isRepeated =
    found !== submission.check && key !== undefined && (await wasSubmitted(key, submission, ports, by));
  if (found !== submission.check && !isRepeated) throw checkChanged(submission.check, found);
  const readable = { ...submission, body };
  return key === undefined ? submitManifest(readable, ports, by) : submitOnce(key, readable, ports, by);
}

/** @returns the whole body, and what the check of it found; nothing is checked when the list is not small */
async function checkSmall(
  { body, format, defaultGroup, onConflict }: Submission,
  { checkList, chunkRows, groups, allowedGroups }: CheckListPorts,
): Promise<{ readonly body: AsyncIterable<Uint8Array>; readonly checked?: CheckedList }> {
  if (defaultGroup !== undefined) {
    requireGroup(defaultGroup, allowedGroups);
    await requireKnownGroup(defaultGroup, groups, 'not-found');
  }
  const read = await begin(body, maxBytesAtOnce);
  if (!read.isWhole) return { body: read.body };
  const table = format === 'xlsx' ? await tableOf(read.head) : { bytes: read.head, format };
  if (table === undefined) return { body: read.body };
  const split = await splitTable(table, chunkRows);
  if (split.rows > maxRowsAtOnce) return { body: read.body };
  const { bytes } = table;
  const options = { format, onConflict, ...(defaultGroup !== undefined && { defaultGroup }), allowedGroups };
  return { body: read.body, checked: await checkList({ bytes, split, ...options }) };
}

/** The rows of a list, as bytes in memory. */
interface Table extends Partial<Pick<WorkbookTable, 'sheet' | 'repairs'>> {
  readonly bytes: Buffer;
  readonly format: TextFormat;
}

/** @returns undefined when the sheet is large. @throws FleetError `manifest-workbook`, `manifest-too-large`, `manifest-empty` */
async function tableOf(workbook: Buffer): Promise<Table | undefined> {
  // Loaded when it is needed: most lists are not workbooks, and every start of the app would pay for it.
  const { bytesSource } = await import('../manifest/xlsx/package.ts');
  const { readWorkbook } = await import('../manifest/xlsx/table.ts');
  const { csv, sheet, repairs } = await readWorkbook(bytesSource(workbook));
  const { head, isWhole } = await begin(csv, maxTableBytesAtOnce);
  return isWhole ? { bytes: head, format: 'csv', sheet, repairs } : undefined;
}

async function splitTable({ bytes, format, sheet, repairs = {} }: Table, chunkRows: number): Promise<SplitManifest> {
  if (sheet === undefined) return splitManifest(asStream(bytes), { format, chunkRows });
  try {
    const split = await splitManifest(asStream(bytes), { format, sheet, chunkRows });
    return { ...split, repairs: { ...repairs, ...split.repairs } };
  } catch (error) {
    throw error instanceof FleetError ? ofSheet(error, { sheet, repairs }) : error;
  }
}
