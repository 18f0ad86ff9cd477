import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CosmosClient } from '@azure/cosmos';
import type { Stack } from '../../infra/local/stack.ts';

/* Reads the content of the emulators directly: without the app, its proxies and lib/. */

export interface Documents {
  /** Every document of a container. Consistent only if all fit into one page (4 MB). */
  all(container: string): Promise<Record<string, unknown>[]>;
  close(): void;
}

export function openDocuments({ cosmos: { endpoint, key, database } }: Pick<Stack, 'cosmos'>): Documents {
  const client = new CosmosClient({ endpoint, key });
  return {
    async all(container) {
      const pages = client
        .database(database)
        .container(container)
        .items.readAll<Record<string, unknown>>({ maxItemCount: 10_000 });
      return (await pages.fetchAll()).resources;
    },
    close: () => client.dispose(),
  };
}

export interface DpsEntries {
  readonly groups: readonly { readonly id: string; readonly body: string }[];
  readonly individuals: readonly { readonly id: string; readonly body: string }[];
  /** From the SHA-256 thumbprint (upper-case hex) of a certificate to the enrollment that has it. */
  readonly certificates: ReadonlyMap<string, { readonly kind: string; readonly id: string }>;
}

/** Reads the file of the DPS emulator: one table with documents of several collections. */
export function readDpsFile(directory: string): DpsEntries {
  const database = new DatabaseSync(join(directory, 'dps', 'dps.sqlite'), { readOnly: true });
  try {
    const read = database.prepare('SELECT key, body FROM documents WHERE collection = ?');
    const entries = (collection: string) =>
      read.all(collection).map(({ key, body }) => ({ id: String(key), body: String(body) }));
    const certificates = entries('certificate').flatMap(({ id, body }): [string, { kind: string; id: string }][] =>
      id.startsWith('sha256:') ? [[id.slice('sha256:'.length), JSON.parse(body)]] : [],
    );
    return { groups: entries('group'), individuals: entries('individual'), certificates: new Map(certificates) };
  } finally {
    database.close();
  }
}
