import type { KeyObject } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { BlobStore } from '../storage.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { type Cursor, checkpointName, readCursor } from './cursor.ts';
import { type AuditEntry, decodeEntry } from './entry.ts';
import { compareWithIntake } from './intake-reader.ts';
import { checkpointCopyName, type LogContainers } from './sequencer.ts';
import { readBundleEntries, readTile, tilePath } from './tiles.ts';
import { leafHash, TreeEdge, tileWidth } from './tree.ts';

/** Something that is not as it should be. */
export interface AuditFinding {
  /** A blob, and the entry in it, from 0. */
  readonly where: string;
  readonly what: string;
}

export interface VerifyOptions extends LogContainers {
  /** The key that the auditor trusts. */
  readonly publicKey: KeyObject;
  /** A checkpoint that the auditor kept. The log has to be an extension of it. */
  readonly older?: Checkpoint | undefined;
  /** Sizes of the checkpoints that have a copy, in any order. */
  readonly copies: readonly number[];
  /** Gets every entry in the order of the log, then those of the intake that wait for it. */
  readonly onEntry?: ((entry: AuditEntry) => void) | undefined;
}

export interface Verification {
  /** Entries in the log, as its checkpoint says. */
  readonly size: number;
  readonly root: string;
  /** Entries in the intake that are not in the log yet. */
  readonly waiting: number;
  /** In the order in which they were found; empty for a log that is intact. */
  readonly findings: readonly AuditFinding[];
}

/** Findings that are listed. One change can make thousands. */
const maxFindings = 100;

/**
 * Recomputes the log from its entries and compares it with the tiles, with its checkpoints and with the intake. Its memory does
 * not grow with the log, but for 32 bytes per checkpoint.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function verifyLog(options: VerifyOptions): Promise<Verification> {
  const { log, head, publicKey, older, copies, onEntry } = options;
  const findings: AuditFinding[] = [];
  const report = (where: string, what: string) => {
    if (findings.length < maxFindings) findings.push({ where, what });
  };

  const note = await head.read(checkpointName);
  const checkpoint = note && readCheckpoint(note, publicKey);
  if (checkpoint === undefined) {
    report(checkpointName, note === undefined ? 'is missing' : 'is not signed with this key');
    const waiting = await compareWithIntake(log, beginning, report).end((entry) => takeWaiting(entry, onEntry));
    return { size: 0, root: '', waiting, findings };
  }
  const { size } = checkpoint;
  const cursor = await readCursor(head);
  if (cursor.size !== size) report(checkpointName, `its metadata says ${cursor.size} entries, its text ${size}`);

  const sizes = new Set([...copies, ...(older === undefined ? [] : [older.size])]);
  const roots = new Map<number, Buffer>();
  const edge = new TreeEdge();
  if (sizes.has(0)) roots.set(0, edge.root());
  const intake = compareWithIntake(log, cursor, report);
  for await (const { entry, leaf, index } of entriesOf(size, { log, head }, report)) {
    for (const full of edge.add(leaf)) {
      if (full.level > 0) await compareTile(log, full.level, full.index, full.hashes, report);
    }
    if (sizes.has(edge.size)) roots.set(edge.size, edge.root());
    await intake.next(entry, index);
    if (entry === undefined) continue;
    const decoded = decodeEntry(entry);
    if (decoded === undefined) report(placeOf(index, size), 'is not an entry of this app');
    else onEntry?.(decoded);
  }
  for (const [level, hashes] of edge.levels.entries()) {
    const index = Math.floor(size / tileWidth ** (level + 1));
    if (level > 0 && hashes.length > 0) await compareTile(head, level, index, hashes, report);
  }
  const waiting = await intake.end((entry) => takeWaiting(entry, onEntry));

  if (!edge.root().equals(checkpoint.root)) {
    report(checkpointName, `has another root hash than its ${size} entries`);
    report(...(await firstOtherCopy(copies, roots, size, options)));
  }
  const newest = Math.max(0, ...copies);
  if (newest > size)
    report(
      checkpointCopyName(newest),
      `has ${newest} entries, the log only ${size}. The log was cut off; or the sequencer was, and its next run corrects it`,
    );
  if (older !== undefined) compareOlder(older, checkpoint, roots.get(older.size), report);
  return { size, root: checkpoint.root.toString('base64'), waiting, findings };
}

/** The place in the intake of a log without a checkpoint. */
const beginning: Cursor = { segment: 0, offset: 0, size: 0 };

function takeWaiting(body: Buffer, onEntry: VerifyOptions['onEntry']): void {
  const entry = decodeEntry(body);
  if (entry !== undefined) onEntry?.(entry);
}

type Report = (where: string, what: string) => void;

/** The place of an entry: its bundle, and its number in it. */
function placeOf(index: number, size: number): string {
  const bundle = Math.floor(index / tileWidth);
  const width = Math.min(tileWidth, size - bundle * tileWidth);
  return `${tilePath('entries', bundle, width)}, entry ${index % tileWidth} (${index} of the log)`;
}

interface Leaf {
  /** Absent where the bundle is missing or cut off. */
  readonly entry: Buffer | undefined;
  /** Hash of the entry; where there is none, what the tile says, so that the rest can be compared. */
  readonly leaf: Buffer;
  readonly index: number;
}

/** The leaves of the log, each compared with its hash in the tile. */
async function* entriesOf(size: number, { log, head }: LogContainers, report: Report): AsyncGenerator<Leaf> {
  for (let bundle = 0; bundle * tileWidth < size; bundle++) {
    const width = Math.min(tileWidth, size - bundle * tileWidth);
    const store = width === tileWidth ? log : head;
    const [bundlePath, path] = [tilePath('entries', bundle, width), tilePath(0, bundle, width)];
    const body = await store.read(bundlePath);
    const entries = readBundleEntries(body ?? Buffer.alloc(0));
    if (body === undefined) report(bundlePath, 'is missing');
    else if (entries.length !== width || lengthOf(entries) !== body.length)
      report(bundlePath, `has ${entries.length} whole entries in ${body.length} bytes; expected ${width}`);
    const hashes = await readHashes(store, path, width, report);

    for (let at = 0; at < width; at++) {
      const index = bundle * tileWidth + at;
      const entry = entries[at];
      const inTile = hashes?.[at];
      const leaf = entry === undefined ? inTile : leafHash(entry);
      if (leaf === undefined)
        return report(placeOf(index, size), 'is lost, and its hash with it. The rest was not read');
      if (entry !== undefined && inTile !== undefined && !leaf.equals(inTile))
        report(placeOf(index, size), `does not have the hash that is in ${path}`);
      yield { entry, leaf, index };
    }
  }
}

function lengthOf(entries: readonly Buffer[]): number {
  return entries.reduce((sum, { length }) => sum + 2 + length, 0);
}

async function readHashes(
  store: BlobStore,
  path: string,
  width: number,
  report: Report,
): Promise<Buffer[] | undefined> {
  const body = await store.read(path);
  const hashes = body && readTile(body, width);
  if (hashes === undefined) {
    const what = `has ${body?.length} bytes; expected ${width} hashes of 32`;
    report(path, body === undefined ? 'is missing' : what);
  }
  return hashes;
}

/** Compares a tile above level 0 with what the tiles below it give. */
async function compareTile(
  store: BlobStore,
  level: number,
  index: number,
  hashes: readonly Buffer[],
  report: Report,
): Promise<void> {
  const path = tilePath(level, index, hashes.length);
  const stored = await readHashes(store, path, hashes.length, report);
  const at = stored?.findIndex((each, place) => !hashes[place]?.equals(each)) ?? -1;
  if (at >= 0) report(path, `hash ${at} is not that of ${tilePath(level - 1, index * tileWidth + at)}`);
}

/** Narrows down which entries were changed: those after the last copy of a checkpoint whose root hash they still give. */
async function firstOtherCopy(
  copies: readonly number[],
  roots: ReadonlyMap<number, Buffer>,
  size: number,
  { log, publicKey }: VerifyOptions,
): Promise<[where: string, what: string]> {
  const sizes = copies.filter((copy) => copy <= size).sort((a, b) => a - b);
  // A tree that differs at one size differs at every later size.
  let [low, high] = [0, sizes.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const copy = sizes[middle] ?? 0;
    const note = await log.read(checkpointCopyName(copy));
    const root = note && readCheckpoint(note, publicKey)?.root;
    if (root !== undefined && roots.get(copy)?.equals(root)) low = middle + 1;
    else high = middle;
  }
  const [from, to] = [sizes[low - 1] ?? 0, sizes[low] ?? size];
  return [`entries ${from} to ${to - 1}`, 'at least one of them was changed, by the copies of the checkpoints'];
}

function compareOlder(older: Checkpoint, now: Checkpoint, root: Buffer | undefined, report: Report): void {
  const where = `older checkpoint of ${older.size} entries`;
  if (older.origin !== now.origin) report(where, `is of the log "${older.origin}", and this one is "${now.origin}"`);
  else if (older.size > now.size) report(where, `the log has only ${now.size} entries now: it was cut off`);
  else if (root === undefined || !root.equals(older.root))
    report(where, `the first ${older.size} entries give another root hash now`);
}

/**
 * Reads a checkpoint that an auditor kept.
 * @throws FleetError `audit-damaged` when it is not signed with the key
 */
export function readKeptCheckpoint(note: Buffer, publicKey: KeyObject): Checkpoint {
  const checkpoint = readCheckpoint(note, publicKey);
  if (checkpoint !== undefined) return checkpoint;
  throw new FleetError('audit-damaged', 'The older checkpoint is not signed with this key.');
}
