import { FleetError } from '../errors.ts';
import { tileWidth } from './tree.ts';

/* Paths and contents of the tiles and entry bundles of C2SP tlog-tiles. */

const hashLength = 32;

/**
 * @param level of the tile; `entries` for an entry bundle
 * @param index within the level, from 0
 * @param width hashes or entries in it; absent when it is full
 * @example
 * tilePath(0, 1234067) // 'tile/0/x001/x234/067'
 * tilePath('entries', 0, 5) // 'tile/entries/000.p/5'
 */
export function tilePath(level: number | 'entries', index: number, width = tileWidth): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const parts = padded.match(/\d{3}/g) ?? [];
  const path = parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/');
  return `tile/${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** @returns the hashes of a tile; undefined when its length is not that of `width` hashes */
export function readTile(body: Buffer, width: number): Buffer[] | undefined {
  if (body.length !== width * hashLength) return undefined;
  return Array.from({ length: width }, (_, at) => body.subarray(at * hashLength, (at + 1) * hashLength));
}

/** @returns the bundle of entries: each after its length, 16 bits, big-endian */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

/** @returns the entries of a bundle; those before the first that is cut off */
export function readBundleEntries(body: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  let at = 0;
  while (at + 2 <= body.length) {
    const end = at + 2 + body.readUInt16BE(at);
    if (end > body.length) break;
    entries.push(body.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** Something in the stored log is not what it should be. The log is not extended then. */
export function damagedLog(what: string): FleetError {
  return new FleetError('audit-damaged', `The audit trail is damaged: ${what}.`);
}
