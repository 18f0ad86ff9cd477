import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/*
 * The parts of host.json that this host honours, with the defaults of the real one.
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json
 */

/** "hh:mm:ss" or "hh:mm:ss.fffffff", as .NET writes a TimeSpan. @returns milliseconds */
const timeSpan = z
  .string()
  .regex(/^(\d+)\.?(\d\d):([0-5]\d):([0-5]\d)(\.\d+)?$|^(\d{1,2}):([0-5]\d):([0-5]\d)(\.\d+)?$/, 'a time such as 00:00:30')
  .transform((text) => {
    const [hours = 0, minutes = 0, seconds = 0] = text.split(':').map(Number);
    return ((hours * 60 + minutes) * 60 + seconds) * 1000;
  });

const queues = z.object({
  batchSize: z.int().min(1).max(32).default(16),
  newBatchThreshold: z.int().min(0).optional(),
  maxDequeueCount: z.int().min(1).default(5),
  visibilityTimeout: timeSpan.default(0),
  // The real host polls every 2 s at most in a development environment, and every minute in Azure.
  maxPollingInterval: timeSpan.refine((value) => value >= 100, 'at least 00:00:00.100').default(2_000),
  messageEncoding: z.enum(['base64', 'none']).default('base64'),
});

const schema = z.object({
  version: z.literal('2.0'),
  functionTimeout: timeSpan.or(z.literal('-1').transform(() => Number.POSITIVE_INFINITY)).default(30 * 60 * 1000),
  extensions: z
    .object({
      http: z.object({ routePrefix: z.string().default('api') }).prefault({}),
      queues: queues.prefault({}),
    })
    .prefault({}),
});

export interface QueueSettings extends z.output<typeof queues> {
  readonly newBatchThreshold: number;
}

export interface HostSettings {
  readonly routePrefix: string;
  readonly functionTimeout: number;
  readonly queues: QueueSettings;
}

/** @throws Error naming each wrong member of host.json */
export async function readHostJson(appDirectory: string): Promise<HostSettings> {
  const parsed = schema.safeParse(JSON.parse(await readFile(join(appDirectory, 'host.json'), 'utf8')));
  if (!parsed.success) throw new Error(`host.json is wrong: ${z.prettifyError(parsed.error)}`);
  const { functionTimeout, extensions } = parsed.data;
  // Half a batch a processor core: 2 cores unless set, as on the smallest instance that has more than one.
  const newBatchThreshold = extensions.queues.newBatchThreshold ?? Math.floor(extensions.queues.batchSize / 2) * 2;
  return { routePrefix: extensions.http.routePrefix, functionTimeout, queues: { ...extensions.queues, newBatchThreshold } };
}
