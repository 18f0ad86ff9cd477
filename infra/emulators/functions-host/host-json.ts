import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/*
 * The supported parts of host.json, with the defaults of the real host.
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json
 */

/** A .NET TimeSpan in milliseconds: "hh:mm:ss", optionally with "d." before and ".fffffff" after. */
const timeSpan = z
  .string()
  .regex(/^(?:\d+\.)?\d{1,2}:[0-5]\d:[0-5]\d(?:\.\d{1,7})?$/, 'a time such as 00:00:30')
  .transform((text) => {
    const [clock = '', days = '0'] = /^\d+\.\d+:/.test(text)
      ? [text.replace(/^\d+\./, ''), text.split('.')[0]]
      : [text];
    const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number);
    return (((Number(days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
  });

const number = z.coerce.number().pipe(z.int());

const queues = z.object({
  batchSize: number.pipe(z.int().min(1).max(32)).default(16),
  newBatchThreshold: number.pipe(z.int().min(0)).optional(),
  maxDequeueCount: number.pipe(z.int().min(1)).default(5),
  visibilityTimeout: timeSpan.default(0),
  // The default of the real host is 2 s in a development environment and a minute in Azure.
  maxPollingInterval: timeSpan.refine((value) => value >= 100, 'at least 00:00:00.100').default(2_000),
  messageEncoding: z.enum(['base64', 'none']).default('base64'),
});

const schema = z.object({
  version: z.literal('2.0'),
  functionTimeout: z
    .literal('-1')
    .transform(() => Number.POSITIVE_INFINITY)
    .or(timeSpan)
    .default(30 * 60 * 1000),
  extensions: z
    .object({
      http: z.object({ routePrefix: z.string().default('api') }).prefault({}),
      queues: queues.prefault({}),
    })
    .prefault({}),
});

export type QueueSettings = z.output<typeof queues> & { readonly newBatchThreshold: number };

export interface HostSettings {
  readonly routePrefix: string;
  /** Milliseconds. Infinity for "-1". */
  readonly functionTimeout: number;
  readonly queues: QueueSettings;
}

/** Reads host.json. @throws Error that names each invalid member */
export async function readHostJson(appDirectory: string, settings: NodeJS.ProcessEnv): Promise<HostSettings> {
  const text = await readFile(join(appDirectory, 'host.json'), 'utf8');
  const parsed = schema.safeParse(withOverrides(JSON.parse(text) as Tree, settings));
  if (!parsed.success) throw new Error(`host.json is invalid: ${z.prettifyError(parsed.error)}`);
  const { functionTimeout, extensions } = parsed.data;
  const { batchSize, newBatchThreshold = Math.floor(batchSize / 2) * availableParallelism() } = extensions.queues;
  const queueSettings = { ...extensions.queues, newBatchThreshold };
  return { routePrefix: extensions.http.routePrefix, functionTimeout, queues: queueSettings };
}

interface Tree {
  [name: string]: Tree | unknown;
}

/** Applies overrides such as `AzureFunctionsJobHost__extensions__queues__batchSize=2`. */
function withOverrides(hostJson: Tree, settings: NodeJS.ProcessEnv): Tree {
  const prefix = 'AzureFunctionsJobHost__';
  for (const [name, value] of Object.entries(settings)) {
    if (!name.startsWith(prefix)) continue;
    const path = name.slice(prefix.length).split('__');
    const last = path.pop() ?? '';
    let place = hostJson;
    for (const step of path) {
      const below = place[step];
      place[step] = typeof below === 'object' && below !== null ? below : {};
      place = place[step] as Tree;
    }
    place[last] = value;
  }
  return hostJson;
}
