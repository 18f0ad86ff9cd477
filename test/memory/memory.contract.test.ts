import { blobStoreContract } from '../contract/blob-store.ts';
import { deadLetterStoreContract } from '../contract/dead-letter-store.ts';
import { deviceStoreContract } from '../contract/device-store.ts';
import { enrollmentsContract } from '../contract/enrollments.ts';
import { groupStoreContract } from '../contract/group-store.ts';
import { jobStoreContract } from '../contract/job-store.ts';
import { createMemoryBlobStore } from './blob-store.ts';
import { createMemoryDeadLetterStore } from './dead-letter-store.ts';
import { createMemoryDeviceStore } from './device-store.ts';
import { createMemoryEnrollments } from './enrollments.ts';
import { createMemoryGroupStore } from './group-store.ts';
import { createMemoryJobStore } from './job-store.ts';

// The stores that unit tests use are held to the contract of the real ones, or their tests would prove nothing.
const [devices, jobs, blobs, groups, letters] = [
  createMemoryDeviceStore(),
  createMemoryJobStore(),
  createMemoryBlobStore(),
  createMemoryGroupStore(),
  createMemoryDeadLetterStore(),
];
deviceStoreContract('memory', () => devices);
jobStoreContract('memory', () => jobs);
blobStoreContract('memory', () => blobs);
groupStoreContract('memory', () => groups);
deadLetterStoreContract('memory', () => letters);

const enrollments = createMemoryEnrollments();
enrollmentsContract(
  'memory',
  () => ({
    enrollments,
    async register(group, deviceIds) {
      const registration = { status: 'assigned', assignedHub: 'hub', at: new Date().toISOString() } as const;
      enrollments.registrations.set(
        group,
        deviceIds.map((deviceId) => ({ deviceId, registration })),
      );
    },
  }),
  async () => 'a certificate',
);
