import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../errors.ts';
import type { SecretStore } from './webhook.ts';

/** Names become file names. */
const secretName = /^[a-z0-9][a-z0-9-]{0,126}$/;

/** Secrets as files of mode 0600 in a directory of mode 0700, for one machine. */
export function createFileSecretStore({ directory }: { readonly directory: string }): SecretStore {
  const pathOf = (name: string): string => {
    if (!secretName.test(name)) throw new FleetError('internal', 'The name of a secret cannot be a file name.');
    return join(directory, name);
  };
  return {
    async set(name, value) {
      const path = pathOf(name);
      await reporting(async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        // Written under another name first: a crash leaves no half secret under this one.
        const file = await open(`${path}.tmp`, 'w', 0o600);
        await file.writeFile(value);
        await file.sync();
        await file.close();
        await rename(`${path}.tmp`, path);
      });
    },
    get: (name) => reporting(() => readFile(pathOf(name), 'utf8')),
    remove: (name) => reporting(() => rm(pathOf(name), { force: true })),
  };
}

/** @returns undefined for a file that is not there */
async function reporting<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (error instanceof FleetError) throw error;
    throw new FleetError('setting-invalid', `The directory of webhook secrets cannot be used (${code ?? 'unknown'}).`);
  }
}
