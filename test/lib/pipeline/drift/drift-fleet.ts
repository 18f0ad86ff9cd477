import { setTimeout as sleep } from 'node:timers/promises';
import iothub from 'azure-iothub';
import { wellKnownKey } from 'fleet-emulators/dps';
import { readBundle } from '../../../../infra/local/demo/bundle-files.ts';
import { createDpsEnrollments } from '../../../../lib/azure/dps.ts';
import { createHubIdentities } from '../../../../lib/azure/hub-identities.ts';
import { createHubTwins } from '../../../../lib/azure/hub-twins.ts';
import { iotClient } from '../../../../lib/azure/iot.ts';
import {
  type DpsEntryOnWire,
  type HubIdentityOnWire,
  observedEntry,
  observedIdentity,
} from '../../../../lib/azure/observed-entries.ts';
import { readBundle as readStored } from '../../../../lib/bundle/archive.ts';
import type { ObservedDevice, ObservedEntry } from '../../../../lib/enrollment/observed.ts';
import type { Detected, Observe } from '../../../../lib/findings/observation.ts';
import { createDriftDetector } from '../../../../lib/pipeline/detect-drift.ts';
import { reconcileRegistrations } from '../../../../lib/pipeline/reconcile-registrations.ts';
import { uploadVerifiedCa } from '../../../infra/emulators/dps/management.ts';
import { type DeviceIdentity, startDps } from '../../../infra/emulators/dps/running-dps.ts';
import { createWorld } from '../../../world.ts';

/*
 * A fleet on the DPS emulator: real certificates, bundles, registrations and identities. Records are in memory. It is observed
 * with the official service clients, as someone would who knows nothing of this app.
 */

const hubs = ['hub-a.localhost', 'hub-b.localhost'] as const;

export type DriftFleet = Awaited<ReturnType<typeof startDriftFleet>>;

export async function startDriftFleet() {
  const dps = await startDps({
    hubs: hubs.map((hostName) => ({ hostName, key: wellKnownKey })),
    quotas: { operationsPerMinute: 1_000_000, registrationsPerMinute: 1_000_000 },
  });
  const hub = { connectionString: dps.hubConnectionString };
  const azure = {
    enrollments: createDpsEnrollments({ connectionString: dps.connectionString }),
    identities: createHubIdentities(hub),
    twins: createHubTwins(hub),
  };
  const world = createWorld({ azure, now: () => new Date() });
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

  async function pages<T>(query: { hasMoreResults: boolean; continuationToken: string; next: never }): Promise<T[]> {
    const all: T[] = [];
    const next = query.next as (token: string) => Promise<{ responseBody: T[] }>;
    do all.push(...(await next.call(query, query.continuationToken)).responseBody);
    while (query.hasMoreResults);
    return all;
  }

  async function groups(): Promise<Map<string, ObservedEntry>> {
    const query = dps.service.createEnrollmentGroupQuery({ query: 'SELECT *' }, 100);
    const entries = (await pages<DpsEntryOnWire>(query as never)).map(observedEntry);
    return new Map(entries.map((entry) => [entry.id, entry]));
  }

  async function enrollments(): Promise<Map<string, ObservedEntry>> {
    const query = dps.service.createIndividualEnrollmentQuery({ query: 'SELECT *' }, 100);
    const entries = (await pages<DpsEntryOnWire>(query as never)).map(observedEntry);
    return new Map(entries.map((entry) => [entry.id, entry]));
  }

  async function identityAt(name: string, deviceId: string) {
    try {
      const { responseBody } = await registryOf(name).get(deviceId);
      const twin = (await registryOf(name).getTwin(deviceId)).responseBody as { tags?: unknown };
      const identity = { ...(responseBody as unknown as HubIdentityOnWire), tags: twin.tags ?? {} };
      return observedIdentity(identity, name);
    } catch (error) {
      if ((error as { response?: { statusCode?: number } }).response?.statusCode === 404) return null;
      throw error;
    }
  }

  /** Observes everything that there is, and hands it over. */
  async function sweepInto(observe: Observe): Promise<Detected> {
    // Times have milliseconds: what was done before the sweep is older than it.
    await sleep(3);
    const at = new Date().toISOString();
    const services = world.services();
    const all = [await observe({ of: 'groups', at, groups: await groups() })];
    const records = await services.devices.read([...world.devices.records.keys()]);
    const enrolled = await enrollments();
    const seen = new Map<string, ObservedDevice>();
    for (const id of await services.groups.directory({ maxAgeSeconds: 0 })) {
      for await (const page of azure.enrollments.groupRegistrations(id[0])) {
        for (const { deviceId, registration } of page)
          seen.set(deviceId, { deviceId, registration, registeredIn: id[0] });
      }
    }
    for (const { value } of records.values()) {
      const registration = seen.get(value.id)?.registration ?? (await azure.enrollments.registration(value.id)) ?? null;
      seen.set(value.id, { ...seen.get(value.id), deviceId: value.id, registration });
    }
    for (const [id, each] of seen) {
      const name = each.registration?.assignedHub ?? records.get(id)?.value.registration?.assignedHub;
      const identity = name === undefined ? {} : { identity: await identityAt(name, id) };
      seen.set(id, { ...each, enrollment: enrolled.get(id) ?? null, ...identity });
    }
    all.push(await observe({ of: 'devices', at, devices: [...seen.values()], records }));
    all.push(await observe({ of: 'end', at: new Date().toISOString(), began: at }));
    const sum = (member: keyof Detected) => all.reduce((total, each) => total + each[member], 0);
    return { opened: sum('opened'), gone: sum('gone'), repaired: sum('repaired') };
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

    sweep: () => sweepInto(createDriftDetector(world.services())),

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
