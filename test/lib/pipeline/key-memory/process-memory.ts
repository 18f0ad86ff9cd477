import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Bytes compared at first, by a table. All patterns are longer. */
const prefixLength = 4;
/** Bytes read at once, and those that two readings share, so that a pattern across their border is found. */
const windowLength = 4 * 1024 * 1024;
const overlap = 256;
/** V8 reserves some 500 MB for code. Pages of it that were never used are zeros, and are not searched. */
const emptyPage = Buffer.alloc(4096);

/**
 * Searches all readable memory of a process on Linux. The process must not run meanwhile, or wait for input.
 * @param patterns by name, 8 to 256 bytes each
 * @returns how often each pattern was found; those that were not are left out
 * @throws Error when this process may not read the memory of the other
 */
export function findInMemory(pid: number, patterns: ReadonlyMap<string, Buffer>): Map<string, number> {
  const byPrefix = new Map<number, { name: string; pattern: Buffer }[]>();
  const starts = new Uint8Array(0x10000);
  for (const [name, pattern] of patterns) {
    const prefix = pattern.readUInt32LE(0);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), { name, pattern }]);
    starts[pattern.readUInt16LE(0)] = 1;
  }
  const found = new Map<string, number>();
  const search = (bytes: Buffer, end: number) => {
    for (let at = 0; at < end; at++) {
      if (
        at % emptyPage.length === 0 &&
        emptyPage.compare(bytes, at, Math.min(at + emptyPage.length, bytes.length)) === 0
      ) {
        at += emptyPage.length - 1;
        continue;
      }
      if (starts[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] === 0) continue;
      for (const { name, pattern } of byPrefix.get(bytes.readUInt32LE(at)) ?? [])
        if (pattern.compare(bytes, at, Math.min(at + pattern.length, bytes.length)) === 0)
          found.set(name, (found.get(name) ?? 0) + 1);
    }
  };

  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { from, to } of readableRegions(pid)) {
      for (let start = from; start < to; start += windowLength) {
        const length = Math.min(windowLength + overlap, to - start);
        const bytes = readAt(memory, start, length);
        search(bytes, Math.min(windowLength, bytes.length - prefixLength));
      }
    }
    return found;
  } finally {
    closeSync(memory);
  }
}

function readableRegions(pid: number): { from: number; to: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [, from = '', to = '', mode = '', file = ''] = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
      // Files that are mapped without the right to write cannot hold keys. The kernel gives no access to its own pages.
      if (!mode.startsWith('r') || (mode[1] !== 'w' && file !== '') || file.startsWith('[v')) return [];
      return [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) }];
    });
}

/** @returns fewer bytes where the kernel gives no access to the rest of the region */
function readAt(memory: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  try {
    while (read < length) {
      const count = readSync(memory, bytes, read, length - read, at + read);
      if (count === 0) break;
      read += count;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
  }
  return bytes.subarray(0, read);
}
