import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient, type Database } from '@azure/cosmos';
import { createCosmosEmulator } from 'fleet-emulators/cosmos';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosDeadLetterStore } from '../../../lib/azure/cosmos-dead-letters.ts';
import { createCosmosDelegatedCaStore } from '../../../lib/azure/cosmos-delegated-cas.ts';
import { createCosmosDeviceStore } from '../../../lib/azure/cosmos-devices.ts';
import { createCosmosDpsCaStore } from '../../../lib/azure/cosmos-dps-cas.ts';
import { createCosmosWebhookStore } from '../../../lib/azure/cosmos-events.ts';
import { createCosmosFindingStore } from '../../../lib/azure/cosmos-findings.ts';
import { createCosmosFleetActStore } from '../../../lib/azure/cosmos-fleet-acts.ts';
import { createCosmosGroupStore } from '../../../lib/azure/cosmos-groups.ts';
import { createCosmosJobStore } from '../../../lib/azure/cosmos-jobs.ts';
import { createCosmosOutbox } from '../../../lib/azure/cosmos-outbox.ts';
import { createCosmosRenewalRate } from '../../../lib/azure/cosmos-renewal-rate.ts';
import { deadLetterStoreContract } from '../../contract/dead-letter-store.ts';
import { delegatedCaStoreContract } from '../../contract/delegated-ca-store.ts';
import { deviceStoreContract } from '../../contract/device-store.ts';
import { dpsCaStoreContract } from '../../contract/dps-ca-store.ts';
import { findingStoreContract } from '../../contract/finding-store.ts';
import { fleetActStoreContract } from '../../contract/fleet-act-store.ts';
import { groupStoreContract } from '../../contract/group-store.ts';
import { jobStoreContract } from '../../contract/job-store.ts';
import { outboxContract } from '../../contract/outbox.ts';
import { renewalRateContract } from '../../contract/renewal-rate.ts';
import { webhookStoreContract } from '../../contract/webhook-store.ts';

/*
 * The stores on Cosmos DB: on the emulator, or on a real account or Microsoft's emulator when COSMOS_ENDPOINT and COSMOS_KEY
 * are set.
 */

const { COSMOS_ENDPOINT: endpoint, COSMOS_KEY: key } = process.env;
const emulator = endpoint === undefined ? createCosmosEmulator() : undefined;
let client: CosmosClient;
let database: Database;
/** For events: the other tests leave some behind. */
let owing: Database;

before(async () => {
  if (emulator === undefined) {
    client = new CosmosClient({ endpoint: endpoint ?? '', key });
  } else {
    const { port } = await emulator.listen(0);
    client = new CosmosClient({ endpoint: `http://localhost:${port}`, key: emulator.key });
  }
  const { database: created } = await client.databases.createIfNotExists({ id: `contract-${Date.now().toString(36)}` });
  database = created;
  owing = (await client.databases.createIfNotExists({ id: `owing-${Date.now().toString(36)}` })).database;
  for (const container of containerDefinitions) {
    await database.containers.createIfNotExists(container);
    await owing.containers.createIfNotExists(container);
  }
});

after(async () => {
  await database?.delete();
  await owing?.delete();
  client?.dispose();
  await emulator?.close();
});

const pause = async (milliseconds: number) => void (await sleep(milliseconds));
const name = emulator === undefined ? `Cosmos DB at ${endpoint}` : 'Cosmos DB emulator';
deviceStoreContract(name, () => createCosmosDeviceStore(database.container('devices'), { sleep: pause }));
jobStoreContract(name, () => createCosmosJobStore(database.container('jobs')));
groupStoreContract(name, () => createCosmosGroupStore(database.container('groups')));
delegatedCaStoreContract(name, () =>
  createCosmosDelegatedCaStore(database.container('delegated-cas'), () => new Date('2026-11-28T09:00:00Z')),
);
dpsCaStoreContract(name, () => createCosmosDpsCaStore(database.container('groups')));
deadLetterStoreContract(name, () => createCosmosDeadLetterStore(database.container('dead-letters')));
findingStoreContract(name, () => createCosmosFindingStore(database.container('findings')));
fleetActStoreContract(name, () => createCosmosFleetActStore(database.container('jobs')));
webhookStoreContract(name, () => createCosmosWebhookStore(database.container('events')));

outboxContract(name, () => ({
  outbox: createCosmosOutbox(owing),
  devices: createCosmosDeviceStore(owing.container('devices'), { sleep: pause }),
  jobs: createCosmosJobStore(owing.container('jobs')),
  findings: createCosmosFindingStore(owing.container('findings')),
  deadLetters: createCosmosDeadLetterStore(owing.container('dead-letters')),
}));
renewalRateContract('Cosmos DB', () => createCosmosRenewalRate(database.container('events')));
