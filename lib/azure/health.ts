import { lookup } from 'node:dns/promises';
import type { Database } from '@azure/cosmos';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { QueueServiceClient } from '@azure/storage-queue';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import type { Enrollments } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { blobContainers, cosmosContainers, queueNames } from '../resource-names.ts';
import { causeOfRefusal } from './service-errors.ts';

/** The result of checking one dependency with the app's identity. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what the operator can do about it. */
  readonly problem?: string;
}

export interface CheckedServices {
  readonly blobs: BlobServiceClient;
  readonly queues: QueueServiceClient;
  readonly cosmos: Database;
  readonly enrollments: Pick<Enrollments, 'registration'>;
  readonly authority: Pick<CertificateAuthority, 'rootCa' | 'openRoot'>;
  /** Host names that the clients do not reveal. `keys` is absent when the CA keys are files. */
  readonly hosts: { readonly cosmos: string; readonly dps: string; readonly keys?: string };
}

/** An id that no device has. Looking it up shows that DPS answers and permits reading. */
const unusedDeviceId = 'health-check';

/** The SDKs retry for longer than a caller waits for a health check. */
const checkTimeoutMs = 10_000;

/** How to check a dependency, and what to name when the check fails. */
interface Probe {
  readonly name: string;
  readonly host?: string | undefined;
  /** The role that infra/azure/app/roles.bicep assigns to the app. */
  readonly role: string;
  /** The setting that names the host or directory. */
  readonly setting: string;
  run(): Promise<unknown>;
}

/**
 * @param timeoutMs milliseconds after which a check fails
 * @returns a function that checks everything the app depends on, all at once; it never throws
 */
export function createChecks(
  { blobs, queues, cosmos, enrollments, authority, hosts }: CheckedServices,
  timeoutMs = checkTimeoutMs,
): () => Promise<Check[]> {
  const probes: readonly Probe[] = [
    ...Object.values(blobContainers).map((name) => ({
      name: `blob container ${name}`,
      host: new URL(blobs.url).hostname,
      role: 'Storage Blob Data Owner',
      setting: 'AzureWebJobsStorage__blobServiceUri',
      run: () => blobs.getContainerClient(name).getProperties(),
    })),
    ...queueNames.map((name) => ({
      name: `queue ${name}`,
      host: new URL(queues.url).hostname,
      role: 'Storage Queue Data Contributor',
      setting: 'AzureWebJobsStorage__queueServiceUri',
      run: () => queues.getQueueClient(name).getProperties(),
    })),
    ...Object.values(cosmosContainers).map((name) => ({
      name: `Cosmos container ${name}`,
      host: hosts.cosmos,
      role: 'Cosmos DB Built-in Data Contributor',
      setting: 'COSMOS_ENDPOINT',
      run: () => cosmos.container(name).read(),
    })),
    {
      name: 'DPS service API',
      host: hosts.dps,
      role: 'Device Provisioning Service Data Contributor',
      setting: 'DPS_SERVICE_HOST',
      run: () => enrollments.registration(unusedDeviceId),
    },
    {
      name: 'CA keys and root certificate',
      host: hosts.keys,
      role: 'Fleet CA signer',
      setting: hosts.keys === undefined ? 'CA_KEY_DIRECTORY' : 'KEY_VAULT_URL',
      // The key of a root that is kept elsewhere is not checked.
      run: async () => (await authority.rootCa()).value.keyName !== undefined && authority.openRoot(),
    },
    {
      name: 'root certificate in DPS',
      host: hosts.cosmos,
      role: 'Cosmos DB Built-in Data Contributor',
      setting: 'COSMOS_ENDPOINT',
      // The app has no rights on the management API of DPS, which has the CA certificates. So this checks the record.
      run: async () => {
        if ((await authority.rootCa()).value.registration !== undefined) return;
        const message = 'DPS was not shown the root certificate, so no device can register.';
        throw new FleetError('ca-unregistered', message);
      },
    },
  ];
  return () => Promise.all(probes.map((probe) => check(probe, timeoutMs)));
}

async function check(probe: Probe, timeoutMs: number): Promise<Check> {
  const { name } = probe;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'timeout');
  });
  try {
    const first = await Promise.race([probe.run(), timeout]);
    if (first !== 'timeout') return { name, ok: true };
    return { name, ok: false, problem: await timeoutProblem(probe, timeoutMs) };
  } catch (error) {
    return { name, ok: false, problem: problemOf(probe, error) };
  } finally {
    clearTimeout(timer);
  }
}

/** After a timeout the SDK may still be retrying and has not said why. An unknown host is found out here. */
async function timeoutProblem({ name, host, setting }: Probe, timeoutMs: number): Promise<string> {
  if (host !== undefined) {
    const address = await lookup(host).catch(() => undefined);
    if (address === undefined) return unknownHost(host, setting);
  }
  const seconds = timeoutMs / 1000;
  return `${name} did not answer in ${seconds} s. Does the network let this app through to ${host ?? 'it'}?`;
}

function problemOf({ name, host, role, setting }: Probe, error: unknown): string {
  // An error of this app and not of a service: its message and hint say what is wrong and what to do.
  if (error instanceof FleetError && error.cause === undefined) return `${error.message} ${error.hint}`;
  const { status, code } = causeOfRefusal(error);
  const where = host === undefined ? '' : ` at ${host}`;
  if (status === 404) return `${name} does not exist${where}. Deploy it (azd provision), or correct ${setting}.`;
  if (status === 403 && /Firewall|AuthorizationFailure|PublicNetwork|ForbiddenByConnection/i.test(code ?? '')) {
    return `${name}: the network rules${where} keep this app out (403 ${code}).`;
  }
  if (status === 401 || status === 403) {
    const detail = code === undefined ? status : `${status} ${code}`;
    return `${name} refuses this app's identity (${detail}). Give it the role "${role}"; a new role takes some minutes.`;
  }
  if (status === 429) return `${name} is throttling this app (429). It is reachable.`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unknownHost(host ?? '', setting);
  if (code === 'CredentialUnavailableError' || code === 'AuthenticationError') {
    return `${name}: this app got no token (${code}). Is the identity of AZURE_CLIENT_ID assigned to it?`;
  }
  if (code === 'EACCES' || code === 'ENOENT' || code === 'EROFS') {
    return `${name}: the directory of ${setting} cannot be used (${code}).`;
  }
  if (status !== undefined) return `${name} answered ${status}${code === undefined ? '' : ` ${code}`}${where}.`;
  if (code !== undefined) return `${name} cannot be reached${where} (${code}).`;
  return `${name} failed. The log has the reason.`;
}

function unknownHost(host: string, setting: string): string {
  return `DNS knows no host "${host}". Correct ${setting}, or the private DNS zone of the network.`;
}
