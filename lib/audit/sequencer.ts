import type { BlobStore } from '../storage.ts';
import { type Checkpoint, maxNoteBytes, type NoteSigner, readCheckpoint, signCheckpoint } from './checkpoint.ts';
import { type Cursor, checkpointName, cursorMetadata, readCursor } from './cursor.ts';
import { asEntry, segmentName } from './segments.ts';
import { damagedLog, encodeBundle, readBundleEntries, readTile, tilePath } from './tiles.ts';
import { leafHash, partialWidths, TreeEdge, tileWidth } from './tree.ts';

export interface LogContainers {
  /** What is never overwritten: the intake, full tiles and entry bundles, and a copy of each checkpoint. */
  readonly log: BlobStore;
  /** The latest checkpoint, and tiles and bundles that are not full. */
  readonly head: BlobStore;
}

export interface SequencerPorts extends LogContainers {
  /** Opens the key of the log. */
  readonly signer: () => Promise<NoteSigner>;
  /** Name of the log in a first checkpoint. Later ones keep its name. */
  readonly origin: string;
}

/** Bytes of the intake per checkpoint: some 10,000 entries. It bounds the memory of a run. */
const maxReadBytes = 4 * 1024 * 1024;

/**
 * Takes everything that waits in the intake into the log. Run it on one instance at a time, since a second one would do the
 * same work again; it would do no harm.
 *
 * The log is a function of the intake. A crash between any two lines leaves tiles that the checkpoint does not name yet, and
 * the next run writes the same bytes again. The checkpoint is written last, together with the place in the intake.
 * @returns entries that were added
 * @throws FleetError `audit-damaged` when what is stored is not what the last checkpoint says: nothing is added to it then;
 * `ca-key-unusable`, `throttled`, `unavailable`
 */
export async function sequenceAudit(ports: SequencerPorts): Promise<number> {
  let added = 0;
  for (;;) {
    const round = await sequenceOnce(ports);
    added += round;
    if (round === 0) return added;
  }
}

/** @returns whether the intake has entries that are not in the log. It takes two storage operations, or three if not. */
export async function hasWaitingEntries({ log, head }: LogContainers): Promise<boolean> {
  return (await readIntake(log, await readCursor(head))) !== undefined;
}

async function sequenceOnce(ports: SequencerPorts): Promise<number> {
  const { log, head, origin } = ports;
  const cursor = await readCursor(head);
  const taken = await readIntake(log, cursor);
  if (taken === undefined) return 0;

  const signer = await ports.signer();
  const { etag } = cursor;
  const note = etag && (await head.readRange(checkpointName, { offset: 0, length: maxNoteBytes, etag }));
  if (etag !== undefined && note === undefined) return 0; // Another instance has published meanwhile.
  const previous = note ? previousOf(note, cursor, signer) : undefined;
  const { edge, entries } = await readEdge(head, cursor.size);
  if (previous !== undefined && !edge.root().equals(previous.root))
    throw damagedLog(
      `the tiles that are not full do not give the root hash of the checkpoint of ${cursor.size} entries`,
    );

  for (const line of taken.lines) {
    const entry = asEntry(line);
    entries.push(entry);
    for (const { level, index, hashes } of edge.add(leafHash(entry))) {
      if (level === 0) await createOnce(log, tilePath('entries', index), encodeBundle(entries.splice(0)));
      await createOnce(log, tilePath(level, index), Buffer.concat(hashes));
    }
  }
  for (const [path, body] of partialTiles(edge, entries)) await head.write(path, body, { contentType: binary });

  const next = { origin: previous?.origin ?? origin, size: edge.size, root: edge.root() };
  const isPublished = await publish(next, { ...taken.end, size: edge.size, etag: cursor.etag }, signer, ports);
  return isPublished ? taken.lines.length : 0;
}

const binary = 'application/octet-stream';
const plainText = 'text/plain; charset=utf-8';

/** @returns whole lines from the cursor on, and where they end; undefined when there are none */
async function readIntake(
  log: BlobStore,
  cursor: Cursor,
): Promise<{ readonly lines: Buffer[]; readonly end: Pick<Cursor, 'segment' | 'offset'> } | undefined> {
  let { segment, offset } = cursor;
  const bytesOf = async (number: number) => (await log.properties(segmentName(number)))?.bytes;
  for (;;) {
    const bytes = (await bytesOf(segment)) ?? 0;
    if (bytes < offset) throw damagedLog(`${segmentName(segment)} is shorter than what was taken from it`);
    if (bytes > offset) {
      const body = await log.readRange(segmentName(segment), {
        offset,
        length: Math.min(bytes - offset, maxReadBytes),
      });
      const length = (body?.lastIndexOf(0x0a) ?? -1) + 1;
      if (body === undefined || length === 0) {
        if (bytes - offset < maxReadBytes) return undefined;
        throw damagedLog(`${segmentName(segment)} has no line break in the ${maxReadBytes} bytes after ${offset}`);
      }
      return { lines: linesOf(body.subarray(0, length)), end: { segment, offset: offset + length } };
    }
    if ((await bytesOf(segment + 1)) === undefined) return undefined;
    // The next segment is begun when this one is full. It may have grown just before that.
    if ((await bytesOf(segment)) !== bytes) continue;
    segment += 1;
    offset = 0;
  }
}

function linesOf(body: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(0x0a, at);
    lines.push(body.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/** @returns the checkpoint that the log is at */
function previousOf(note: Buffer, cursor: Cursor, signer: NoteSigner): Checkpoint {
  const checkpoint = readCheckpoint(note, signer.publicKey);
  if (checkpoint === undefined) throw damagedLog('its checkpoint is not signed with the key of the log');
  if (checkpoint.size !== cursor.size) throw damagedLog('its checkpoint and the metadata of it have different sizes');
  return checkpoint;
}

/** Reads the tiles that are not full in a log of that size, and the entries of the last bundle. */
async function readEdge(head: BlobStore, size: number): Promise<{ edge: TreeEdge; entries: Buffer[] }> {
  const levels: Buffer[][] = [];
  for (const [level, width] of partialWidths(size).entries()) {
    if (width === 0) levels.push([]);
    else
      levels.push(await readPartial(head, tilePath(level, Math.floor(size / tileWidth ** (level + 1)), width), width));
  }
  const leaves = levels[0] ?? [];
  if (leaves.length === 0) return { edge: new TreeEdge(size, levels), entries: [] };
  const path = tilePath('entries', Math.floor(size / tileWidth), leaves.length);
  const entries = readBundleEntries((await head.read(path)) ?? Buffer.alloc(0));
  if (entries.length !== leaves.length || !entries.every((entry, at) => leaves[at]?.equals(leafHash(entry))))
    throw damagedLog(`${path} does not have the entries whose hashes are in the tile`);
  return { edge: new TreeEdge(size, levels), entries };
}

async function readPartial(head: BlobStore, path: string, width: number): Promise<Buffer[]> {
  const body = await head.read(path);
  const hashes = body && readTile(body, width);
  if (hashes === undefined) throw damagedLog(`${path} is missing or cut off`);
  return hashes;
}

function partialTiles(edge: TreeEdge, entries: readonly Buffer[]): [path: string, body: Buffer][] {
  const indexAt = (level: number) => Math.floor(edge.size / tileWidth ** (level + 1));
  const tiles: [string, Buffer][] = [];
  for (const [level, hashes] of edge.levels.entries()) {
    if (hashes.length > 0) tiles.push([tilePath(level, indexAt(level), hashes.length), Buffer.concat(hashes)]);
  }
  if (entries.length > 0) tiles.push([tilePath('entries', indexAt(0), entries.length), encodeBundle(entries)]);
  return tiles;
}

/** Writes a blob that nothing may ever change. It can be there already, from a run that was cut short. */
async function createOnce(log: BlobStore, path: string, body: Buffer): Promise<void> {
  if ((await log.create(path, body, { contentType: binary })) !== undefined) return;
  if ((await log.read(path))?.equals(body) !== true)
    throw damagedLog(`${path} has other content than its entries give`);
}

/** Name of the copy of a checkpoint that cannot be overwritten. */
export function checkpointCopyName(size: number): string {
  return `checkpoints/${size}`;
}

/** @returns false when another instance has published meanwhile */
async function publish(
  checkpoint: Checkpoint,
  cursor: Cursor,
  signer: NoteSigner,
  { log, head }: LogContainers,
): Promise<boolean> {
  const note = Buffer.from(await signCheckpoint(checkpoint, signer));
  const copy = checkpointCopyName(checkpoint.size);
  if ((await log.create(copy, note, { contentType: plainText })) === undefined) {
    const earlier = await log.read(copy);
    const same = earlier && readCheckpoint(earlier, signer.publicKey)?.root.equals(checkpoint.root);
    if (same !== true) throw damagedLog(`${copy} is not the checkpoint that its entries give`);
  }
  const options = { contentType: plainText, metadata: cursorMetadata(cursor) };
  const { etag } = cursor;
  const written =
    etag === undefined
      ? await head.create(checkpointName, note, options)
      : await head.replace(checkpointName, note, { ...options, etag });
  return written !== undefined;
}
