import { constants, crc32, deflateRawSync } from 'node:zlib';
import { createKeyMemory } from '../key-memory.ts';

/*
 * Gzip (RFC 1952) for contents that differ in a few places only. Everything else is deflated once. The places are in
 * stored blocks (RFC 1951 3.2.4), so that filling them takes a copy and a checksum, and no compression.
 */

/** A range of a content that varies, in bytes. */
export interface Place {
  readonly at: number;
  readonly length: number;
}

/** Compresses a content that equals the template's outside of its places. */
export type GzipTemplate = (content: Buffer) => Buffer;

/** No name, no time, slowest compression, unknown file system: the same content gives the same bytes. */
const header = Buffer.from('1f8b08000000000002ff', 'hex');
const trailerLength = 8;

/** A stored block begins with its length in 16 bits, and the complement of that. */
const maxStored = 0xffff;
const storedLengths = 4;

/** Most contents hold a private key. */
const allocate = createKeyMemory(64 * 1024);

/** How far back deflate looks for a repetition, in bytes. */
const windowLength = 32 * 1024;
const bytes = Array.from({ length: 256 }, (_, byte) => byte);

/** In bytes. A shorter stretch between two places is stored with them: its blocks would be longer than itself. */
const leastDeflated = 24;

/**
 * Prepares the compression of contents like this one.
 * @param places in order, without overlap
 */
export function createGzipTemplate(content: Buffer, places: readonly Place[]): GzipTemplate {
  const parts: Buffer[] = [header];
  const copies: { readonly from: number; readonly to: number; readonly at: number }[] = [];
  let length = header.length;
  const add = (part: Buffer) => {
    parts.push(part);
    length += part.length;
  };
  const ranges = storedRanges(places, content.length);
  const deflate = createDeflate(content, ranges);
  let done = 0;
  for (const { from, to } of ranges) {
    // A flush ends with an empty stored block. Its lengths, the last four bytes, are replaced by those of the range.
    add(deflate(done, from, constants.Z_SYNC_FLUSH).subarray(0, -storedLengths));
    for (let start = from; start < to; start += maxStored) {
      const end = Math.min(start + maxStored, to);
      const lengths = Buffer.alloc(storedLengths);
      lengths.writeUInt16LE(end - start, 0);
      lengths.writeUInt16LE(~(end - start) & maxStored, 2);
      // Each further block begins with three bits of type, padded to a byte.
      if (start > from) add(Buffer.alloc(1));
      add(lengths);
      copies.push({ from: start, to: end, at: length });
      add(Buffer.alloc(end - start));
    }
    done = to;
  }
  add(deflate(done, content.length, constants.Z_FINISH));
  add(Buffer.alloc(trailerLength));
  const image = Buffer.concat(parts);

  return (filled) => {
    const compressed = allocate(image.length);
    image.copy(compressed);
    for (const { from, to, at } of copies) filled.copy(compressed, at, from, to);
    compressed.writeUInt32LE(crc32(filled), image.length - trailerLength);
    compressed.writeUInt32LE(filled.length, image.length - trailerLength + 4);
    return compressed;
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Makes a function that deflates a stretch between two ranges. It can repeat what stands before it in the content, as the headers of
 * a tar do, except what is in a range: there the text before it has a byte that no stretch has.
 */
function createDeflate(content: Buffer, ranges: readonly Range[]) {
  const before = Buffer.from(content);
  for (const { from, to } of ranges) before.fill(0, from, to);
  const present = new Set(before);
  const absent = bytes.find((byte) => !present.has(byte));
  for (const { from, to } of ranges) before.fill(absent ?? 0, from, to);
  return (from: number, to: number, finishFlush: number): Buffer => {
    const hasDictionary = from > 0 && absent !== undefined;
    const dictionary = hasDictionary ? before.subarray(Math.max(0, from - windowLength), from) : undefined;
    return deflateRawSync(content.subarray(from, to), { level: 9, finishFlush, ...(dictionary && { dictionary }) });
  };
}

/** The places, joined where the stretch between them is too short to deflate. */
function storedRanges(places: readonly Place[], end: number): Range[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { at, length } of places) {
    if (length === 0) continue;
    const last = ranges.at(-1);
    if (last !== undefined && at - last.to < leastDeflated) last.to = at + length;
    else ranges.push({ from: at, to: at + length });
  }
  const last = ranges.at(-1);
  if (last !== undefined && end - last.to < leastDeflated) last.to = end;
  return ranges;
}
