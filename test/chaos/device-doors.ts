import { BlobServiceClient } from '@azure/storage-blob';
import pMap from 'p-map';
import { readArchive } from './archives.ts';
import { ask } from './ask.ts';
import type { ChaosStack } from './chaos-stack.ts';
import { type Credential, knock } from './device.ts';
import { readDpsFile } from './stores.ts';

/** Every bundle that was ever made, as an attacker could have kept it. */
export interface KeptBundles {
  /** Copies the bundles of new archives. */
  collect(): Promise<void>;
  /** The credentials of a device, oldest first. */
  of(deviceId: string): readonly Credential[];
}

export function createKeptBundles({ stack }: Pick<ChaosStack, 'stack'>): KeptBundles {
  const container = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient('bundles');
  const archives = new Set<string>();
  const kept = new Map<string, Credential[]>();

  async function collectNew(): Promise<void> {
    for await (const { name } of container.listBlobsFlat()) {
      if (archives.has(name)) continue;
      const { bundles } = await readArchive(name, await container.getBlobClient(name).downloadToBuffer());
      for (const bundle of bundles) kept.set(bundle.deviceId, [...(kept.get(bundle.deviceId) ?? []), bundle]);
      archives.add(name);
    }
  }

  // One at a time, or an archive would be copied twice.
  let collecting: Promise<void> = Promise.resolve();
  return {
    collect() {
      collecting = collecting.catch(() => undefined).then(collectNew);
      return collecting;
    },
    of: (deviceId) => kept.get(deviceId) ?? [],
  };
}

/**
 * Tries every door of a device that must not get in: its hubs, DPS with each of its certificates, and its bundle.
 * @returns the doors that are open
 */
export async function openDoorsOf(chaos: ChaosStack, deviceId: string, kept: KeptBundles): Promise<string[]> {
  const enabled = readDpsFile(chaos.directory).identities.filter(
    (each) => each.deviceId === deviceId && each.status === 'enabled',
  );
  await kept.collect();
  const taken = await pMap(kept.of(deviceId), async (credential) => {
    const isTaken = (await knock(credential, chaos.stack.dps)) !== undefined;
    return isTaken ? [`DPS takes certificate ${credential.serialNumber}`] : [];
  });
  const bundle = await ask(chaos, 'GET', `devices/${deviceId}/bundle`);
  return [
    ...enabled.map(({ hub }) => `it is enabled at ${hub}`),
    ...taken.flat(),
    ...(bundle?.status === 200 ? ['its bundle is handed out'] : []),
  ];
}
