import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { nightly } from '../../functions/config/sweep-schedule.ts';
import { type Api, createApi, type JobAnswer } from '../../infra/local/demo/api.ts';
import { pollingSetting } from '../../infra/local/settings.ts';
import { type ProcessName, type Stack, startStack } from '../../infra/local/stack.ts';
import { packageApp } from '../../infra/package-app.ts';
import { jobIdOf } from '../../lib/jobs/job.ts';
import { cpuSeconds, peakMebibytes } from './process-metrics.ts';

/** A completed job. */
export interface FinishedJob {
  readonly rows: number;
  /** From the start of the upload to the job's `finishedAt`. */
  readonly seconds: number;
  /** User and system time per process of the stack. */
  readonly cpuSeconds: ReadonlyMap<ProcessName, number>;
}

export interface BenchStack {
  readonly stack: Stack;
  readonly api: Api;
  readonly bundles: ContainerClient;
  readonly directory: string;
  /** Makes an enrollment group like `bench`, which is there at the start. */
  declare(id: string, settings?: object): Promise<void>;
  /** Uploads a manifest of new devices. @returns the id of its job, and when the upload began (ms since 1970) */
  submit(rows: number, group?: string): Promise<{ jobId: string; began: number; deviceIds: (row: number) => string }>;
  /** Waits until the first chunks of a job are provisioned. */
  begun(jobId: string): Promise<void>;
  /** Waits for the end of a job. @throws Error if a row was not provisioned */
  ended(jobId: string, rows: number): Promise<JobAnswer>;
  /** Submits a manifest and waits for its end. */
  run(rows: number, group?: string): Promise<FinishedJob>;
  /** Peak memory of the functions process since its start, MiB. */
  peak(): Promise<number>;
}

const settingsOfGroup = {
  keyCustody: 'plain',
  target: 'iotedge-1.6',
  initialTwin: { tags: { product: 'edge-gateway' } },
};

/**
 * V8 sizes its heap by the memory of the machine, and collects garbage later if there is more. When memory is measured, the
 * functions process gets less than half of what V8 takes on the smallest instance, so that results do not depend on the machine and
 * an instance has room. V8's limit on the real host was 1,120 MB with 2,048 MB, and 2,240 MB with 4,096 MB.
 */
export const smallHeap = '--max-semi-space-size=8 --max-old-space-size=512';
/** Polling of idle queues is no part of the work that is measured. The local stack polls more often. */
const rarePolling = { [pollingSetting]: '00:00:00.250' };
/** Milliseconds between two reads of a job: rare enough not to affect the results. */
const pollInterval = 250;
const beginInterval = 20;
/** Milliseconds without progress after which a job is stuck. */
const progressTimeout = 120_000;

export interface BenchStackOptions {
  /** Functions hosts, all on the same queues. */
  readonly hosts?: number;
  readonly heap?: 'of the machine' | 'small';
  /** Arguments of `key-vault-emulator`, which then has the CA keys. Absent: they are in files. */
  readonly keyVault?: readonly string[];
  /** App settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Runs `work` on the packaged app and a new local stack: Azurite, the Cosmos DB and DPS emulators, and functions hosts, one
 * process each, in a temporary directory that is deleted afterwards.
 */
export async function withBenchStack<T>(
  { hosts = 1, heap = 'of the machine', keyVault, settings = {} }: BenchStackOptions,
  work: (bench: BenchStack) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const appDirectory = join(directory, 'app');
  let stack: Stack | undefined;
  try {
    await packageApp(appDirectory);
    // Once per day: it asks DPS about registrations, and these devices do not register.
    const reconcileSchedule = '0 0 0 * * *';
    // Nightly, as in Azure. The local stack sweeps each minute, and that would be measured too.
    const SWEEP_SCHEDULE = nightly;
    stack = await startStack({
      ...{ directory, ports: 'free', appDirectory, reconcileSchedule, hosts },
      ...(keyVault !== undefined && { keyVault: true, keyVaultArguments: keyVault }),
      // App settings are the environment of the functions process only, so only that process gets NODE_OPTIONS.
      settings: { SWEEP_SCHEDULE, ...rarePolling, ...settings, ...(heap === 'small' && { NODE_OPTIONS: smallHeap }) },
    });
    const bench = createBench(stack, directory);
    await bench.declare('bench');
    return await work(bench);
  } finally {
    await stack?.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

function createBench(stack: Stack, directory: string): BenchStack {
  const api = createApi({ url: stack.urls.functions, key: stack.functionsKey });
  const blobs = BlobServiceClient.fromConnectionString(stack.storageConnectionString);
  const manifests = blobs.getContainerClient('manifests');
  const functions = stack.process('functions');
  const pid = () => functions.pid ?? Number.NaN;
  const cpuOfAll = async () => {
    const seen = new Map<ProcessName, number>();
    for (const [name, child] of stack.processes) seen.set(name, await cpuSeconds(child.pid ?? Number.NaN));
    return seen;
  };
  let jobs = 0;

  const bench: BenchStack = {
    ...{ stack, api, directory, bundles: blobs.getContainerClient('bundles') },

    async declare(id, more = {}) {
      await api.put(`enrollment-groups/${id}`, { ...settingsOfGroup, ...more });
    },

    async submit(rows, group = 'bench') {
      jobs += 1;
      const prefix = `job${jobs}`;
      const deviceIds = (row: number) => `${prefix}-${String(row).padStart(7, '0')}`;
      const body = Buffer.from(manifestOf(rows, deviceIds));
      const name = `${group}/${prefix}.csv`;
      const began = Date.now();
      const { etag = '' } = await manifests.getBlockBlobClient(name).upload(body, body.length);
      return { jobId: jobIdOf({ blob: name, etag: etag.replaceAll('"', '') }), began, deviceIds };
    },

    async begun(jobId) {
      for (;;) {
        const job = await api.get<JobAnswer>(`jobs/${jobId}`).catch(() => undefined);
        if ((job?.counts.provisioned ?? 0) > 0) return;
        await sleep(beginInterval);
      }
    },

    async ended(jobId, rows) {
      let percent = -1;
      for (let since = Date.now(); Date.now() - since < progressTimeout; await sleep(pollInterval)) {
        const job = await api.get<JobAnswer>(`jobs/${jobId}`).catch(() => undefined);
        if (job?.finishedAt !== undefined) {
          if (job.counts.provisioned === rows) return job;
          throw new Error(`Job ${jobId} ended as ${job.status}: ${JSON.stringify(job.counts)}`);
        }
        if (job !== undefined && job.percent !== percent) {
          ({ percent } = job);
          since = Date.now();
        }
      }
      throw new Error(`Job ${jobId} made no progress for 120 s after ${percent} %.`);
    },

    async run(rows, group) {
      const before = await cpuOfAll();
      const { jobId, began } = await bench.submit(rows, group);
      const { finishedAt = '' } = await bench.ended(jobId, rows);
      return {
        rows,
        seconds: (Date.parse(finishedAt) - began) / 1000,
        cpuSeconds: new Map([...(await cpuOfAll())].map(([name, after]) => [name, after - (before.get(name) ?? 0)])),
      };
    },

    peak: () => peakMebibytes(pid()),
  };
  return bench;
}

/** Rows like those of samples/gateways.csv, without the invalid ones. */
function manifestOf(rows: number, deviceIds: (row: number) => string): string {
  const lines = Array.from({ length: rows }, (_, index) => `${deviceIds(index + 1)},berlin,hall ${index % 7},${index}`);
  return `deviceId,tags.site,tags.hall,tags.slot:number\n${lines.join('\n')}\n`;
}
