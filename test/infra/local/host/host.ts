import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { QueueServiceClient } from '@azure/storage-queue';
import { type Child, startChild } from '../../../../infra/local/stack/child.ts';
import { freePorts } from '../../../../infra/local/stack/ports.ts';

/** One thing that the app of these tests noted. */
export interface Note {
  readonly pid: number;
  readonly begin?: { readonly n?: number };
  readonly end?: { readonly n?: number };
  readonly times?: number;
  readonly running?: number;
  readonly queue?: Record<string, unknown>;
  readonly tick?: boolean;
  readonly status?: unknown;
  readonly goodbye?: boolean;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Azurite, and hosts that run the app in `app/`, in a directory of their own. */
export async function createHostLab() {
  const directory = await mkdtemp(join(tmpdir(), 'host-lab-'));
  const ports = await freePorts();
  const children: Child[] = [];

  async function start(name: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = await startChild({
      name,
      args: [join(root, 'infra/local', script, 'main.ts'), ...args],
      env: { ...process.env, ...env },
      logFile: join(directory, `${name}.log`),
      ready: /\bready\b|successfully listens/,
    });
    children.push(child);
    return child;
  }

  const [blobState, queueState] = [join(directory, 'blobs'), join(directory, 'queues')];
  await Promise.all([
    start('blobs', 'azurite', ['--service', 'blob', '--port', String(ports.blobs), '--state', blobState]),
    start('queues', 'azurite', ['--service', 'queue', '--port', String(ports.queues), '--state', queueState]),
  ]);
  const connectionString = [
    `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key}`,
    `BlobEndpoint=http://127.0.0.1:${ports.blobs}/${account}`,
    `QueueEndpoint=http://127.0.0.1:${ports.queues}/${account}`,
  ].join(';');
  const notesFile = join(directory, 'notes');

  return {
    directory,
    url: `http://127.0.0.1:${ports.functions}`,
    queue: (name: string) => QueueServiceClient.fromConnectionString(connectionString).getQueueClient(name),

    startHost: (name: string, { args = [], env = {} }: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {}) =>
      start(
        name,
        'host',
        [
          ...['--app', fileURLToPath(new URL('app', import.meta.url)), '--state', join(directory, 'state')],
          ...['--key', 'a function key', '--master-key', 'the master key', ...args],
        ],
        {
          // 2100-01-01: never in this test.
          ...{ AzureWebJobsStorage: connectionString, NOTES: notesFile, WORK_QUEUE: 'work', TICK: '0 0 0 1 1 *' },
          ...env,
        },
      ),

    port: ports.functions,
    otherPort: ports.cosmos,

    async notes(): Promise<Note[]> {
      const text = await readFile(notesFile, 'utf8').catch(() => '');
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Note]));
    },

    /** Waits until it is so; a test that waits in vain is ended by its time limit. */
    async until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
      for (;;) {
        const seen = await look();
        if (seen !== undefined && seen !== false) return seen;
        await sleep(50);
      }
    },

    async close(): Promise<void> {
      await Promise.all(children.map((child) => child.kill('SIGKILL')));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export type HostLab = Awaited<ReturnType<typeof createHostLab>>;
