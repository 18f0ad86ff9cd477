import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { type Api, createApi, type DeviceAnswer, type JobAnswer } from '../../infra/local/demo/api.ts';
import { type StackOptions, startStack } from '../../infra/local/stack.ts';
import { jobIdOf } from '../../lib/jobs/job.ts';
import { until } from '../until.ts';
import { checkFetches } from './checked-answers.ts';

/** Polls idle queues and redelivers failed messages sooner than host.json, which saves storage operations. */
const soon = {
  AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.200',
  AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:01',
};

/** The built app on the whole local stack, in a temporary directory and on free ports. Every answer to `fetch` is checked. */
export async function startTestStack(options: Omit<StackOptions, 'directory' | 'ports'> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-e2e-'));
  const settings = { ...soon, ...options.settings };
  const stack = await startStack({ directory, ports: 'free', ...options, settings }).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  const answers = checkFetches(stack.urls.functions);
  const api: Api = createApi({ url: stack.urls.functions, key: stack.functionsKey });
  const manifests = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient(
    'manifests',
  );

  return {
    ...{ stack, api, directory },

    queue: (name: string) =>
      QueueServiceClient.fromConnectionString(stack.storageConnectionString).getQueueClient(name),

    /** Uploads a manifest, as any client of the storage account would. @returns the id of its job */
    async upload(name: string, content: string | Buffer): Promise<string> {
      const body = Buffer.from(content);
      const { etag = '' } = await manifests.getBlockBlobClient(name).upload(body, body.length);
      return jobIdOf({ blob: name, etag: etag.replaceAll('"', '') });
    },

    /** Waits until the job has ended. */
    ended: (jobId: string) =>
      until(async () => {
        const job = await jobOf(api, jobId);
        return job?.finishedAt !== undefined && job;
      }),

    devicesOf: async (jobId: string, pageSize = 1000): Promise<DeviceAnswer[][]> => {
      const pages: DeviceAnswer[][] = [];
      let path: string | undefined = `devices?job=${jobId}&limit=${pageSize}`;
      while (path !== undefined) {
        const page: { devices: DeviceAnswer[]; next?: string } = await api.get(path);
        pages.push(page.devices);
        path = page.next?.replace(/^\/api\//, '');
      }
      return pages;
    },

    async close(): Promise<void> {
      await stack.stop();
      await rm(directory, { recursive: true, force: true });
      answers.end();
    },
  };
}

export type TestStack = Awaited<ReturnType<typeof startTestStack>>;

/** The job; undefined when it is not known yet or the host does not answer, because some tests kill the host. */
export async function jobOf(api: Api, jobId: string): Promise<JobAnswer | undefined> {
  return api.get<JobAnswer>(`jobs/${jobId}`).catch(() => undefined);
}

/** Rows `prefix-1` to `prefix-<count>` as a manifest. */
export function manifestOf(prefix: string, count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `${prefix}-${index + 1},berlin,${index + 1}`);
  return `deviceId,tags.site,tags.slot:number\n${rows.join('\n')}\n`;
}
