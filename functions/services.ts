import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient } from '@azure/cosmos';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createAudit } from '../lib/audit/intake.ts';
import type { SequencerPorts } from '../lib/audit/sequencer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../lib/authorities/certificate-authority.ts';
import { createDelegatedCas, type DelegatedCas } from '../lib/authorities/delegated-cas.ts';
import type { DpsCaStore } from '../lib/authorities/dps-cas.ts';
import { createAppendBlobs } from '../lib/azure/append-blobs.ts';
import { createBlobLock } from '../lib/azure/blob-lock.ts';
import { createBlobStore } from '../lib/azure/blobs.ts';
import { createCosmosDeadLetterStore } from '../lib/azure/cosmos-dead-letters.ts';
import { createCosmosDelegatedCaStore } from '../lib/azure/cosmos-delegated-cas.ts';
import { createCosmosDeviceStore } from '../lib/azure/cosmos-devices.ts';
import { createCosmosDpsCaStore } from '../lib/azure/cosmos-dps-cas.ts';
import { createCosmosWebhookStore } from '../lib/azure/cosmos-events.ts';
import { createCosmosFindingStore } from '../lib/azure/cosmos-findings.ts';
import { createCosmosFleetActStore } from '../lib/azure/cosmos-fleet-acts.ts';
import { createCosmosGroupStore } from '../lib/azure/cosmos-groups.ts';
import { createCosmosJobStore } from '../lib/azure/cosmos-jobs.ts';
import { createCosmosOutbox } from '../lib/azure/cosmos-outbox.ts';
import { createCosmosRenewalRate } from '../lib/azure/cosmos-renewal-rate.ts';
import { createEventGridPublisher } from '../lib/azure/event-grid.ts';
import { createChecks } from '../lib/azure/health.ts';
import { createHubIdentities } from '../lib/azure/hub-identities.ts';
import { createHubTwins } from '../lib/azure/hub-twins.ts';
import type { IotConnection } from '../lib/azure/iot.ts';
import { createKeyVaultKeyStore } from '../lib/azure/key-vault.ts';
import { createKeyVaultSecretStore } from '../lib/azure/key-vault-secrets.ts';
import type { Check } from '../lib/azure/probe.ts';
import { createMessageQueue } from '../lib/azure/queues.ts';
import { countBilledRequests } from '../lib/azure/request-metrics.ts';
import { createUploadSigner, type SignUpload } from '../lib/azure/upload-url.ts';
import type { RenewalRate } from '../lib/devices/renewal-rate.ts';
import { createAllocationKeys } from '../lib/enrollment/allocation-keys.ts';
import { createGroups } from '../lib/enrollment/groups.ts';
import type { CloudEvent } from '../lib/events/cloud-event.ts';
import type { DeliveryMessage } from '../lib/events/delivery.ts';
import { createFileSecretStore } from '../lib/events/file-secret-store.ts';
import type { ManagePorts } from '../lib/events/manage-webhooks.ts';
import { createPost } from '../lib/events/post.ts';
import type { SecretStore } from '../lib/events/webhook.ts';
import type { GroupStore } from '../lib/groups/group.ts';
import type { BlockMessage, ChunkMessage, EnrollmentMessage } from '../lib/jobs/messages.ts';
import type { Lock } from '../lib/lock.ts';
import { createListChecker } from '../lib/pipeline/check-list.ts';
import type { Retention } from '../lib/pipeline/delete-expired.ts';
import { createIssuanceCache } from '../lib/pipeline/issuance.ts';
import { createOverview } from '../lib/pipeline/overview.ts';
import type { Ports } from '../lib/pipeline/ports.ts';
import type { SendEventPorts } from '../lib/pipeline/send-events.ts';
import { createProvisionSmall, type ProvisionSmall } from '../lib/pipeline/small-jobs.ts';
import type { KeyStore } from '../lib/pki/key-store.ts';
import { journaled } from '../lib/pki/signing-journal.ts';
import { createSoftwareKeyStore } from '../lib/pki/software-key-store.ts';
import { createRateLimiter, createRateLimiters, type RateLimiter } from '../lib/rate-limiter.ts';
import { blobContainers, cosmosContainers, eventQueue, queues } from '../lib/resource-names.ts';
import { type Config, readConfig } from './config.ts';
import { createDpsServices, type DpsServices } from './dps-services.ts';
import { logToConsole } from './log.ts';

/** Everything that a handler can use: the ports of the pipeline, and what only functions need. */
export interface Services extends Ports {
  readonly provisionSmall: ProvisionSmall;
  readonly groupStore: GroupStore;
  readonly authority: CertificateAuthority;
  /** Drops the keys of this process, which then makes no more. */
  readonly closeDelegatedCas: DelegatedCas['close'];
  /** The log that the audit trail becomes, and its key. */
  readonly auditLog: SequencerPorts;
  /** Held by the one instance that takes entries into the log. */
  readonly auditLock: Lock;
  /** Counts what devices ask the EST server for. */
  readonly renewalRate: RenewalRate;
  /** The CA certificates of DPS, as `fleet ca` saw them last. */
  readonly dpsCas: DpsCaStore;
  /** Held by the one instance that works on blocked devices and on acts. */
  readonly blockLock: Lock;
  readonly blockQueue: Ports['blockQueue'] & { waiting(): Promise<number> };
  /** How long the second look at a blocked device takes at the rate that the registry of a hub allows. */
  readonly secondsPerBlock: number;
  /** Held by the one instance that sends events. */
  readonly eventLock: Lock;
  readonly events: SendEventPorts;
  readonly webhookAdmin: ManagePorts;
  /** Webhooks may be on this machine. */
  readonly allowPrivateReceivers: boolean;
  /** The DPS instances, one by one: for sweeps and checks. */
  readonly dps: DpsServices;
  /** The share of the sweep of the queries that a hub allows. */
  readonly queryRateLimiter: (hub: string) => RateLimiter;
  readonly enrollmentQueue: Ports['enrollmentQueue'] & { waiting(): Promise<number> };
  /** How long a chunk of individual enrollments takes at the rate that DPS allows. */
  readonly secondsPerChunk: number;
  /** Days after which records of ended things are deleted. */
  readonly retention: Retention;
  /** Gives the right to create one blob in the container `manifests`. */
  readonly signUpload: SignUpload;
  /** Tries every dependency. */
  readonly checks: () => Promise<Check[]>;
}

let instance: Services | undefined;

/**
 * The services of this process. Only the wrappers call this (http/respond.ts, est/answer.ts, on-message.ts, timers.ts,
 * start-up-check.ts);
 * handlers are given what they use. Built at the first call and not while the app loads: a wrong setting is then an error
 * with a name, and not an app without functions.
 * @throws FleetError `setting-invalid`
 */
export function services(): Services {
  instance ??= createServices(readConfig());
  return instance;
}

/** Drops what must not outlive this process, if it was made. To be called when the host ends the process. */
export async function closeServices(): Promise<void> {
  await instance?.closeDelegatedCas();
}

/** A consumer that is away for a month has missed its events. Without an end, a queue that nothing reads would grow. */
const eventTtlSeconds = 30 * 24 * 60 * 60;

/** Name of the key of the audit trail. Bicep makes it in a vault that has nothing else. */
const auditKeyName = 'audit';

/** DPS throttles per minute, so waiting for minutes succeeds. The host renews the lease of the message during the wait. */
const maxWaitSeconds = 300;

/** Builds every service. The only place where clients of Azure are made. */
export function createServices(config: Config): Services {
  const now = () => new Date();
  const pause = async (milliseconds: number) => void (await sleep(milliseconds));
  const retry = { maxWaitSeconds, sleep: pause };
  const credential = new DefaultAzureCredential({ managedIdentityClientId: config.identityClientId });

  const blobService = blobServiceClient(config, credential);
  const manifests = createBlobStore(blobService.getContainerClient(blobContainers.manifests));
  const bundles = createBlobStore(blobService.getContainerClient(blobContainers.bundles));
  const reports = createBlobStore(blobService.getContainerClient(blobContainers.reports));
  const auditHead = createBlobStore(blobService.getContainerClient(blobContainers.auditHead));
  const auditSegments = createAppendBlobs(blobService.getContainerClient(blobContainers.audit));
  const audit = createAudit({ segments: auditSegments, head: auditHead, now, newId: randomUUID });
  const locks = blobService.getContainerClient(blobContainers.locks);
  const eventLock = createBlobLock(locks.getBlockBlobClient('events'));
  const blockLock = createBlobLock(locks.getBlockBlobClient(queues.blocks));

  const queueService = queueServiceClient(config, credential);
  const chunkQueue = createMessageQueue<ChunkMessage>(queueService.getQueueClient(queues.chunks));
  const enrollmentQueue = createMessageQueue<EnrollmentMessage>(queueService.getQueueClient(queues.enrollments));
  const blockQueue = createMessageQueue<BlockMessage>(queueService.getQueueClient(queues.blocks));
  const queue = (name: string) => createMessageQueue<unknown>(queueService.getQueueClient(name));

  const cosmos = cosmosClient(config, credential).database(config.cosmos.database);
  const jobs = createCosmosJobStore(cosmos.container(cosmosContainers.jobs));
  const devices = createCosmosDeviceStore(cosmos.container(cosmosContainers.devices), { sleep: pause });
  const fleetActs = createCosmosFleetActStore(cosmos.container(cosmosContainers.jobs));
  const groupStore = createCosmosGroupStore(cosmos.container(cosmosContainers.groups));
  const dpsCas = createCosmosDpsCaStore(cosmos.container(cosmosContainers.groups));
  const { retention } = config;
  const deadLetters = createCosmosDeadLetterStore(cosmos.container(cosmosContainers.deadLetters), {
    retentionDays: retention.deadLetterDays,
  });

  const findings = createCosmosFindingStore(cosmos.container(cosmosContainers.findings), {
    retentionDays: retention.findingDays,
  });

  const renewalRate = createCosmosRenewalRate(cosmos.container(cosmosContainers.events));
  const outbox = createCosmosOutbox(cosmos);
  const webhooks = createCosmosWebhookStore(cosmos.container(cosmosContainers.events));
  const secrets = secretStore(config, credential);
  const allowPrivateReceivers = config.privateUrls === 'all';
  const { apiUrl, announceAssigned, eventGridEndpoint: endpoint } = config.events;
  const events: SendEventPorts = {
    outbox,
    eventQueue: createMessageQueue<CloudEvent | readonly CloudEvent[]>(queueService.getQueueClient(eventQueue), {
      timeToLiveSeconds: eventTtlSeconds,
    }),
    deliveries: {
      webhooks,
      secrets,
      deliveryQueue: createMessageQueue<DeliveryMessage>(queueService.getQueueClient(queues.deliveries)),
      post: createPost({ allowPrivate: allowPrivateReceivers, now }),
      publish: endpoint === undefined ? undefined : createEventGridPublisher({ endpoint, credential }),
      now,
      random: Math.random,
    },
    apiUrl,
    now,
  };

  const dps = createDpsServices(config, {
    ...{ credential, now, sleep: pause, stores: { devices, groups: groupStore } },
    hub: hubConnection(config, credential),
    lock: (name) => createBlobLock(locks.getBlockBlobClient(name)),
  });
  const { enrollments } = dps;
  const twins = createHubTwins(hubConnection(config, credential));
  const identities = createHubIdentities(hubConnection(config, credential));
  const queryRateLimiter = createRateLimiters({ perMinute: config.hub.queriesPerMinute, now, sleep: pause });
  const registryRateLimiter = createRateLimiter({
    perMinute: config.hub.registryOperationsPerMinute,
    now,
    sleep: pause,
  });

  const keys = keyStore(config, credential);
  // Not journaled: the journal is of what CA keys sign.
  // Bicep makes its key, in an HSM where the vault has one. The app may not, and signs with what is there.
  const auditKeys = keyStore({ keys: config.auditKeys }, credential);
  const auditLog = {
    log: createBlobStore(blobService.getContainerClient(blobContainers.audit)),
    head: auditHead,
    signer: () => auditKeys.signer(auditKeyName, 'ec-p256'),
    // The address of the log without its scheme, as C2SP tlog-tiles recommends.
    origin: blobService.getContainerClient(blobContainers.audit).url.replace(/^https?:\/\//, ''),
  };
  const auditLock = createBlobLock(locks.getBlockBlobClient('audit'));
  const usesKeyVault = 'vaultUrl' in config.keys;
  const authority = createCertificateAuthority({
    ...{ keys, groups: groupStore, rootName: config.rootCaName, usesKeyVault, audit, now },
  });
  const delegatedCas = createCosmosDelegatedCaStore(cosmos.container(cosmosContainers.delegatedCas), now);
  const delegatedCaPool = createDelegatedCas({
    ...{ authority, store: delegatedCas, audit, now, later, log: logToConsole },
    worker: `${hostname()}-${process.pid}`,
    journal: config.signingJournal,
  });
  const groups = createGroups({
    store: groupStore,
    authority,
    enrollments,
    retry,
    now,
    allowPlainKeys: config.allowPlainKeys,
    privateUrls: config.privateUrls,
    hasEstServer: config.est !== undefined,
    dpsInstances: dps.instances.map(({ name }) => name),
    allocationKeys: createAllocationKeys({
      ...{ apiUrl, secrets, randomBytes, now },
      allowPrivate: allowPrivateReceivers,
    }),
  });
  const deployment = {
    dpsOperationsPerMinute: config.dps.operationsPerMinute,
    ...(config.moreDps !== undefined && { otherDps: operationsOf(config.moreDps) }),
    usesKeyVault,
  };
  const overview = createOverview({ devices, groups, jobs, findings, deadLetters, queue, now });
  const checkList = createListChecker({ groups, devices, deployment, now });
  const openIssuance = createIssuanceCache({
    ...{ authority, delegatedCas: delegatedCaPool, usesKeyVault, estServer: config.est, now },
    dps: new Map(dps.instances.map(({ name, address }) => [name, address])),
  });

  const hosts = checkedHosts(config);
  const checks = createChecks({
    blobs: blobService,
    queues: queueService,
    cosmos,
    dps: dps.instances,
    dpsInstances: dps.instances.map(({ name }) => name),
    authority,
    groups,
    dpsCas,
    est: config.est,
    hosts,
    now,
  });
  countBilledRequests({ blobs: new URL(blobService.url).host, queues: new URL(queueService.url).host });

  return {
    jobs,
    devices,
    fleetActs,
    groups,
    groupStore,
    renewalRate,
    dpsCas,
    deadLetters,
    findings,
    overview,
    manifests,
    bundles,
    reports,
    chunkQueue,
    provisionSmall: createProvisionSmall(),
    enrollmentQueue,
    blockQueue,
    queue,
    authority,
    enrollments,
    twins,
    identities,
    openIssuance,
    delegatedCas,
    endDelegatedCa: delegatedCaPool.end,
    closeDelegatedCas: delegatedCaPool.close,
    checkList,
    deployment,
    audit,
    auditLog,
    auditLock,
    registryRateLimiter,
    registryOperationsPerMinute: config.hub.registryOperationsPerMinute,
    outbox,
    announceAssigned,
    events,
    eventLock,
    webhookAdmin: { webhooks, secrets, now, randomBytes },
    allowPrivateReceivers,
    blockLock,
    dps,
    queryRateLimiter,
    secondsPerBlock: 60 / config.hub.registryOperationsPerMinute,
    secondsPerChunk: (60 * config.chunkRows) / config.dps.operationsPerMinute,
    chunkRows: config.chunkRows,
    bundleRetentionDays: config.bundleRetentionDays,
    retention,
    checks,
    signUpload: createUploadSigner(blobService, blobContainers.manifests, { now }),
    retry,
    now,
    newId: randomUUID,
    random: Math.random,
  };
}

/** A timer that does not keep the process alive. */
function later(milliseconds: number, work: () => void): () => void {
  const timer = setTimeout(work, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
}

function operationsOf(instances: NonNullable<Config['moreDps']>): Record<string, number> {
  return Object.fromEntries(Object.entries(instances).map(([name, each]) => [name, each.operationsPerMinute]));
}

function blobServiceClient({ storage }: Config, credential: TokenCredential): BlobServiceClient {
  return 'connectionString' in storage
    ? BlobServiceClient.fromConnectionString(storage.connectionString)
    : new BlobServiceClient(storage.blobServiceUri, credential);
}

function queueServiceClient({ storage }: Config, credential: TokenCredential): QueueServiceClient {
  return 'connectionString' in storage
    ? QueueServiceClient.fromConnectionString(storage.connectionString)
    : new QueueServiceClient(storage.queueServiceUri, credential);
}

/**
 * A throttled request waits for as long as Cosmos DB asks, and in all for longer than the SDK's default (9 tries in 30 s): a
 * busy database slows work down and must not use up the deliveries of a message. Bulk requests wait in lib/azure/cosmos.ts.
 */
const cosmosRetry = { maxRetryAttemptCount: 60, maxWaitTimeInSeconds: 60, fixedRetryIntervalInMilliseconds: 0 };

function cosmosClient({ cosmos: { endpoint, key } }: Config, aadCredentials: TokenCredential): CosmosClient {
  const connectionPolicy = { retryOptions: cosmosRetry };
  return key === undefined
    ? new CosmosClient({ endpoint, connectionPolicy, aadCredentials })
    : new CosmosClient({ endpoint, connectionPolicy, key });
}

/** Without a connection string, each call names its hub. */
function hubConnection({ hub }: Config, credential: TokenCredential): IotConnection {
  return hub.connectionString === undefined
    ? { host: '', credential, scope: 'https://iothubs.azure.net/.default' }
    : { connectionString: hub.connectionString, others: hub.others };
}

function keyStore(
  { keys, signingJournal }: { readonly keys: Config['keys'] | Config['auditKeys'] } & Pick<Config, 'signingJournal'>,
  credential: TokenCredential,
): KeyStore {
  const store =
    'vaultUrl' in keys
      ? createKeyVaultKeyStore({ ...keys, credential })
      : createSoftwareKeyStore({ directory: keys.directory });
  return signingJournal === undefined ? store : journaled(store, signingJournal);
}

/** Secrets of webhooks and keys by which DPS calls, where the CA keys are. */
function secretStore({ keys }: Pick<Config, 'keys'>, credential: TokenCredential): SecretStore {
  return 'vaultUrl' in keys
    ? createKeyVaultSecretStore({ vaultUrl: keys.vaultUrl, credential })
    : createFileSecretStore({ directory: join(keys.directory, 'webhook-secrets') });
}

/** Host names for the checks. CA keys in files have none. */
function checkedHosts({ cosmos, keys }: Config) {
  return {
    cosmos: new URL(cosmos.endpoint).hostname,
    keys: 'vaultUrl' in keys ? new URL(keys.vaultUrl).hostname : undefined,
  };
}
