import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import iothub from 'azure-iothub';
import { type DpsEmulatorOptions, wellKnownKey } from 'fleet-emulators/dps';
import { readBundle } from '../../../../infra/local/demo/bundle-files.ts';
import { createDpsEnrollments } from '../../../../lib/azure/dps.ts';
import { createFleetReader } from '../../../../lib/azure/fleet-reader.ts';
import { createHubIdentities } from '../../../../lib/azure/hub-identities.ts';
import { createHubTwins } from '../../../../lib/azure/hub-twins.ts';
import { iotClient } from '../../../../lib/azure/iot.ts';
import { readBundle as readStored } from '../../../../lib/bundle/archive.ts';
import { createDriftDetector } from '../../../../lib/pipeline/detect-drift.ts';
import { reconcileRegistrations } from '../../../../lib/pipeline/reconcile-registrations.ts';
import { sweep } from '../../../../lib/pipeline/sweep.ts';
import type { SweepFigures } from '../../../../lib/pipeline/sweep-state.ts';
import { uploadVerifiedCa } from '../../../infra/emulators/dps/management.ts';
import { type DeviceIdentity, startDps } from '../../../infra/emulators/dps/running-dps.ts';
import { createWorld, sweptDps } from '../../../world.ts';

/*
 * A fleet on the DPS emulator: real certificates, bundles, registrations and identities. Records are in memory.
 * The sweep of the product reads it through the adapters of the product.
 */

const hubs = ['hub-a.localhost', 'hub-b.localhost'] as const;

export type DriftFleet = Awaited<ReturnType<typeof startDriftFleet>>;

export async function startDriftFleet(options: Pick<DpsEmulatorOptions, 'dataFile'> = {}) {
  const dps = await startDps({
    ...options,
    hubs: hubs.map((hostName) => ({ hostName, key: wellKnownKey })),
    quotas: { operationsPerMinute: 1_000_000, registrationsPerMinute: 1_000_000 },
  });
  const hub = { connectionString: dps.hubConnectionString };
  const azure = {
    enrollments: createDpsEnrollments({ connectionString: dps.connectionString }),
    identities: createHubIdentities(hub),
    twins: createHubTwins(hub),
  };
  const reader = createFleetReader({ dps: { connectionString: dps.connectionString }, hub });
  let aheadMs = 0;
  const world = createWorld({ azure, now: () => new Date(Date.now() + aheadMs) });
  const registries = new Map(hubs.map((name) => [name as string, iotClient(iothub.Registry, hub, name)]));
  const registryOf = (name: string) => registries.get(name) ?? dps.registry;

  /** What a device has after it was installed. */
  async function identityOf(deviceId: string): Promise<DeviceIdentity> {
    const { bundle } = world.devices.records.get(deviceId) ?? {};
    if (bundle === undefined) throw new Error(`${deviceId} has no bundle`);
    const files = await readBundle(await readStored(world.bundles, bundle));
    const text = (pattern: RegExp) => {
      const [, file] = [...files].find(([path]) => pattern.test(path)) ?? [];
      return file?.body.toString() ?? '';
    };
    return { chainPem: text(/^certs\/.*(?:identity|full-chain).*\.pem$/), keyPem: text(/\.key\.pem$/) };
  }

  let isVerified = false;
  async function verifyRoot(): Promise<void> {
    if (isVerified) return;
    const { value: root } = (await world.groupStore.readRoot()) ?? {};
    await uploadVerifiedCa(dps.port, 'root', root?.certificatePem ?? '');
    isVerified = true;
  }

  /** The sweep of the product, over everything that there is. */
  async function sweepAll(): Promise<SweepFigures> {
    // Times have milliseconds: what was done before the sweep is older than it.
    await sleep(3);
    const services = world.services();
    const ports = { ...services, ...sweptDps(services), fleet: reader };
    const figures = await sweep({ ...ports, observe: createDriftDetector(services) }, { begin: true });
    assert.ok(figures !== undefined, 'the sweep ended in one run');
    return figures;
  }

  return {
    ...{ dps, world, hubs, registryOf, identityOf },

    /** Provisions the rows, registers every device, and reconciles. */
    async provision(csv: string, metadata: Record<string, string> = {}): Promise<void> {
      const before = new Set(world.devices.records.keys());
      await world.upload(`list-${crypto.randomUUID()}.csv`, csv, metadata);
      await world.settle();
      await verifyRoot();
      for (const id of world.devices.records.keys()) {
        if (!before.has(id)) await dps.register(id, await identityOf(id));
      }
      await reconcileRegistrations(world.services());
    },

    sweep: sweepAll,

    /** Sets the clock of the app ahead. Findings keep what was seen last, so there is no way back. */
    pass(days: number): void {
      aheadMs += days * 24 * 60 * 60 * 1000;
    },

    /** Kind and subject of every finding in a state. */
    found: (state = 'open') =>
      world.findings
        .all()
        .filter((finding) => finding.state === state)
        .map(({ kind, subject }) => `${kind} ${subject.id}`),

    async stop() {
      world[Symbol.dispose]();
      await dps.stop();
    },
  };
}
