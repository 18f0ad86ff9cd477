import { readFile, writeFile } from 'node:fs/promises';
import type { Findings } from './benchmark.ts';
import type { Machine } from './harness/machine.ts';

/** The last full run of a benchmark. */
export interface Result extends Findings {
  readonly name: string;
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly rounds: number;
  readonly machine: Machine;
  /** Load average of the minute before it began: other work of the machine. */
  readonly load: number;
  /** P-256 keys and signatures per second on one core, before and after. Absent in results of before it was measured. */
  readonly speeds?: readonly number[];
}

const file = new URL('results.json', import.meta.url);

/** The results that docs/performance.md shows. Empty before the first run. */
export async function readResults(): Promise<Result[]> {
  const text = await readFile(file, 'utf8').catch(() => '[]');
  return JSON.parse(text) as Result[];
}

export async function writeResults(results: readonly Result[]): Promise<void> {
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
}
