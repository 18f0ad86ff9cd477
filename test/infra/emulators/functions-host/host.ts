import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Child } from '../../../../infra/local/stack/child.ts';
import { startAzurite, startProgram } from '../../local/azurite.ts';

const program = fileURLToPath(import.meta.resolve('fleet-emulators/bin/functions-host'));

/** One line that the test app wrote. */
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

/** Starts Azurite, and hosts that run the app in `app/` or another folder beside this file, in a temporary directory. */
export async function createHostLab() {
  const directory = await mkdtemp(join(tmpdir(), 'host-lab-'));
  const { ports, connectionString, close } = await startAzurite(directory);
  const children: Child[] = [];
  const notesFile = join(directory, 'notes');

  return {
    directory,
    url: `http://127.0.0.1:${ports.functions}`,
    queue: (name: string) => QueueServiceClient.fromConnectionString(connectionString).getQueueClient(name),

    async startHost(
      name: string,
      { app = 'app', args = [], env = {} }: { app?: string; args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
    ) {
      const appDirectory = fileURLToPath(new URL(app, import.meta.url));
      const child = await startProgram(name, {
        program,
        directory,
        args: [
          ...['--app', appDirectory, '--state', join(directory, 'state')],
          ...['--key', 'a function key', '--master-key', 'the master key', ...args],
        ],
        env: {
          ...{ AzureWebJobsStorage: connectionString, NOTES: notesFile, WORK_QUEUE: 'work', TICK: '0 0 0 1 1 *' },
          ...env,
        },
      });
      children.push(child);
      return child;
    },

    port: ports.functions,
    otherPort: ports.cosmos,
    thirdPort: ports.dps,

    async notes(): Promise<Note[]> {
      const text = await readFile(notesFile, 'utf8').catch(() => '');
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Note]));
    },

    async close(): Promise<void> {
      await Promise.all(children.map((child) => child.kill('SIGKILL')));
      await close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export type HostLab = Awaited<ReturnType<typeof createHostLab>>;
