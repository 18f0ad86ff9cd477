import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';

const rowsOfTheFile = 1_000_000;
/** One row in this many has a quoted field with a line break. */
const quotedOneIn = 1000;
const rowsPerPiece = 10_000;

const subject = join(import.meta.dirname, '../subjects/split.ts');

interface Seen {
  readonly rows: number;
  readonly seconds: number;
  readonly mebibytes: number;
}

export const split: Benchmark = {
  name: 'split',
  what:
    'Rows per second when finding the rows of a CSV of 1,000,000 rows of 75 bytes, some with line ends in quoted ' +
    'fields. Both programs must find the same number.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsOfTheFile * scale;
    const directory = await mkdtemp(join(tmpdir(), 'bench-split-'));
    try {
      const file = join(directory, 'rows.csv');
      await pipeline(Readable.from(pieces(rows)), createWriteStream(file));
      const ours: Seen[] = [];
      const csvParse: Seen[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure('ours', file, rows));
        csvParse.push(await measure('csv-parse', file, rows));
        say(
          `  round ${round + 1}: ${perSecond(ours).at(-1)?.toFixed(0)}/s, csv-parse ${perSecond(csvParse).at(-1)?.toFixed(0)}/s`,
        );
      }
      return {
        measurements: [
          measured('of csv-parse', 'ratio', ratios(perSecond(ours), perSecond(csvParse)), { atLeast: 3 }),
          measured(
            'memory',
            'MiB',
            ours.map(({ mebibytes }) => mebibytes),
            { atMost: 128 },
          ),
          measured('lib/manifest', 'rows/s', perSecond(ours)),
          measured('csv-parse', 'rows/s', perSecond(csvParse)),
          measured(
            'memory of csv-parse',
            'MiB',
            csvParse.map(({ mebibytes }) => mebibytes),
          ),
        ],
      };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

const perSecond = (seen: readonly Seen[]) => seen.map(({ rows, seconds }) => rows / seconds);

async function measure(which: string, file: string, expected: number): Promise<Seen> {
  const { stdout } = await promisify(execFile)(process.execPath, [subject, which, file]);
  const seen: Seen = JSON.parse(stdout);
  if (seen.rows !== expected) throw new Error(`${which} found ${seen.rows} rows of ${expected}.`);
  return seen;
}

function* pieces(rows: number): Generator<string> {
  yield 'deviceId,enrollmentGroup,tags.site,tags.slot:number,desired.note\n';
  for (let first = 0; first < rows; first += rowsPerPiece) {
    const count = Math.min(rowsPerPiece, rows - first);
    yield Array.from({ length: count }, (_, index) => rowOf(first + index)).join('');
  }
}

function rowOf(index: number): string {
  const note = index % quotedOneIn === 0 ? '"mind the ""step"",\nthen the gap"' : 'nothing to be said of it';
  return `gw-${String(index).padStart(9, '0')},line7,berlin hall ${index % 9},${index % 1000},${note}\n`;
}
