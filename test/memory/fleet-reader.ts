import type { FoundEntry } from '../../lib/enrollment/enrollments.ts';
import type { EntrySettings, FleetReader, ObservedEntry, ObservedIdentity } from '../../lib/enrollment/observed.ts';
import type { Page } from '../../lib/storage.ts';
import type { createMemoryEnrollments } from './enrollments.ts';

const settings: EntrySettings = {
  iotEdge: false,
  provisioningStatus: 'enabled',
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  allocationPolicy: 'hashed',
  iotHubs: [],
  tags: {},
  desired: {},
};

/** What the DPS in memory has, and hubs that a test fills, in pages of `size`. Counts its calls. */
export function createMemoryFleetReader(dps: ReturnType<typeof createMemoryEnrollments>, size = 100) {
  const hubs = new Map<string, ObservedIdentity[]>();
  const calls = { groups: 0, enrollments: 0, registrations: 0, identities: 0, counts: 0 };
  const page = <T>(items: readonly T[], continuation = '0'): Page<T> => {
    const end = Number(continuation) + size;
    const part = items.slice(Number(continuation), end);
    return end < items.length ? { items: part, continuation: String(end) } : { items: part };
  };
  const observed = (entries: ReadonlyMap<string, FoundEntry>): ObservedEntry[] =>
    [...entries].map(([id, entry]) => {
      const provisioningStatus = entry.disabled === true ? ('disabled' as const) : ('enabled' as const);
      return { ...entry, id, settings: { ...settings, provisioningStatus } };
    });
  const fleet: FleetReader = {
    async groups(continuation) {
      calls.groups += 1;
      return page(observed(dps.entries.groups), continuation);
    },
    async enrollments(continuation) {
      calls.enrollments += 1;
      return page(observed(dps.entries.individuals), continuation);
    },
    async registrations(group, continuation) {
      calls.registrations += 1;
      return page(dps.registrations.get(group) ?? [], continuation);
    },
    async identities(hub, continuation) {
      calls.identities += 1;
      return page(hubs.get(hub) ?? [], continuation);
    },
    async identitiesOf(hub, deviceIds) {
      calls.identities += 1;
      const isAsked = new Set(deviceIds);
      return (hubs.get(hub) ?? []).filter(({ deviceId }) => isAsked.has(deviceId));
    },
    async countIdentities(hub) {
      calls.counts += 1;
      return hubs.get(hub)?.length ?? 0;
    },
  };
  return { ...fleet, hubs, calls };
}
