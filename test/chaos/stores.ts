import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CosmosClient } from '@azure/cosmos';
import type { Stack } from '../../infra/local/stack.ts';
import type { DeviceDocument } from './documents.ts';

/* Reads the content of the emulators directly: without the app, its proxies and lib/. */

export interface Documents {
  /** Every document of a container. Consistent only if all fit into one page (4 MB). */
  all(container: string): Promise<Record<string, unknown>[]>;
  close(): void;
}

/**
 * Milliseconds for one page. The emulator shares two cores with everything else here, and a client that gives up after its
 * default of 60 s shows nothing about the product.
 */
const readTimeout = 600_000;

export function openDocuments({ cosmos: { endpoint, key, database } }: Pick<Stack, 'cosmos'>): Documents {
  const client = new CosmosClient({ endpoint, key, connectionPolicy: { requestTimeout: readTimeout } });
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

export async function readDevices(chaos: {
  readonly stack: Pick<Stack, 'cosmos'>;
}): Promise<readonly DeviceDocument[]> {
  const documents = openDocuments(chaos.stack);
  try {
    return (await documents.all('devices')) as unknown as DeviceDocument[];
  } finally {
    documents.close();
  }
}

/** The present identity of a device that waits for a registration with a renewed one. */
export interface UnconfirmedDevice {
  readonly id: string;
  readonly serialNumber: string;
  /** A registration with it was seen: the device can have another one too. */
  readonly isConfirmed: boolean;
}

export async function readUnconfirmed(chaos: {
  readonly stack: Pick<Stack, 'cosmos'>;
}): Promise<readonly UnconfirmedDevice[]> {
  const { endpoint, key, database } = chaos.stack.cosmos;
  const client = new CosmosClient({ endpoint, key, connectionPolicy: { requestTimeout: readTimeout } });
  try {
    const query = 'SELECT c.id, c.serialNumber, c.certificates FROM c WHERE IS_DEFINED(c.unconfirmedSince)';
    const devices = client.database(database).container('devices');
    const { resources } = await devices.items
      .query<Pick<DeviceDocument, 'id' | 'serialNumber' | 'certificates'>>(query)
      .fetchAll();
    return resources.map(({ id, serialNumber, certificates = [] }) => {
      const present = certificates.find((each) => each.serialNumber === serialNumber);
      return { id, serialNumber, isConfirmed: present?.confirmedAt !== undefined };
    });
  } finally {
    client.dispose();
  }
}

/** An enrollment group or an individual enrollment. */
export interface DpsEntry {
  /** Lower case. */
  readonly id: string;
  readonly isDisabled: boolean;
}

export interface DpsIdentity {
  readonly hub: string;
  readonly deviceId: string;
  readonly status: 'enabled' | 'disabled';
}

export interface DpsEntries {
  readonly groups: readonly DpsEntry[];
  readonly individuals: readonly DpsEntry[];
  /** The identities of all hubs. */
  readonly identities: readonly DpsIdentity[];
  /** From the SHA-256 thumbprint (upper-case hex) of a certificate to the enrollment that has it. */
  readonly certificates: ReadonlyMap<string, { readonly kind: string; readonly id: string }>;
}

/** Reads the file of the DPS emulator: one table with documents of several collections. */
export function readDpsFile(directory: string): DpsEntries {
  const database = new DatabaseSync(join(directory, 'dps', 'dps.sqlite'), { readOnly: true });
  try {
    const rows = database.prepare('SELECT collection, key, body FROM documents').all();
    const of = (collection: string) =>
      rows.flatMap((row) => (row['collection'] === collection ? [[String(row['key']), String(row['body'])]] : []));
    const entries = (collection: string) =>
      of(collection).map(([id = '', body = '']): DpsEntry => {
        const { settings } = JSON.parse(body) as { settings: { provisioningStatus?: string } };
        return { id, isDisabled: settings.provisioningStatus === 'disabled' };
      });
    const certificates = of('certificate').flatMap(([id = '', body = '']): [string, { kind: string; id: string }][] =>
      id.startsWith('sha256:') ? [[id.slice('sha256:'.length), JSON.parse(body)]] : [],
    );
    const identities = rows.flatMap(({ collection, body }): DpsIdentity[] => {
      const [kind, hub = ''] = String(collection).split(':');
      if (kind !== 'hub') return [];
      const { deviceId, status } = JSON.parse(String(body)) as DpsIdentity;
      return [{ hub, deviceId, status }];
    });
    return {
      groups: entries('group'),
      individuals: entries('individual'),
      identities,
      certificates: new Map(certificates),
    };
  } finally {
    database.close();
  }
}
