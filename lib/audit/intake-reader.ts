import type { BlobStore } from '../storage.ts';
import type { Cursor } from './cursor.ts';
import { asEntry, segmentName } from './segments.ts';
import { damagedLog } from './tiles.ts';

interface Line {
  readonly entry: Buffer;
  readonly segment: number;
  /** Byte of the segment after its line break. */
  readonly end: number;
}

/** Far above any line of this app. It bounds the memory. */
const maxLineBytes = 4 * 1024 * 1024;

/** Lines of the intake from its beginning. A line that is not ended yet is left out. */
async function* linesOfIntake(log: BlobStore): AsyncGenerator<Line> {
  for (let segment = 0; ; segment++) {
    const stream = await log.open(segmentName(segment), {});
    if (stream === undefined) return;
    let rest = Buffer.alloc(0);
    let end = 0;
    for await (const part of stream) {
      rest = Buffer.concat([rest, part]);
      for (let at = rest.indexOf(0x0a); at >= 0; at = rest.indexOf(0x0a)) {
        end += at + 1;
        yield { entry: asEntry(rest.subarray(0, at)), segment, end };
        rest = rest.subarray(at + 1);
      }
      if (rest.length > maxLineBytes)
        throw damagedLog(`${segmentName(segment)} has a line of more than ${maxLineBytes} bytes`);
    }
  }
}

/**
 * Compares the entries of the log with the lines of the intake, one after another. The first that differs is reported, and
 * nothing after it: each later one could differ too.
 */
export function compareWithIntake(
  log: BlobStore,
  cursor: Cursor,
  report: (where: string, what: string) => void,
): {
  next(entry: Buffer | undefined, index: number): Promise<void>;
  end(onWaiting: (entry: Buffer) => void): Promise<number>;
} {
  const lines = linesOfIntake(log);
  let differs = false;
  const isTaken = ({ segment, end }: Line) =>
    segment < cursor.segment || (segment === cursor.segment && end <= cursor.offset);

  return {
    async next(entry, index) {
      if (differs) return;
      const { value: line } = await lines.next();
      // An entry that is lost was reported; its line is passed over.
      if (line !== undefined && (entry === undefined || line.entry.equals(entry))) return;
      differs = true;
      const where = line === undefined ? 'intake' : `${segmentName(line.segment)}, line that ends at byte ${line.end}`;
      report(where, `entry ${index} of the log is another one`);
    },
    /** @param onWaiting gets each line that is not in the log yet. @returns lines that are not in the log yet */
    async end(onWaiting) {
      let waiting = 0;
      for await (const line of lines) {
        if (!isTaken(line)) {
          waiting += 1;
          onWaiting(line.entry);
        } else if (!differs) {
          differs = true;
          report(`${segmentName(line.segment)}, line that ends at byte ${line.end}`, 'is not in the log');
        }
      }
      return waiting;
    },
  };
}
