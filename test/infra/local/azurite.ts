import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../../infra/local/stack/child.ts';
import { freePorts } from '../../../infra/local/stack/ports.ts';

const azurite = fileURLToPath(new URL('../../../infra/local/stack/azurite.ts', import.meta.url));
/** The published account of every Azurite: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite */
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Starts one program alone. @param program path of a TypeScript file */
export function startProgram(
  name: string,
  { program, args, directory, env = {} }: { program: string; args: readonly string[]; directory: string; env?: object },
) {
  return startChild({
    name,
    args: [program, ...args],
    env: { ...process.env, ...env },
    logFile: join(directory, `${name}.log`),
    ready: /\bready\b|successfully listens/,
  });
}

/** Blob and queue storage in a directory. @param more arguments of both */
export async function startAzurite(directory: string, more: readonly string[] = []) {
  const ports = await freePorts();
  const start = (service: string, port: number) => {
    const args = ['--service', service, '--port', String(port), '--state', join(directory, service), ...more];
    return startProgram(`azurite-${service}`, { program: azurite, args, directory });
  };
  const starts = await Promise.allSettled([start('blob', ports.blobs), start('queue', ports.queues)]);
  const children = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const close = async () => void (await Promise.all(children.map((child) => child.kill('SIGKILL'))));
  const failed = starts.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    // The process of a test never ends while a child of it runs.
    await close();
    throw failed.reason;
  }
  return {
    ports,
    connectionString: [
      `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key}`,
      `BlobEndpoint=http://127.0.0.1:${ports.blobs}/${account}`,
      `QueueEndpoint=http://127.0.0.1:${ports.queues}/${account}`,
    ].join(';'),
    close,
  };
}
