import { createHash, hash } from 'node:crypto';

/*
 * The Merkle tree of RFC 6962, section 2.1, in tiles of 256 hashes (C2SP tlog-tiles). Only its right edge is in memory:
 * at each level, the hashes of the tile that is not full yet.
 */

/** Hashes of a full tile, and entries of a full entry bundle. */
export const tileWidth = 256;

/** A tile that has just become full. */
export interface FullTile {
  readonly level: number;
  /** Of the tile within its level, from 0. */
  readonly index: number;
  readonly hashes: readonly Buffer[];
}

/** Hash of an entry: SHA-256(0x00 || entry). */
export function leafHash(entry: Uint8Array): Buffer {
  return createHash('sha256').update(Uint8Array.of(0)).update(entry).digest();
}

/** Hash of two subtrees: SHA-256(0x01 || left || right). */
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest();
}

/** Merkle tree hash of a list of leaf hashes or of equally high subtrees, of which the last may be lower. */
function treeHash(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes;
  if (first === undefined) return hash('sha256', '', 'buffer');
  if (hashes.length === 1) return first;
  // The largest power of two below the length.
  const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(treeHash(hashes.slice(0, split)), treeHash(hashes.slice(split)));
}

/** A tree that grows at its right edge. */
export class TreeEdge {
  #size: number;
  readonly #levels: Buffer[][];

  /**
   * @param size leaves of the tree
   * @param levels hashes of the tile of each level that is not full, from level 0; see `partialWidths`
   */
  constructor(size = 0, levels: readonly (readonly Buffer[])[] = []) {
    this.#size = size;
    this.#levels = levels.map((hashes) => [...hashes]);
  }

  get size(): number {
    return this.#size;
  }

  /** The hashes of the tile of each level that is not full. */
  get levels(): readonly (readonly Buffer[])[] {
    return this.#levels;
  }

  /** Adds a leaf. @returns the tiles that it made full, from level 0 */
  add(leaf: Buffer): FullTile[] {
    this.#size += 1;
    const full: FullTile[] = [];
    let node = leaf;
    for (let level = 0; ; level++) {
      const hashes = this.#levels[level] ?? [];
      this.#levels[level] = hashes;
      hashes.push(node);
      if (hashes.length < tileWidth) return full;
      full.push({ level, index: Math.floor(this.#size / tileWidth ** (level + 1)) - 1, hashes });
      this.#levels[level] = [];
      node = treeHash(hashes);
    }
  }

  /** The root hash of the tree as it is now. */
  root(): Buffer {
    let root: Buffer | undefined;
    for (const hashes of this.#levels) {
      // What is below this level is one subtree, lower than its neighbours on the left.
      const subtrees = root === undefined ? hashes : [...hashes, root];
      root = subtrees.length === 0 ? undefined : treeHash(subtrees);
    }
    return root ?? treeHash([]);
  }
}

/** @returns how many hashes the tile of each level has that is not full, from level 0, in a tree of that size */
export function partialWidths(size: number): number[] {
  const widths: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / tileWidth)) widths.push(rest % tileWidth);
  return widths;
}
