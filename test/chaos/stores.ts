import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CosmosClient } from '@azure/cosmos';
import type { Stack } from '../../infra/local/stack.ts';

/* What the stand-ins hold, read past the app and its proxies: nothing here goes through lib/. */

export interface Documents {
  /** Every document of a container; what fits into one page (4 MB) as of one moment. */
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
  /** SHA-256 thumbprint (upper-case hex) of a certificate that stands in an entry -> that entry. */
  readonly certificates: ReadonlyMap<string, { readonly kind: string; readonly id: string }>;
}

/** The DPS stand-in's file: documents of several collections in one table. */
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
