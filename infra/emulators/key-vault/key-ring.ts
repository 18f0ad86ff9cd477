import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptKey } from './key-material.ts';

/** One version of a key. */
export interface KeyVersion extends KeptKey {
  /** 32 hex digits. */
  readonly version: string;
  readonly keyOps: readonly string[];
  readonly enabled: boolean;
  readonly exportable: boolean;
  /** Seconds since 1970, as the vault writes times. */
  readonly created: number;
  readonly updated: number;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** A key with all its versions, oldest first. */
export interface VaultKey {
  /** In the spelling of its creator. Case does not matter. */
  readonly name: string;
  readonly versions: readonly KeyVersion[];
  /** Seconds since 1970. The name stays in use until the key is recovered or purged. */
  readonly deleted?: number;
}

export interface KeyRing {
  get(name: string): VaultKey | undefined;
  all(): readonly VaultKey[];
  put(key: VaultKey): void;
  remove(name: string): void;
}

export const newVersion = (): string => randomBytes(16).toString('hex');

/** Creates a store of keys in memory and, with a folder, in one file of mode 0600 per key. A file is replaced atomically. */
export function createKeyRing(directory?: string): KeyRing {
  const keys = new Map<string, VaultKey>();
  if (directory !== undefined) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
      const key = JSON.parse(readFileSync(join(directory, file), 'utf8')) as VaultKey;
      keys.set(key.name.toLowerCase(), key);
    }
  }
  // A name has letters, digits and "-" only, so it cannot lead out of the folder.
  const fileOf = (name: string) => join(directory ?? '', `${name.toLowerCase()}.json`);

  return {
    get: (name) => keys.get(name.toLowerCase()),
    all: () => [...keys.values()],
    put(key) {
      if (directory !== undefined) {
        const draft = `${fileOf(key.name)}.new`;
        writeFileSync(draft, JSON.stringify(key), { mode: 0o600, flush: true });
        renameSync(draft, fileOf(key.name));
      }
      keys.set(key.name.toLowerCase(), key);
    },
    remove(name) {
      if (directory !== undefined) rmSync(fileOf(name), { force: true });
      keys.delete(name.toLowerCase());
    },
  };
}
