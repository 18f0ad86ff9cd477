import type { AppendBlobs } from '../../lib/audit/intake.ts';
import { createMemoryBlobStore } from './blob-store.ts';

/**
 * Append blobs in memory, and the blobs beside them in the same container.
 * @param options.blocks that a blob takes
 */
export function createMemoryAppendBlobs({ blocks }: { readonly blocks: number }) {
  const store = createMemoryBlobStore();
  const count = new Map<string, number>();
  const append: AppendBlobs['append'] = async (name, block) => {
    const before = count.get(name) ?? 0;
    if (before === blocks) return false;
    count.set(name, before + 1);
    const body = Buffer.concat([store.blobs.get(name) ?? Buffer.alloc(0), block]);
    await store.write(name, body, { contentType: 'application/x-ndjson' });
    return true;
  };
  return {
    store,
    append,
    lines: (name: string): string[] => store.blobs.get(name)?.toString().split('\n').slice(0, -1) ?? [],
  };
}
