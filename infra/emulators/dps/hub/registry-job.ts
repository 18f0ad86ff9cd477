import { z } from 'zod';
import { anyCase } from '../lenient.ts';
import type { HubDevice } from './hub-device.ts';
import { identityEtag, scopesOf, showSection, twinEtag } from './hub-device.ts';
import { hubBadRequest } from './hub-error.ts';

const name = z.string().min(1).max(1024).nullish();
const requestSyntax = z.object({
  type: anyCase(['import', 'export']),
  inputBlobContainerUri: z.string().max(4096).nullish(),
  inputBlobName: name,
  outputBlobContainerUri: z.string().max(4096),
  outputBlobName: name,
  excludeKeysInExport: z.boolean().nullish(),
  storageAuthenticationType: anyCase(['keyBased', 'identityBased']).nullish(),
});

/** What a job does. The names of blobs have the defaults of the service. */
export interface JobRequest {
  readonly type: 'import' | 'export';
  /** Empty for an export. */
  readonly inputUri: string;
  readonly inputBlobName: string;
  readonly outputUri: string;
  readonly outputBlobName: string;
  readonly excludeKeys: boolean;
  readonly identityBased: boolean;
}

/** An import or export of identities and twins: https://learn.microsoft.com/azure/iot-hub/iot-hub-bulk-identity-mgmt */
export interface RegistryJob extends JobRequest {
  readonly jobId: string;
  readonly hubs: readonly string[];
  readonly status: 'enqueued' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly startTimeUtc: string;
  readonly endTimeUtc?: string;
  /** Percent. */
  readonly progress: number;
  readonly failureReason?: string;
  /** Lines of the input that are done. The next process continues after them. */
  readonly linesDone: number;
}

/** @throws ServiceError 400 */
export function readJobRequest(body: unknown): JobRequest {
  const parsed = requestSyntax.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw hubBadRequest(`The job is not valid. ${issue?.path.join('.') ?? ''}: ${issue?.message}`);
  }
  const input = parsed.data;
  if (input.type === 'import' && !input.inputBlobContainerUri) {
    throw hubBadRequest('An import job needs inputBlobContainerUri.');
  }
  return {
    type: input.type,
    inputUri: input.inputBlobContainerUri ?? '',
    inputBlobName: input.inputBlobName ?? 'devices.txt',
    outputUri: input.outputBlobContainerUri,
    outputBlobName: input.outputBlobName ?? 'devices.txt',
    excludeKeys: input.excludeKeysInExport ?? false,
    identityBased: input.storageAuthenticationType === 'identityBased',
  };
}

/** Writes `JobProperties`. A live hub does not echo the URIs, which hold signatures (see `createRegistryJobs`). */
export function showJob(job: RegistryJob) {
  return {
    jobId: job.jobId,
    startTimeUtc: job.startTimeUtc,
    ...(job.endTimeUtc === undefined ? {} : { endTimeUtc: job.endTimeUtc }),
    type: job.type,
    status: job.status,
    progress: job.progress,
    outputBlobContainerUri: '',
    excludeKeysInExport: job.excludeKeys,
    failureReason: job.failureReason ?? null,
  };
}

export function isFinished({ status }: RegistryJob): boolean {
  return status !== 'enqueued' && status !== 'running';
}

/** Writes `ExportImportDevice`. */
export function showExported(device: HubDevice, { excludeKeys }: Pick<JobRequest, 'excludeKeys'>) {
  return {
    id: device.deviceId,
    eTag: identityEtag(device),
    status: device.status,
    statusReason: device.statusReason,
    // The published samples have null here if keys are excluded.
    authentication: excludeKeys ? null : device.authentication,
    twinETag: twinEtag(device),
    tags: device.tags,
    properties: { desired: showSection(device.desired), reported: showSection(device.reported) },
    capabilities: { iotEdge: device.iotEdge },
    ...scopesOf(device),
  };
}
