import type { GroupInput } from '../../../lib/groups/definition.ts';
import type { DeviceRequest, RowError, TextFormat } from '../../../lib/manifest/manifest.ts';
import { createRepairCount, type RepairName, type Repairs } from '../../../lib/manifest/repairs.ts';
import { createRowReader } from '../../../lib/manifest/rows.ts';
import { type SplitManifest, splitManifest } from '../../../lib/manifest/splitter.ts';
import { suggester } from '../../../lib/suggest.ts';
import { someGroup } from '../../factories.ts';

export interface ReadOptions {
  readonly format?: TextFormat;
  readonly chunkRows?: number;
  /** Bytes per piece of the stream. One piece when absent. */
  readonly pieceBytes?: number;
  readonly blockBytes?: number;
  readonly defaultGroup?: string | null;
  readonly groups?: Readonly<Record<string, Partial<GroupInput>>>;
}

export interface ReadManifest extends SplitManifest {
  readonly requests: DeviceRequest[];
  readonly faults: RowError[];
  /** Repairs to the rows. */
  readonly rowRepairs: Repairs;
}

/** Reads a manifest as the pipeline does: split as a stream, then each chunk from its own bytes. */
export async function readManifest(manifest: string | Uint8Array, options: ReadOptions = {}): Promise<ReadManifest> {
  const {
    format = 'csv',
    chunkRows = 3,
    pieceBytes,
    blockBytes,
    defaultGroup = 'line7',
    groups = { line7: {} },
  } = options;
  const bytes = Buffer.from(manifest as string);
  const split = await splitManifest(pieces(bytes, pieceBytes), { format, chunkRows, blockBytes });
  const known = new Map(Object.entries(groups).map(([id, change]) => [id, someGroup(id, change)]));
  const read = createRowReader({
    shape: JSON.parse(JSON.stringify(split.shape)),
    ...(defaultGroup === null ? {} : { defaultGroup }),
    group: (id) => known.get(id),
    meantGroup: suggester(known.keys()),
  });
  const chunks = split.chunks.map(({ start, end, firstLine }) => read(bytes.subarray(start, end), firstLine));
  const count = createRepairCount();
  for (const { repairs } of chunks)
    for (const [name, times] of Object.entries(repairs)) count.add(name as RepairName, times);
  return {
    ...split,
    rowRepairs: count.repairs,
    requests: chunks.flatMap(({ requests }) => requests),
    faults: chunks.flatMap(({ faults }) => faults),
  };
}

export async function* pieces(bytes: Uint8Array, size = Math.max(bytes.length, 1)): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function text(parts: AsyncIterable<string>): Promise<string> {
  return (await Array.fromAsync(parts)).join('');
}

export async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items;
}
