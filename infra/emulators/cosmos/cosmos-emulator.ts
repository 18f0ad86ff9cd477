import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createCosmosServer } from './server.ts';
import { createCosmosService, type ThroughputLimit } from './service.ts';
import { createCatalog } from './store/catalog.ts';
import { createGroupCommit, type Durability, openStore } from './store/database.ts';

export { emulatorKey } from './emulator-key.ts';

export interface CosmosEmulatorOptions {
  /** SQLite file of the documents. Default: in memory. */
  readonly file?: string;
  /** Account key, base64. Default: a new one. */
  readonly key?: string;
  readonly durability?: Durability;
  /** Requests beyond this budget are answered with 429. Default: no limit. */
  readonly throughput?: ThroughputLimit;
  /** Clock for time to live and for the budgets, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Gets unexpected errors. */
  readonly log?: (line: string) => void;
}

export interface CosmosEmulator {
  readonly key: string;
  /** Listens on 127.0.0.1. @param port 0 takes a free one */
  listen(port: number): Promise<{ port: number }>;
  close(): Promise<void>;
}

/** Time between two removals of expired documents. */
const housekeepingMilliseconds = 60_000;

/**
 * Creates an emulator of Cosmos DB for NoSQL: its REST protocol over SQLite. The README says what it does not emulate.
 *
 * @throws Error if another process has opened the file
 * @example const emulator = createCosmosEmulator(); const { port } = await emulator.listen(0);
 */
export function createCosmosEmulator(options: CosmosEmulatorOptions = {}): CosmosEmulator {
  const { file, durability = 'normal', throughput, now = Date.now, log = () => {} } = options;
  const key = options.key ?? randomBytes(64).toString('base64');
  const database = openStore(file, durability);
  const commits = createGroupCommit(database, () => catalog.closeContainers());
  const catalog = createCatalog(database, commits, now);
  const answer = createCosmosService({ catalog, commits, throughput, now });
  const server = createCosmosServer({ answer, commits, key: Buffer.from(key, 'base64'), log });

  const keepHouse = () => {
    try {
      catalog.removeExpired();
      commits.flush();
      // Renews the statistics by which SQLite chooses an index.
      database.exec('PRAGMA optimize');
    } catch (error) {
      log(`Housekeeping failed: ${(error as Error).message}`);
    }
  };
  const housekeeping = setInterval(keepHouse, housekeepingMilliseconds).unref();

  return {
    key,
    async listen(port) {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return { port: (server.address() as AddressInfo).port };
    },
    async close() {
      clearInterval(housekeeping);
      commits.flush();
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      server.closeAllConnections();
      await closed;
      commits.flush();
      database.close();
    },
  };
}
