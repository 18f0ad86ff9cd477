import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient } from '@azure/cosmos';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createCertificateAuthority } from '../lib/authorities/certificate-authority.ts';
import { createBlobLock } from '../lib/azure/blob-lock.ts';
import { createBlobStore } from '../lib/azure/blobs.ts';
import { createCosmosDeadLetterStore } from '../lib/azure/cosmos-dead-letters.ts';
import { createCosmosDeviceStore } from '../lib/azure/cosmos-devices.ts';
import { createCosmosGroupStore } from '../lib/azure/cosmos-groups.ts';
import { createCosmosJobStore } from '../lib/azure/cosmos-jobs.ts';
import { createDpsEnrollments } from '../lib/azure/dps.ts';
import { createChecks } from '../lib/azure/health.ts';
import { createHubTwins } from '../lib/azure/hub-twins.ts';
import { createKeyVaultKeyStore } from '../lib/azure/key-vault.ts';
import { createMessageQueue } from '../lib/azure/queues.ts';
import { countBilledRequests } from '../lib/azure/request-metrics.ts';
import { createGroups } from '../lib/enrollment/groups.ts';
import type { ChunkMessage, EnrollmentMessage } from '../lib/jobs/messages.ts';
import { createIssuanceCache } from '../lib/pipeline/issuance.ts';
import { journaled } from '../lib/pki/signing-journal.ts';
import { createSoftwareKeyStore } from '../lib/pki/software-key-store.ts';
import { createRateLimiter } from '../lib/rate-limiter.ts';
import type { PoisonQueueName, QueueName } from '../lib/resource-names.ts';
import { blobContainers, cosmosContainers, queues as queueNamed } from '../lib/resource-names.ts';
import { type Config, readConfig } from './config.ts';

/** Everything the functions call, built once a process from its settings. The only place where clients are made. */
export type Services = ReturnType<typeof createServices>;

let instance: Services | undefined;

/** Built at the first call and not at load: a wrong setting is then an error with a name, not an app without functions. */
export function services(): Services {
  instance ??= createServices(readConfig());
  return instance;
}

/** DPS throttles by the minute, so a wait of some minutes gets through; a message's 10-minute lease is renewed meanwhile. */
const maxWaitSeconds = 300;

export function createServices(config: Config) {
  const now = () => new Date();
  const pause = async (milliseconds: number) => void (await sleep(milliseconds));
  const retry = { maxWaitSeconds, sleep: pause };
  const credential = new DefaultAzureCredential({ managedIdentityClientId: config.identityClientId });

  const { blobs, queues } = storageClients(config, credential);
  countBilledRequests({ blobs: new URL(blobs.url).host, queues: new URL(queues.url).host });
  const container = (name: string) => createBlobStore(blobs.getContainerClient(name));
  const [manifests, bundles, reports] = [
    container(blobContainers.manifests),
    container(blobContainers.bundles),
    container(blobContainers.reports),
  ];
  const chunkQueue = createMessageQueue<ChunkMessage>(queues.getQueueClient(queueNamed.chunks));
  const enrollmentQueue = createMessageQueue<EnrollmentMessage>(queues.getQueueClient(queueNamed.enrollments));

  const cosmos = cosmosClient(config, credential).database(config.cosmos.database);
  const jobs = createCosmosJobStore(cosmos.container(cosmosContainers.jobs));
  const devices = createCosmosDeviceStore(cosmos.container(cosmosContainers.devices), { sleep: pause });
  const groupStore = createCosmosGroupStore(cosmos.container(cosmosContainers.groups));
  const deadLetters = createCosmosDeadLetterStore(cosmos.container(cosmosContainers.deadLetters));

  const { dps, hub } = iotConnections(config, credential);
  const enrollments = createDpsEnrollments(dps);
  const rateLimiter = createRateLimiter({ perMinute: config.dps.operationsPerMinute, now, sleep: pause });

  const keyStore =
    'vaultUrl' in config.keys
      ? createKeyVaultKeyStore({ vaultUrl: config.keys.vaultUrl, credential })
      : createSoftwareKeyStore({ directory: config.keys.directory });
  const keys = config.signingJournal === undefined ? keyStore : journaled(keyStore, config.signingJournal);
  const authority = createCertificateAuthority({ keys, groups: groupStore, rootName: config.rootCaName, now });
  const { allowPlainKeys } = config;
  const groups = createGroups({ store: groupStore, authority, enrollments, retry, now, allowPlainKeys });
  const { idScope, globalEndpoint } = config.dps;

  return {
    ...{ config, jobs, devices, groups, groupStore, deadLetters, manifests, bundles, reports },
    ...{
      authority,
      enrollments,
      chunkQueue,
      enrollmentQueue,
      rateLimiter,
      retry,
      now,
      newId: randomUUID,
      random: Math.random,
    },
    chunkRows: config.chunkRows,
    enrollmentLock: createBlobLock(
      blobs.getContainerClient(blobContainers.locks).getBlockBlobClient(queueNamed.enrollments),
    ),
    /** A chunk of individual enrollments at the pace that DPS allows. */
    secondsAChunk: (60 * config.chunkRows) / config.dps.operationsPerMinute,
    twins: createHubTwins(hub),
    openIssuance: createIssuanceCache({ authority, dps: { idScope, globalEndpoint }, now }),
    /** Any queue of ours by name, for messages that are passed on as they came. */
    queue: (name: QueueName | PoisonQueueName) => createMessageQueue<unknown>(queues.getQueueClient(name)),
    checks: createChecks({ blobs, queues, cosmos, enrollments, authority, hosts: checkedHosts(config) }),
  };
}

function checkedHosts({ cosmos, dps, keys }: Config) {
  const local = 'connectionString' in dps ? /HostName=([^:;]+)/.exec(dps.connectionString)?.[1] : undefined;
  return {
    cosmos: new URL(cosmos.endpoint).hostname,
    dps: 'serviceHost' in dps ? dps.serviceHost : (local ?? ''),
    ...('vaultUrl' in keys && { keys: new URL(keys.vaultUrl).hostname }),
  };
}

function storageClients({ storage }: Config, credential: TokenCredential) {
  if ('connectionString' in storage) {
    return {
      blobs: BlobServiceClient.fromConnectionString(storage.connectionString),
      queues: QueueServiceClient.fromConnectionString(storage.connectionString),
    };
  }
  return {
    blobs: new BlobServiceClient(storage.blobServiceUri, credential),
    queues: new QueueServiceClient(storage.queueServiceUri, credential),
  };
}

/**
 * Throttled requests wait as the service asks, and longer than the SDK's own 9 tries in 30 s: a busy database slows work
 * down and must not use up the deliveries of a message. Bulk requests wait in lib/azure/cosmos.ts.
 */
const cosmosPatience = { maxRetryAttemptCount: 60, maxWaitTimeInSeconds: 60, fixedRetryIntervalInMilliseconds: 0 };

function cosmosClient({ cosmos: { endpoint, key } }: Config, aadCredentials: TokenCredential): CosmosClient {
  const options = { endpoint, connectionPolicy: { retryOptions: cosmosPatience } };
  return new CosmosClient(key === undefined ? { ...options, aadCredentials } : { ...options, key });
}

function iotConnections({ dps, hub }: Config, credential: TokenCredential) {
  return {
    dps:
      'connectionString' in dps
        ? { connectionString: dps.connectionString }
        : { host: dps.serviceHost, credential, scope: 'https://azure-devices-provisioning.net/.default' },
    hub:
      hub.connectionString === undefined
        ? { host: '', credential, scope: 'https://iothubs.azure.net/.default' }
        : { connectionString: hub.connectionString },
  };
}
