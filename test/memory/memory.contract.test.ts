import { onePlace } from '../../lib/enrollment/dps-places.ts';
import { enrollmentsByInstance } from '../../lib/enrollment/enrollments-by-instance.ts';
import { appendBlobsContract } from '../contract/append-blobs.ts';
import { blobStoreContract } from '../contract/blob-store.ts';
import { caRegistryContract } from '../contract/ca-registry.ts';
import { deadLetterStoreContract } from '../contract/dead-letter-store.ts';
import { delegatedCaStoreContract } from '../contract/delegated-ca-store.ts';
import { deviceStoreContract } from '../contract/device-store.ts';
import { dpsCaStoreContract } from '../contract/dps-ca-store.ts';
import { enrollmentsContract } from '../contract/enrollments.ts';
import { findingStoreContract } from '../contract/finding-store.ts';
import { fleetActStoreContract } from '../contract/fleet-act-store.ts';
import { groupStoreContract } from '../contract/group-store.ts';
import { hubIdentitiesContract } from '../contract/hub-identities.ts';
import { jobStoreContract } from '../contract/job-store.ts';
import { lockContract } from '../contract/lock.ts';
import { outboxContract } from '../contract/outbox.ts';
import { renewalRateContract } from '../contract/renewal-rate.ts';
import { webhookStoreContract } from '../contract/webhook-store.ts';
import { makeCertificate } from '../infra/emulators/dps/certificates.ts';
import { createMemoryAppendBlobs } from './append-blobs.ts';
import { createMemoryBlobStore } from './blob-store.ts';
import { createMemoryCaRegistry } from './ca-registry.ts';
import { createMemoryDeadLetterStore } from './dead-letter-store.ts';
import { createMemoryDelegatedCaStore } from './delegated-ca-store.ts';
import { createMemoryDeviceStore } from './device-store.ts';
import { createMemoryDpsCaStore } from './dps-cas.ts';
import { createMemoryEnrollments } from './enrollments.ts';
import { createMemoryFindingStore } from './finding-store.ts';
import { createMemoryFleetActStore } from './fleet-acts.ts';
import { createMemoryGroupStore } from './group-store.ts';
import { createMemoryHubIdentities } from './hub-identities.ts';
import { createMemoryJobStore } from './job-store.ts';
import { createMemoryLocks } from './locks.ts';
import { createMemoryOutbox } from './outbox.ts';
import { createMemoryRenewalRate } from './renewal-rate.ts';
import { createMemoryWebhookStore } from './webhook-store.ts';

// The in-memory ports pass the same tests as the real ones. Otherwise, unit tests that use them would prove nothing.
const [devices, jobs, blobs, groups, letters] = [
  createMemoryDeviceStore(),
  createMemoryJobStore(),
  createMemoryBlobStore(),
  createMemoryGroupStore(),
  createMemoryDeadLetterStore(),
];
deviceStoreContract('memory', () => devices);
jobStoreContract('memory', () => jobs);
appendBlobsContract('memory', () => {
  const segments = createMemoryAppendBlobs({ blocks: 100 });
  return { segments, store: segments.store };
});
blobStoreContract('memory', () => blobs);
groupStoreContract('memory', () => groups);
const renewalRate = createMemoryRenewalRate();
renewalRateContract('memory', () => renewalRate);
deadLetterStoreContract('memory', () => letters);
const findings = createMemoryFindingStore();
findingStoreContract('memory', () => findings);
const owing = {
  devices: createMemoryDeviceStore(),
  jobs: createMemoryJobStore(),
  findings: createMemoryFindingStore(),
  deadLetters: createMemoryDeadLetterStore(),
};
const owingPlaces = Object.entries(owing).map(([place, store]) => [place, store.place]);
const outbox = createMemoryOutbox(Object.fromEntries(owingPlaces));
outboxContract('memory', () => ({ ...owing, outbox }));
const webhooks = createMemoryWebhookStore();
webhookStoreContract('memory', () => webhooks);
const delegatedCas = createMemoryDelegatedCaStore();
delegatedCaStoreContract('memory', () => delegatedCas);
const dpsCas = createMemoryDpsCaStore();
dpsCaStoreContract('memory', () => dpsCas);
lockContract('memory', createMemoryLocks());

const registry = createMemoryCaRegistry();
caRegistryContract('memory', () => registry);

const enrollments = createMemoryEnrollments();
const twinIn = async ({ groups }: typeof enrollments, id: string) =>
  groups.get(id)?.definition.initialTwin ?? { tags: {}, desired: {} };
enrollmentsContract(
  'memory',
  () => ({
    enrollments,
    groupTwin: (id) => twinIn(enrollments, id),
    async register(group, deviceIds) {
      const registration = { status: 'assigned', assignedHub: 'hub', at: new Date().toISOString() } as const;
      enrollments.registrations.set(
        group,
        deviceIds.map((deviceId) => ({ deviceId, registration })),
      );
    },
  }),
  async () => (await makeCertificate({ name: 'memory CA', ca: true })).pem,
);

// The router behaves as one DPS.
const [routed, other] = [createMemoryEnrollments(), createMemoryEnrollments()];
const router = enrollmentsByInstance(
  new Map([
    ['default', routed],
    ['west', other],
  ]),
  onePlace,
);
enrollmentsContract(
  'one of two DPS instances',
  () => ({
    enrollments: router,
    groupTwin: (id) => twinIn(routed, id),
    async register(group, deviceIds) {
      const registration = { status: 'assigned', assignedHub: 'hub', at: new Date().toISOString() } as const;
      routed.registrations.set(
        group,
        deviceIds.map((deviceId) => ({ deviceId, registration })),
      );
    },
  }),
  async () => (await makeCertificate({ name: 'routed CA', ca: true })).pem,
);

hubIdentitiesContract('memory', async () => {
  const identities = createMemoryHubIdentities();
  const thumbprints = ['AB'.repeat(32)];
  identities.devices.set('hub/gw-1', { status: 'enabled', authentication: 'selfSigned', thumbprints });
  return {
    identities,
    ...{ hub: 'hub', otherHub: 'other hub', deviceId: 'gw-1', thumbprints },
    rest: async () => undefined,
    async disableElsewhere(hub, deviceId, statusReason) {
      identities.devices.set(`${hub}/${deviceId}`, { status: 'disabled', statusReason });
    },
  };
});

const fleetActs = createMemoryFleetActStore();
fleetActStoreContract('memory', () => fleetActs);
