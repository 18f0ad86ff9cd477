import { lookup } from 'node:dns/promises';
import type { Database } from '@azure/cosmos';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { QueueServiceClient } from '@azure/storage-queue';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import type { Enrollments } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { blobContainers, cosmosContainers, queueNames } from '../resource-names.ts';
import { causeOfRefusal } from './service-errors.ts';

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
  readonly enrollments: Pick<Enrollments, 'registration'>;
  readonly authority: Pick<CertificateAuthority, 'rootCa' | 'openRoot'>;
  /** Host names, for those whose clients do not tell them. No key host where the CA keys are files. */
  readonly hosts: { readonly cosmos: string; readonly dps: string; readonly keys?: string };
}

/** An id that no device has: looking it up shows that DPS answers and lets us read. */
const nobody = 'health-check';

/** The SDKs repeat what fails for longer than anybody waits for an answer about health. */
const patienceMilliseconds = 10_000;

/** How to try a dependency, and what its operator can do about it. */
interface Probe {
  readonly name: string;
  readonly host?: string | undefined;
  /** The role that infra/azure/app/roles.bicep gives the app for it. */
  readonly role: string;
  /** The setting that names its host. */
  readonly setting: string;
  run(): Promise<unknown>;
}

/** @returns a function that tries everything the app depends on, all at once; it takes 10 seconds at most and never throws */
export function createChecks(
  { blobs, queues, cosmos, enrollments, authority, hosts }: CheckedServices,
  patience = patienceMilliseconds,
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
      run: () => enrollments.registration(nobody),
    },
    {
      name: 'CA keys and root certificate',
      host: hosts.keys,
      role: 'Fleet CA signer',
      setting: hosts.keys === undefined ? 'CA_KEY_DIRECTORY' : 'KEY_VAULT_URL',
      // The key of a root that is kept elsewhere is not looked for.
      run: async () => (await authority.rootCa()).value.keyName !== undefined && authority.openRoot(),
    },
    {
      name: 'root certificate in DPS',
      host: hosts.cosmos,
      role: 'Cosmos DB Built-in Data Contributor',
      setting: 'COSMOS_ENDPOINT',
      // The app has no rights on the management side of DPS, where CA certificates are; so this is what was noted.
      run: async () => {
        if ((await authority.rootCa()).value.registration !== undefined) return;
        const message = 'DPS was not shown the root certificate, so no device can register.';
        throw new FleetError('ca-unregistered', message);
      },
    },
  ];
  return () => Promise.all(probes.map((probe) => attempt(probe, patience)));
}

async function attempt(probe: Probe, patience: number): Promise<Check> {
  const { name } = probe;
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(resolve, patience, 'silence');
  });
  try {
    const first = await Promise.race([probe.run(), silence]);
    return first === 'silence' ? { name, ok: false, problem: await silenceOf(probe, patience) } : { name, ok: true };
  } catch (error) {
    return { name, ok: false, problem: problemOf(probe, error) };
  } finally {
    clearTimeout(timer);
  }
}

/** No answer in time: the SDK may still be repeating itself, so whether the name leads anywhere is looked up here. */
async function silenceOf({ name, host, setting }: Probe, patience: number): Promise<string> {
  if (host !== undefined) {
    const address = await lookup(host).catch(() => undefined);
    if (address === undefined) return unknownHost(host, setting);
  }
  const seconds = patience / 1000;
  return `${name} did not answer in ${seconds} s. Does the network let this app through to ${host ?? 'it'}?`;
}

function problemOf({ name, host, role, setting }: Probe, error: unknown): string {
  // Ours alone, not that of a service: it says what is the matter, and its hint what to do.
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
  if (status === 429) return `${name} asks to wait (429): it works, and is busy.`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unknownHost(host ?? '', setting);
  if (code === 'CredentialUnavailableError' || code === 'AuthenticationError') {
    return `${name}: this app got no token (${code}). Is the identity of AZURE_CLIENT_ID assigned to it?`;
  }
  if (code === 'EACCES' || code === 'ENOENT' || code === 'EROFS') {
    return `${name}: the directory of ${setting} cannot be used (${code}).`;
  }
  if (status !== undefined) return `${name} answered ${status}${code === undefined ? '' : ` ${code}`}${where}.`;
  if (code !== undefined) return `${name} cannot be reached${where} (${code}).`;
  return `${name} failed for a reason that only the log shows.`;
}

function unknownHost(host: string, setting: string): string {
  return `DNS knows no host "${host}". Correct ${setting}, or the private DNS zone of the network.`;
}
