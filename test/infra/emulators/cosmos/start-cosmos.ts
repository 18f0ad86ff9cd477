import type { TestContext } from 'node:test';
import { type Container, type ContainerRequest, CosmosClient, type CosmosClientOptions } from '@azure/cosmos';
import { type CosmosEmulatorOptions, createCosmosEmulator } from 'fleet-emulators/cosmos';

export interface RunningCosmos {
  readonly endpoint: string;
  readonly key: string;
  readonly client: CosmosClient;
  /** Creates a container in the database `test`. Default partition key: `/id`. */
  container(request?: Partial<ContainerRequest>): Promise<Container>;
  /** Creates another client, which is disposed with the test. */
  connect(options?: Partial<CosmosClientOptions>): CosmosClient;
}

/** Starts an emulator on a free port and connects the official client. Both end with the test. */
export async function startCosmos(t: TestContext, options: CosmosEmulatorOptions = {}): Promise<RunningCosmos> {
  const emulator = createCosmosEmulator(options);
  const { port } = await emulator.listen(0);
  const endpoint = `http://localhost:${port}`;
  const clients: CosmosClient[] = [];
  const connect = (more: Partial<CosmosClientOptions> = {}) => {
    const made = new CosmosClient({ endpoint, key: emulator.key, ...more });
    clients.push(made);
    return made;
  };
  t.after(async () => {
    for (const each of clients) each.dispose();
    await emulator.close();
  });
  const client = connect();
  let made = 0;
  return {
    ...{ endpoint, key: emulator.key, client, connect },
    async container(request) {
      made += 1;
      const { database } = await client.databases.createIfNotExists({ id: 'test' });
      const { container } = await database.containers.create({ id: `c${made}`, partitionKey: '/id', ...request });
      return container;
    },
  };
}

/** @returns the HTTP status of a refused call, or undefined if it succeeds */
export async function refusal(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const { code, cause } = error as { code?: number; cause?: { code?: number } };
    const status = code ?? cause?.code;
    if (typeof status !== 'number') throw error;
    return status;
  }
}
