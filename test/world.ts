import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Audit } from '../lib/audit/audit.ts';
import { createCertificateAuthority } from '../lib/authorities/certificate-authority.ts';
import type { DelegatedCaStore } from '../lib/authorities/delegated-ca.ts';
import { createDelegatedCas } from '../lib/authorities/delegated-cas.ts';
import { createAllocationKeys } from '../lib/enrollment/allocation-keys.ts';
import { onePlace } from '../lib/enrollment/dps-places.ts';
import type { Enrollments, HubTwins } from '../lib/enrollment/enrollments.ts';
import { createGroups, type DeclareOptions } from '../lib/enrollment/groups.ts';
import type { HubIdentities } from '../lib/enrollment/hub-identities.ts';
import type { SecretStore } from '../lib/events/webhook.ts';
import type { GroupInput } from '../lib/groups/definition.ts';
import type { Job } from '../lib/jobs/job.ts';
import { jobIdOf } from '../lib/jobs/job.ts';
import type { BlockMessage, ChunkMessage, EnrollmentMessage } from '../lib/jobs/messages.ts';
import { currentLog } from '../lib/log.ts';
import { createListChecker } from '../lib/pipeline/check-list.ts';
import { enrollDevices } from '../lib/pipeline/enroll-devices.ts';
import { ingestManifest } from '../lib/pipeline/ingest-manifest.ts';
import { createIssuanceCache } from '../lib/pipeline/issuance.ts';
import { createOverview } from '../lib/pipeline/overview.ts';
import { provisionChunk } from '../lib/pipeline/provision-chunk.ts';
import { reconcileRegistrations } from '../lib/pipeline/reconcile-registrations.ts';
import { createProvisionSmall, type ProvisionSmall } from '../lib/pipeline/small-jobs.ts';
import type { KeyStore } from '../lib/pki/key-store.ts';
import { createSoftwareKeyStore } from '../lib/pki/software-key-store.ts';
import { createRateLimiter } from '../lib/rate-limiter.ts';
import { someTime } from './factories.ts';
import { createMemoryAudit } from './memory/audit.ts';
import { createMemoryBlobStore } from './memory/blob-store.ts';
import { createMemoryDeadLetterStore } from './memory/dead-letter-store.ts';
import { createMemoryDelegatedCaStore } from './memory/delegated-ca-store.ts';
import { createMemoryDeviceStore } from './memory/device-store.ts';
import { createMemoryEnrollments } from './memory/enrollments.ts';
import { createMemoryFindingStore } from './memory/finding-store.ts';
import { createMemoryFleetActStore } from './memory/fleet-acts.ts';
import { createMemoryGroupStore } from './memory/group-store.ts';
import { createMemoryHubIdentities } from './memory/hub-identities.ts';
import { createMemoryJobStore } from './memory/job-store.ts';
import { createMemoryOutbox } from './memory/outbox.ts';
import { createMemoryRenewalRate } from './memory/renewal-rate.ts';
import { createMemorySecretStore } from './memory/secret-store.ts';

/** Hubs without devices. */
export const noTwins: HubTwins = { merge: async () => {}, remove: async () => 'absent' };
const emptyQueue = { waiting: async () => 0, oldest: async () => undefined };

/** Thrown in the place of a crash. */
export class Interruption extends Error {}

interface Event {
  readonly blobName: string;
  readonly etag: string;
}

interface Delivery {
  readonly message: unknown;
  readonly run: () => Promise<void>;
}

export interface WorldOptions {
  readonly chunkRows?: number;
  /** The worker that splits a small job provisions it too. By default each chunk is a message, which a test can see and deliver. */
  readonly provisionsSmall?: boolean;
  /** CA keys; in a directory of the world's own if absent. */
  readonly keys?: KeyStore;
  readonly now?: () => Date;
  /** As if CA keys were in a Key Vault: groups issue by delegated CAs, unless they are declared otherwise. Default: false. */
  readonly usesKeyVault?: boolean;
  /** DPS and the hubs; in memory if absent. */
  readonly azure?: { readonly enrollments: Enrollments; readonly identities: HubIdentities; readonly twins: HubTwins };
}

/**
 * The whole pipeline on memory: the real steps, certificates and bundles between stores and queues that a test can see
 * into, and that can be cut: `interruptAfter(n)` throws once, when the n-th call of any port from then on has taken
 * effect and its answer is on the way. A delivery that throws so is delivered again.
 */
export function createWorld(options: WorldOptions = {}) {
  const { chunkRows = 5, provisionsSmall = false, keys: given, now = () => someTime } = options;
  const { azure, usesKeyVault = false } = options;
  const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
  const sleep = async () => {};
  const retry = { maxWaitSeconds: 60, sleep };

  let calls = 0;
  let fuse = Number.POSITIVE_INFINITY;
  let meanwhile: (() => Promise<void>) | undefined;
  let broken: { readonly method: string; readonly port?: object | undefined } | undefined;
  /** The worker was cut. It makes no further call, until the next delivery has a new worker. */
  let isDead = false;
  /** Every method of a port, counted, and cut when its turn comes. */
  function cuttable<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]) => {
          if (isDead) return Promise.reject(new Interruption('the worker is dead'));
          if (property === broken?.method && (broken.port ?? target) === target) {
            broken = undefined;
            return Promise.reject(new Interruption(`before ${String(property)}`));
          }
          const answer: unknown = member.apply(target, given);
          if (!(answer instanceof Promise)) return answer;
          return answer.then(async (value: unknown) => {
            calls += 1;
            if (calls !== fuse) return value;
            fuse = Number.POSITIVE_INFINITY;
            if (meanwhile === undefined) {
              isDead = provisionsSmall;
              throw new Interruption(`after ${String(property)}`);
            }
            await meanwhile();
            return value;
          });
        };
      },
    });
  }

  const deployment = { dpsOperationsPerMinute: 1000, usesKeyVault };
  let ids = 0;
  const queue: Delivery[] = [];
  const memory = {
    ...{ jobs: createMemoryJobStore(), devices: createMemoryDeviceStore(), groupStore: createMemoryGroupStore() },
    ...{ manifests: createMemoryBlobStore(), bundles: createMemoryBlobStore(), reports: createMemoryBlobStore() },
    enrollments: createMemoryEnrollments(),
    findings: createMemoryFindingStore(),
    identities: createMemoryHubIdentities(),
    fleetActs: createMemoryFleetActStore(),
    audit: createMemoryAudit(),
    allocationSecrets: createMemorySecretStore(),
    renewalRate: createMemoryRenewalRate(),
    delegatedCas: createMemoryDelegatedCaStore(),
  };
  const deadLetters = createMemoryDeadLetterStore();
  const outbox = createMemoryOutbox({
    jobs: memory.jobs.place,
    devices: memory.devices.place,
    findings: memory.findings.place,
    letters: deadLetters.place,
  });
  const [jobs, devices, groupStore] = [cuttable(memory.jobs), cuttable(memory.devices), cuttable(memory.groupStore)];
  const [manifests, bundles, reports] = [
    cuttable(memory.manifests),
    cuttable(memory.bundles),
    cuttable(memory.reports),
  ];
  const enrollments = cuttable(azure?.enrollments ?? memory.enrollments);
  const identities = cuttable(azure?.identities ?? memory.identities);
  const keys = given ?? createSoftwareKeyStore({ directory });
  const authority = createCertificateAuthority({
    keys,
    groups: groupStore,
    rootName: 'Test root CA',
    audit: cuttable<Audit>(memory.audit),
    usesKeyVault,
    now,
  });
  const newGroups = () =>
    createGroups({
      ...{ store: groupStore, authority, enrollments, retry, now, allowPlainKeys: true },
      hasEstServer: true,
      allocationKeys: createAllocationKeys({
        ...{ apiUrl: 'https://fleet.example.com', allowPrivate: false, randomBytes, now },
        secrets: cuttable<SecretStore>(memory.allocationSecrets),
      }),
    });
  const estServer = { url: 'https://est.example.com' };
  const dps = { idScope: '0ne00000000', globalEndpoint: 'https://global.azure-devices-provisioning.net' };

  const chunkQueue = cuttable({
    send: async (messages: Iterable<ChunkMessage>) => {
      for (const message of messages) queue.push({ message, run: () => provisionChunk(message, services()) });
    },
  });
  const enrollmentQueue = cuttable({
    send: async (messages: Iterable<EnrollmentMessage>) => {
      for (const message of messages) queue.push({ message, run: () => enrollDevices(message, services()) });
    },
  });

  /** Messages of blocked devices. A test delivers them when their time has come. */
  const blockMessages: BlockMessage[] = [];
  const blockQueue = cuttable({
    send: async (messages: Iterable<BlockMessage>) => void blockMessages.push(...messages),
  });

  const toQueue: ProvisionSmall = async (messages) => messages;

  const delegatedCas = cuttable<DelegatedCaStore>(memory.delegatedCas);
  /** A worker that crashes loses the keys of its delegated CAs. No timer ends them here. */
  const newDelegatedCas = () =>
    createDelegatedCas({
      ...{ authority, store: delegatedCas, audit: cuttable<Audit>(memory.audit), worker: 'test-host-1', now },
      ...{ later: () => () => {}, log: currentLog() },
    });

  /** New for each delivery: a worker that crashes loses its caches. */
  const services = (pool = newDelegatedCas()) => ({
    provisionSmall: provisionsSmall ? createProvisionSmall() : toQueue,
    ...{ jobs, devices, manifests, bundles, reports, enrollments, chunkQueue, enrollmentQueue, now, retry, chunkRows },
    ...{ outbox: cuttable(outbox), announceAssigned: true },
    ...{ identities, blockQueue, fleetActs: cuttable(memory.fleetActs), registryOperationsPerMinute: 50 },
    ...{ authority, renewalRate: cuttable(memory.renewalRate) },
    groups: newGroups(),
    findings: cuttable(memory.findings),
    overview: createOverview({
      devices,
      groups: newGroups(),
      jobs,
      findings: memory.findings,
      deadLetters,
      queue: () => emptyQueue,
      now,
    }),
    deployment,
    checkList: createListChecker({ groups: newGroups(), devices, deployment, now }),
    newId: () => `id-${++ids}`,
    audit: cuttable<Audit>(memory.audit),
    random: Math.random,
    twins: cuttable({ ...(azure?.twins ?? noTwins) }),
    openIssuance: createIssuanceCache({
      ...{ authority, delegatedCas: pool, usesKeyVault, estServer, now },
      dps: new Map([['default', dps]]),
    }),
    ...{ delegatedCas, endDelegatedCa: pool.end },
    registryRateLimiter: createRateLimiter({ perMinute: 1_000_000, now, sleep }),
    places: onePlace,
  });

  return {
    ...memory,
    outbox,
    deadLetters,
    cuttable,
    services,
    queue,
    blockMessages,

    declare: (id: string, input: GroupInput, by?: string, options?: DeclareOptions) =>
      newGroups().declare(id, input, by, options),

    /** Uploads a manifest and announces it. @returns the id of its job */
    async upload(blobName: string, text: string | Uint8Array, metadata: Record<string, string> = {}): Promise<string> {
      const body = Buffer.from(text as string);
      await memory.manifests.write(blobName, body, { contentType: 'text/csv', metadata });
      const etag = (await memory.manifests.properties(blobName))?.etag ?? '';
      this.announce({ blobName, etag }, body.length);
      return jobIdOf({ blob: blobName, etag });
    },

    announce(event: Event, contentLength: number): void {
      const created = {
        ...event,
        container: 'manifests',
        url: `https://test/manifests/${event.blobName}`,
        bytes: contentLength,
      };
      queue.push({ message: created, run: () => ingestManifest(created, services()) });
    },

    /** Calls that were made since `interruptAfter` or `pauseAfter`. */
    calls: () => calls,

    interruptAfter(call: number): void {
      calls = 0;
      fuse = call;
      meanwhile = undefined;
    },

    /** Something else happens when the n-th call has taken effect; its caller waits for that, and goes on. */
    pauseAfter(call: number, act: () => Promise<void>): void {
      calls = 0;
      fuse = call;
      meanwhile = act;
    },

    /** Whether that call has come. */
    hasPaused: () => fuse === Number.POSITIVE_INFINITY,

    /** The next call of that method of any port fails before it has any effect. */
    failOn(method: string, port?: object): void {
      broken = { method, port };
    },

    /** Delivers until the queues are empty; an interrupted delivery comes again at once. @returns how many calls were made */
    async settle(): Promise<number> {
      for (let delivery = queue.shift(); delivery !== undefined; delivery = queue.shift()) {
        isDead = false;
        try {
          await delivery.run();
        } catch (error) {
          if (!(error instanceof Interruption)) throw error;
          queue.unshift(delivery);
        }
      }
      return calls;
    },

    job: async (jobId: string): Promise<Job> => {
      const job = await memory.jobs.read(jobId);
      if (job === undefined) throw new Error(`no job ${jobId}`);
      return job;
    },

    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What a sweep of the only DPS instance takes besides the services. */
export function sweptDps({
  enrollments,
  registryRateLimiter,
}: Pick<ReturnType<World['services']>, 'enrollments' | 'registryRateLimiter'>) {
  const dps = { name: 'default', enrollments, rateLimiter: registryRateLimiter };
  return { dps, queryRateLimiter: () => registryRateLimiter };
}

export type World = ReturnType<typeof createWorld>;

/** Registers devices of group `line7` at a hub, as DPS does, and lets the app see it. */
export async function registerAt(hub: string, world: World, ids: readonly string[]): Promise<void> {
  const registration = { status: 'assigned', assignedHub: hub } as const;
  world.enrollments.registrations.set(
    'line7',
    ids.map((deviceId) => ({ deviceId, registration })),
  );
  for (const id of ids) world.identities.devices.set(`${hub}/${id}`, { status: 'enabled' });
  await reconcileRegistrations(world.services());
}
