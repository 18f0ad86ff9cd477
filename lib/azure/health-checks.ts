import type { Database } from '@azure/cosmos';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { QueueServiceClient } from '@azure/storage-queue';
import type { CertificateAuthority } from '../enrollment/certificate-authority.ts';
import type { Enrollments } from '../enrollment/enrollments.ts';
import { asFleetError, FleetError } from '../errors.ts';
import { calling } from './service-errors.ts';

/** One dependency, tried with the identity that the app has. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is missing, in words an operator can act on. */
  readonly problem?: string;
}

export interface CheckedServices {
  readonly blobs: BlobServiceClient;
  readonly queues: QueueServiceClient;
  readonly cosmos: Database;
  readonly enrollments: Enrollments;
  readonly authority: CertificateAuthority;
}

export const containerNames = ['manifests', 'bundles', 'reports'] as const;
export const queueNames = ['manifest-uploads', 'orders', 'chunks', 'individual-enrollments'] as const;
export const cosmosContainerNames = ['devices', 'jobs', 'groups', 'dead-letters'] as const;

/** An id that no device has: looking it up shows that DPS answers and lets us read. */
const nobody = 'health-check';

/** @returns a function that tries everything the app depends on, all at once */
export function createChecks({
  blobs,
  queues,
  cosmos,
  enrollments,
  authority,
}: CheckedServices): () => Promise<Check[]> {
  const probes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ...containerNames.map(
      (name) => [`blob container ${name}`, () => blobs.getContainerClient(name).getProperties()] as const,
    ),
    ...queueNames.map((name) => [`queue ${name}`, () => queues.getQueueClient(name).getProperties()] as const),
    ...cosmosContainerNames.map((name) => [`Cosmos container ${name}`, () => cosmos.container(name).read()] as const),
    ['DPS service API', () => enrollments.registration(nobody)],
    ['CA keys and root certificate', () => authority.root()],
  ];
  return () => Promise.all(probes.map(([name, probe]) => attempt(name, probe)));
}

async function attempt(name: string, probe: () => Promise<unknown>): Promise<Check> {
  try {
    await calling(name, probe);
    return { name, ok: true };
  } catch (error) {
    const status = (error as { statusCode?: number; code?: unknown }).statusCode ?? (error as { code?: unknown }).code;
    if (status === 404) return { name, ok: false, problem: `${name} does not exist.` };
    const { message, code } = asFleetError(error);
    return {
      name,
      ok: false,
      problem: error instanceof FleetError ? message : `${name} failed (${code}); see the log.`,
    };
  }
}
