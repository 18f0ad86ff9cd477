import { type ArchiveIndexEntry, type PackedArchive, readArchiveIndex } from '../../bundle/archive.ts';
import { FleetError } from '../../errors.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import type { BlobStore } from '../../storage.ts';
import { step } from '../../telemetry.ts';
import type { Issued } from './issue.ts';

/** The devices of a committed archive, by device id. */
export type Committed = ReadonlyMap<string, ArchiveIndexEntry<Issued>>;

/**
 * Step 6: creates the chunk's archive. That is the moment at which its certificates become the devices' certificates. If
 * another delivery created it first, that archive counts, and the certificates in this one are never handed out.
 * @returns the devices of the archive that counts
 * @throws FleetError `concurrent-change`, `archive-damaged`, `throttled`, `unavailable`
 */
export function commitArchive(
  name: string,
  { body, index }: PackedArchive<Issued>,
  attempt: ChunkAttempt,
  bundles: BlobStore,
): Promise<Committed> {
  return step('6 commit', attempt, async () => {
    if (index.length === 0) return new Map();
    const created = await bundles.create(name, body, { contentType: 'application/zip' });
    if (created !== undefined) return byDevice(index);
    const committed = await findArchive(name, bundles);
    if (committed === undefined)
      throw new FleetError('concurrent-change', `Archive ${name} was deleted while it was read.`);
    return committed;
  });
}

/**
 * @returns the devices of the archive that an earlier delivery committed, or undefined if none did
 * @throws FleetError `archive-damaged`, `throttled`, `unavailable`
 */
export async function findArchive(name: string, bundles: BlobStore): Promise<Committed | undefined> {
  const archive = await bundles.read(name);
  if (archive === undefined) return undefined;
  try {
    return byDevice(readArchiveIndex<Issued>(archive));
  } finally {
    archive.fill(0);
  }
}

function byDevice(index: readonly ArchiveIndexEntry<Issued>[]): Committed {
  return new Map(index.map((entry) => [entry.info.deviceId, entry]));
}
