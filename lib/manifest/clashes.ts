import { createHash } from 'node:crypto';
import { FleetError } from '../errors.ts';
import { createYield } from '../yield-to-event-loop.ts';
import type { ChunkRange, ClashingIds } from './manifest.ts';
import type { ChunkRows } from './rows.ts';

/** Clashes that a job records with its shape: 64 KB of ids. A list with more of them is refused as a whole. */
const maxClashes = 1000;

/** Rows that are compared: twice what one DPS instance holds. Bounds the table of ids to 84 MB. */
const maxRows = 2_000_000;

/**
 * Finds device ids that rows of different chunks write in different ways, for groups that fold their case. Each row is read as
 * its worker will read it. Takes 30 to 60 bytes of memory per row, and one chunk.
 * @param source the whole manifest
 * @param chunks in the order of the file
 * @param read reads the rows of one chunk
 * @param folds whether an enrollment group folds the case of device ids
 * @throws FleetError `manifest-too-large` for more than 2 million rows, or more than 1,000 such ids
 */
export async function findClashes(
  source: AsyncIterable<Uint8Array>,
  chunks: readonly ChunkRange[],
  read: (bytes: Uint8Array, firstLine: number) => ChunkRows,
  folds: (group: string) => boolean,
): Promise<ClashingIds> {
  const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  if (rows > maxRows) throw tooManyRows(rows);
  const clashes = new Map<string, readonly number[]>();
  const seen = createIdTable(rows);
  const pause = createYield();
  for await (const { bytes, firstLine } of chunkBytes(source, chunks)) {
    await pause();
    const { requests, clashes: inChunk } = read(bytes, firstLine);
    const folded = requests.filter(({ enrollmentGroup }) => folds(enrollmentGroup));
    const ids = [
      ...folded.map(({ deviceId, writtenId = deviceId, line }) => ({ deviceId, writtenId, line })),
      // Their rows are refused already. A further row with such an id clashes however it writes it.
      ...[...inChunk].map(([deviceId, line]) => ({ deviceId, writtenId: undefined, line })),
    ];
    for (const { deviceId, writtenId, line } of ids) {
      const other = seen.add(deviceId, writtenId, line);
      if (other === undefined || clashes.has(deviceId)) continue;
      if (clashes.size === maxClashes) throw tooManyClashes();
      clashes.set(deviceId, [other, line]);
    }
  }
  return Object.fromEntries(clashes);
}

/** The bytes of each chunk, from a stream of the file. */
async function* chunkBytes(
  source: AsyncIterable<Uint8Array>,
  chunks: readonly ChunkRange[],
): AsyncIterable<{ readonly bytes: Buffer; readonly firstLine: number }> {
  let index = 0;
  let parts: Uint8Array[] = [];
  let at = 0;
  for await (const piece of source) {
    for (let chunk = chunks[index]; chunk !== undefined; chunk = chunks[index]) {
      if (chunk.start < at + piece.length) parts.push(piece.subarray(Math.max(chunk.start - at, 0), chunk.end - at));
      if (chunk.end > at + piece.length) break;
      yield { bytes: Buffer.concat(parts), firstLine: chunk.firstLine };
      parts = [];
      index += 1;
    }
    at += piece.length;
  }
}

/** 96 bits of a digest, so that no two ids meet; and 32 bits of how the id is written; and its line. */
const slotWords = 5;

/**
 * A hash table of ids in one typed array. A Map of as many texts takes several times the memory.
 * @param rows most ids that it will hold
 */
function createIdTable(rows: number) {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(rows, 8) * 1.5));
  const words = new Uint32Array(slots * slotWords);

  /** @returns the line of an earlier row that writes the id in another way */
  function add(id: string, written: string | undefined, line: number): number | undefined {
    const digest = createHash('sha256').update(id).digest();
    const [a, b, c] = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)];
    // 0: in several ways.
    const writing = written === undefined ? 0 : createHash('sha256').update(written).digest().readUInt32LE(0) || 1;
    for (let slot = a & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const at = slot * slotWords;
      if (words[at + 4] === 0) {
        words.set([a, b, c, writing, line], at);
        return undefined;
      }
      if (words[at] !== a || words[at + 1] !== b || words[at + 2] !== c) continue;
      const isSame = writing !== 0 && words[at + 3] === writing;
      return isSame ? undefined : words[at + 4];
    }
  }

  return { add };
}

function tooManyRows(rows: number): FleetError {
  const message = `The manifest has ${rows} rows. Groups with deviceIdCase "fold" take at most ${maxRows} per manifest. Send it in parts.`;
  return new FleetError('manifest-too-large', message, { expected: `at most ${maxRows} rows` });
}

function tooManyClashes(): FleetError {
  const message = `More than ${maxClashes} device ids stand in the manifest in upper and in lower case. Write each device once.`;
  return new FleetError('manifest-too-large', message, { expected: 'each device once' });
}
