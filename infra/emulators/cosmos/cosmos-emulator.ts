import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createCosmosServer } from './server.ts';
import { createCosmosService, type ThroughputLimit } from './service.ts';
import { createCatalog } from './store/catalog.ts';
import { createGroupCommit, type Durability, openStore } from './store/database.ts';

export { emulatorKey } from './emulator-key.ts';

export interface CosmosEmulatorOptions {
  /** Where documents are kept; in memory without it. */
  readonly file?: string;
  /** The account's key, base64; a new one without it. */
  readonly key?: string;
  readonly durability?: Durability;
  /** Request units a second, beyond which requests are answered 429; no limit without it. */
  readonly throughput?: ThroughputLimit;
  /** The clock that documents live by and budgets of request units are filled by, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Where unexpected errors go. */
  readonly log?: (line: string) => void;
}

export interface CosmosEmulator {
  readonly key: string;
  /** Listens on the loopback interface. 0: any free port. */
  listen(port: number): Promise<{ port: number }>;
  close(): Promise<void>;
}

const housekeepingMilliseconds = 60_000;

/** Cosmos DB for NoSQL on one machine: its REST protocol over SQLite. README.md says what it does not imitate. */
export function createCosmosEmulator(options: CosmosEmulatorOptions = {}): CosmosEmulator {
  const { file, durability = 'normal', throughput, now = Date.now, log = () => {} } = options;
  const key = options.key ?? randomBytes(64).toString('base64');
  const database = openStore(file, durability);
  const commits = createGroupCommit(database, () => catalog.forget());
  const catalog = createCatalog(database, commits, now);
  const answer = createCosmosService({ catalog, commits, throughput, now });
  const server = createCosmosServer({ answer, commits, key: Buffer.from(key, 'base64'), log });

  const keepHouse = () => {
    try {
      catalog.removeExpired();
      commits.flush();
      // Statistics by which SQLite chooses among indexes, where they have become old.
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
