import { type ArchiveIndexEntry, type PackedArchive, readArchiveIndex } from '../../bundle/archive.ts';
import { FleetError } from '../../errors.ts';
import type { BlobStore } from '../../storage.ts';
import type { Issued } from './issue.ts';

/** The devices of a committed archive, by id. */
export type Committed = ReadonlyMap<string, ArchiveIndexEntry<Issued>>;

/**
 * Writes the chunk's archive, unless there is one: then that one counts, and what was issued here was never handed out.
 * The create is the moment at which a chunk's certificates become the devices' certificates.
 */
export async function commitArchive(
  bundles: BlobStore,
  name: string,
  { body, index }: PackedArchive<Issued>,
): Promise<Committed> {
  if (index.length === 0) return new Map();
  const created = await bundles.create(name, body, { contentType: 'application/zip' });
  if (created !== undefined) return byDevice(index);
  const committed = await findArchive(bundles, name);
  if (committed === undefined)
    throw new FleetError('concurrent-change', `Archive ${name} was deleted while it was read.`);
  return committed;
}

/** The archive that an earlier delivery committed, if one did. */
export async function findArchive(bundles: BlobStore, name: string): Promise<Committed | undefined> {
  const archive = await bundles.read(name);
  return archive === undefined ? undefined : byDevice(readArchiveIndex<Issued>(archive));
}

function byDevice(index: readonly ArchiveIndexEntry<Issued>[]): Committed {
  return new Map(index.map((entry) => [entry.info.deviceId, entry]));
}
