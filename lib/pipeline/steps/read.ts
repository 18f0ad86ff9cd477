import { FleetError } from '../../errors.ts';
import { type GroupRecord, inForce } from '../../groups/group.ts';
import type { Job } from '../../jobs/job.ts';
import type { ChunkMessage } from '../../jobs/messages.ts';
import { findClashes } from '../../manifest/clashes.ts';
import { type ClashingIds, type DeviceRequest, type RowError, rowError } from '../../manifest/manifest.ts';
import { type ChunkRows, createRowReader } from '../../manifest/rows.ts';
import type { SplitManifest } from '../../manifest/splitter.ts';
import type { Versioned } from '../../storage.ts';
import { suggester } from '../../suggest.ts';
import { step } from '../../telemetry.ts';
import type { Ports } from '../ports.ts';
import { openRows, type RowStores, readRowBytes } from '../row-source.ts';

export interface ReadPorts extends RowStores<'readRange'> {
  readonly groups: Pick<Ports['groups'], 'directory'>;
}

/**
 * Step 1: reads and validates the rows of a chunk, from the version of the manifest that the job was made of.
 * @throws FleetError `manifest-gone` when that version is no longer there, `throttled`, `unavailable`
 */
export function readRows(job: Job, message: ChunkMessage, ports: ReadPorts): Promise<ChunkRows> {
  const { jobId, chunk, attempt, start, end, firstLine } = message;
  const { shape, defaultGroup, allowedGroups } = job;
  const { groups } = ports;
  return step('1 read', { jobId, chunk, attempt }, async () => {
    if (shape === undefined) throw new FleetError('internal', `Job ${jobId} has chunks and no shape.`);
    const bytes = await readRowBytes(job, { offset: start, length: end - start }, ports);

    const readWith = (known: ReadonlyMap<string, Versioned<GroupRecord>>) => {
      const usable = [...known].flatMap(([id, group]) => (definitionOf(group) === undefined ? [] : [id]));
      const meantGroup = suggester(usable.filter((id) => allowedGroups?.includes(id) ?? true));
      const read = createRowReader({ shape, defaultGroup, group: (id) => definitionOf(known.get(id)), meantGroup });
      return withinGroups(read(bytes, firstLine), allowedGroups);
    };
    const rows = readWith(await groups.directory());
    if (!rows.faults.some(({ code }) => code === 'group-unknown')) return ofMessage(message, rows, job);
    // The directory is a cache: the group may have been declared a moment ago.
    return ofMessage(message, readWith(await groups.directory({ maxAgeSeconds: 0 })), job);
  });
}

/** The definition by which rows are checked is the one by which they are provisioned. */
function definitionOf(group: Versioned<GroupRecord> | undefined) {
  // A group that is being deleted takes no more rows.
  return group?.value.deleting === undefined ? group && inForce(group.value).definition : undefined;
}

/** Rejects the rows of enrollment groups that the submitter of the job may not use. */
function withinGroups(rows: ChunkRows, allowed: readonly string[] | undefined): ChunkRows {
  if (allowed === undefined) return rows;
  const isAllowed = ({ enrollmentGroup }: DeviceRequest) => allowed.includes(enrollmentGroup);
  const refused = rows.requests.filter((row) => !isAllowed(row)).map(forbiddenGroup);
  const faults = [...rows.faults, ...refused].sort((a, b) => a.line - b.line);
  return { ...rows, requests: rows.requests.filter(isAllowed), faults };
}

function forbiddenGroup(row: DeviceRequest): RowError {
  const message = `The submitter of this job has no role for the enrollment group "${row.enrollmentGroup}".`;
  return rowError(row, { code: 'forbidden', message, column: 'enrollmentGroup', value: row.enrollmentGroup });
}

/**
 * The rows that the message is about: all of the chunk, or the lines that a retry names. Repairs count once, so not for a
 * retry; a job that was split before there were repairs has no counters for them.
 */
function ofMessage({ lines }: ChunkMessage, rows: ChunkRows, job: Job): ChunkRows {
  const repairs = lines === undefined && job.repairs !== undefined ? rows.repairs : {};
  if (lines === undefined) return { ...rows, repairs };
  const wanted = ({ line }: { line: number }) => lines.includes(line);
  return { ...rows, requests: rows.requests.filter(wanted), faults: rows.faults.filter(wanted), repairs };
}

/**
 * Finds the ids that rows of different chunks write in different ways, before the first chunk is sent: no row of such a
 * device is provisioned then, whichever chunk comes first. Reads the manifest once more if a group folds the case of its ids.
 * @throws FleetError `manifest-gone`, `manifest-too-large`, `throttled`, `unavailable`
 */
export async function clashesOf(
  job: Job,
  { shape, chunks }: SplitManifest,
  ports: Pick<ReadPorts, 'groups'> & RowStores<'open'>,
): Promise<ClashingIds | undefined> {
  if (chunks.length === 1) return undefined;
  const { defaultGroup } = job;
  // Not from the cache: a worker that reads the rows later may know a group that was declared a moment ago.
  const known = await ports.groups.directory({ maxAgeSeconds: 0 });
  const group = (id: string) => definitionOf(known.get(id));
  const folds = (id: string) => group(id)?.deviceIdCase === 'fold';
  const hasOneGroup = shape.columns !== undefined && !shape.columns.includes('enrollmentGroup');
  const isRelevant = hasOneGroup ? folds(defaultGroup ?? '') : [...known.keys()].some(folds);
  if (!isRelevant) return undefined;
  const source = await openRows(job, ports);
  return findClashes(source, chunks, createRowReader({ shape, defaultGroup, group }), folds);
}
