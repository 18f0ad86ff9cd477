import type { Page, PageRequest } from '../storage.ts';
import { readCursor } from './cursor.ts';
import { type AuditEntry, decodeEntry } from './entry.ts';
import type { LogContainers } from './sequencer.ts';
import { damagedLog, readBundleEntries, tilePath } from './tiles.ts';
import { tileWidth } from './tree.ts';

/** An entry, and its place in the log, from 0: what an inclusion proof is about. */
export interface LoggedEntry {
  readonly index: number;
  readonly entry: AuditEntry;
}

export interface EntryFilter {
  /** ISO 8601, UTC. Entries of this time or later. */
  readonly from?: string | undefined;
  /** ISO 8601, UTC. Entries before this time. */
  readonly to?: string | undefined;
  /** Of those, the entries that are listed. */
  readonly matches: (entry: AuditEntry) => boolean;
}

/** Bundles of 256 entries that one page reads. The next page goes on. */
const bundlesPerPage = 64;

/** Bytes of bundles that one page reads, at least: some entries are long. */
const bytesPerPage = 8 * 1024 * 1024;

/**
 * How far the times of entries can be from the order of the log: clocks differ, and an entry gets its time before it is
 * stored, which can take the two minutes of a storage timeout.
 */
const disorderMs = 10 * 60 * 1000;

/**
 * Lists entries of the log, the newest first. One page reads 64 bundles at most, so it can have fewer entries than asked for,
 * or none, and have a next page. Nothing is verified here: `npm run audit -- verify` does that.
 * @throws FleetError `audit-damaged` when a bundle is missing; `throttled`, `unavailable`
 */
export async function listEntries(
  filter: EntryFilter,
  { size: most, continuation }: PageRequest,
  containers: LogContainers,
): Promise<Page<LoggedEntry>> {
  const { size } = await readCursor(containers.head);
  const entriesOf = (bundle: number) => readBundle(bundle, size, containers);
  // Entries below this place are left.
  let left = Math.min(
    size,
    continuation === undefined ? await placeOf(filter.to, size, entriesOf) : Number(continuation),
  );
  const items: LoggedEntry[] = [];
  let bytes = 0;
  for (let read = 0; left > 0 && read < bundlesPerPage && bytes < bytesPerPage; read++) {
    const bundle = Math.ceil(left / tileWidth) - 1;
    const entries = await entriesOf(bundle);
    bytes += entries.reduce((sum, { length }) => sum + length, 0);
    let newest = '';
    while (left > bundle * tileWidth) {
      if (items.length === most) return { items, continuation: String(left) };
      left -= 1;
      const entry = decodeEntry(entries[left - bundle * tileWidth] ?? Buffer.alloc(0));
      if (entry === undefined) continue;
      if (entry.at > newest) newest = entry.at;
      if (isWithin(entry.at, filter) && filter.matches(entry)) items.push({ index: left, entry });
    }
    if (newest !== '' && isFarBefore(newest, filter.from)) return { items };
  }
  return left > 0 ? { items, continuation: String(left) } : { items };
}

function isWithin(at: string, { from, to }: EntryFilter): boolean {
  return (from === undefined || at >= from) && (to === undefined || at < to);
}

/** Whether no entry before this one in the log can be as young as `time`. */
function isFarBefore(at: string, time: string | undefined): boolean {
  return time !== undefined && Date.parse(at) + disorderMs < Date.parse(time);
}

/**
 * Finds by halves where to begin, so that a page of last year does not read this year.
 * @returns a place after which every entry is of `to` or later
 */
async function placeOf(
  to: string | undefined,
  size: number,
  entriesOf: (bundle: number) => Promise<Buffer[]>,
): Promise<number> {
  if (to === undefined) return size;
  const after = new Date(Date.parse(to) + disorderMs).toISOString();
  let [low, high] = [0, Math.ceil(size / tileWidth)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const first = (await entriesOf(middle)).map(decodeEntry).find((entry) => entry !== undefined);
    if (first !== undefined && first.at > after) high = middle;
    else low = middle + 1;
  }
  return Math.min(size, low * tileWidth);
}

async function readBundle(bundle: number, size: number, { log, head }: LogContainers): Promise<Buffer[]> {
  const width = Math.min(tileWidth, size - bundle * tileWidth);
  const path = tilePath('entries', bundle, width);
  const entries = readBundleEntries((await (width === tileWidth ? log : head).read(path)) ?? Buffer.alloc(0));
  if (entries.length === width) return entries;
  throw damagedLog(`${path} has ${entries.length} entries; expected ${width}`);
}
