import { FleetError } from '../../errors.ts';
import type { GroupRecord } from '../../groups/group.ts';
import type { Job } from '../../jobs/job.ts';
import type { ChunkMessage } from '../../jobs/messages.ts';
import { manifestGone } from '../../manifest/manifest.ts';
import { type ChunkRows, createRowReader } from '../../manifest/rows.ts';
import type { Versioned } from '../../storage.ts';
import { step } from '../../telemetry.ts';
import type { Ports } from '../ports.ts';

/**
 * Step 1: reads and validates the rows of a chunk, from the version of the manifest that the job was made of.
 * @throws FleetError `manifest-gone` when the manifest was deleted or replaced, `throttled`, `unavailable`
 */
export function readRows(
  job: Job,
  message: ChunkMessage,
  { groups, manifests }: Pick<Ports, 'groups' | 'manifests'>,
): Promise<ChunkRows> {
  const { jobId, chunk, attempt, start, end, firstLine } = message;
  const { manifest, shape, defaultGroup } = job;
  return step('1 read', { jobId, chunk, attempt }, async () => {
    if (shape === undefined) throw new FleetError('internal', `Job ${jobId} has chunks and no shape.`);
    const bytes = await manifests.readRange(manifest.blob, { offset: start, length: end - start, etag: manifest.etag });
    if (bytes === undefined) throw manifestGone(manifest.blob);

    const readWith = (known: ReadonlyMap<string, Versioned<GroupRecord>>) =>
      createRowReader({ shape, defaultGroup, group: (id) => known.get(id)?.value.definition })(bytes, firstLine);
    const rows = readWith(await groups.directory());
    if (!rows.faults.some(({ code }) => code === 'group-unknown')) return ofMessage(message, rows, job);
    // The directory is a cache: the group may have been declared a moment ago.
    return ofMessage(message, readWith(await groups.directory({ maxAgeSeconds: 0 })), job);
  });
}

/**
 * The rows that the message is about: all of the chunk, or the lines that a retry names. Repairs count once, so not for a
 * retry; a job that was split before there were repairs has no counters for them.
 */
function ofMessage({ lines }: ChunkMessage, rows: ChunkRows, job: Job): ChunkRows {
  const repairs = lines === undefined && job.repairs !== undefined ? rows.repairs : {};
  if (lines === undefined) return { ...rows, repairs };
  const wanted = ({ line }: { line: number }) => lines.includes(line);
  return { requests: rows.requests.filter(wanted), faults: rows.faults.filter(wanted), repairs };
}
