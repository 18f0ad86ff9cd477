import type { Database } from '@azure/cosmos';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { QueueServiceClient } from '@azure/storage-queue';
import { rootTrust } from '../authorities/dps-cas.ts';
import type { Enrollments } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { defaultDps } from '../groups/dps-instance.ts';
import { blobContainers, cosmosContainers, queueNames } from '../resource-names.ts';
import { estProbe } from './est-probe.ts';
import { type CheckedGroups, createGroupChecks } from './group-health.ts';
import { type Check, check, createRecent, type Probe } from './probe.ts';

export interface CheckedServices extends CheckedGroups {
  readonly blobs: BlobServiceClient;
  readonly queues: QueueServiceClient;
  readonly cosmos: Database;
  /** The DPS instances, `default` first. */
  readonly dps: readonly CheckedDps[];
  /** Absent: the deployment has no EST server. */
  readonly est?: { readonly url: string } | undefined;
  /** Host names that the clients do not reveal. `keys` is absent when the CA keys are files. */
  readonly hosts: CheckedGroups['hosts'];
}

/** One DPS instance. */
export interface CheckedDps {
  readonly name: string;
  readonly host: string;
  readonly enrollments: Pick<Enrollments, 'registration'>;
}

/** An id that no device has. Looking it up shows that DPS answers and permits reading. */
const unusedDeviceId = 'health-check';

/** The name of a check, with that of its instance where it is not `default`. */
const forDps = (check: string, dps: string) => (dps === defaultDps ? check : `${check} (${dps})`);

/** The SDKs retry for longer than a caller waits for a health check. */
const checkTimeoutMs = 10_000;

/**
 * @param timeoutMs milliseconds after which a check fails
 * @returns a function that checks everything the app depends on, all at once; it never throws
 */
export function createChecks(services: CheckedServices, timeoutMs = checkTimeoutMs): () => Promise<Check[]> {
  const { blobs, queues, cosmos, dps, authority, dpsCas, hosts, est, now } = services;
  const recent = createRecent<void>(now);
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
    ...dps.map(({ name, host, enrollments }) => ({
      name: forDps('DPS service API', name),
      host,
      role: 'Device Provisioning Service Data Contributor',
      setting: name === defaultDps ? 'DPS_SERVICE_HOST' : 'DPS_INSTANCES',
      run: () => enrollments.registration(unusedDeviceId),
    })),
    {
      name: 'CA keys and root certificate',
      host: hosts.keys,
      role: 'Fleet CA signer',
      setting: hosts.keys === undefined ? 'CA_KEY_DIRECTORY' : 'KEY_VAULT_URL',
      run: async () => {
        const { value, etag } = await authority.rootCa();
        const { certificatePem, keyName } = value;
        // The key of a root that is kept elsewhere is not checked.
        if (keyName === undefined) return;
        await recent('root', etag, async () => void (await authority.checkKey({ certificatePem, keyName })));
      },
    },
    ...dps.map(({ name }) => ({
      name: forDps('root certificate in DPS', name),
      host: hosts.cosmos,
      role: 'Cosmos DB Built-in Data Contributor',
      setting: 'COSMOS_ENDPOINT',
      run: async () => {
        const { value: root } = await authority.rootCa();
        const list = await dpsCas.read(name);
        const { trusted, text } = rootTrust(root, list, name);
        if (trusted) return text;
        const registration = name === defaultDps ? root.registration : root.registrations?.[name];
        const isUnknown = registration === undefined && list === undefined;
        const message = `${forDps('DPS', name)} was not shown the root certificate, so no device can register.`;
        throw new FleetError('ca-unregistered', isUnknown ? message : text);
      },
    })),
    ...(est === undefined ? [] : [estProbe(est, timeoutMs)]),
  ];
  const checkGroups = createGroupChecks(services, timeoutMs);
  return async () => {
    const [own, ofGroups] = await Promise.all([
      Promise.all(probes.map((probe) => check(probe, timeoutMs))),
      checkGroups(),
    ]);
    return [...own, ...ofGroups];
  };
}
