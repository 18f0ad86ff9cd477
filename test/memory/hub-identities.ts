import type { HubIdentities, HubIdentity } from '../../lib/enrollment/hub-identities.ts';

/** The identity registries of hubs, in memory. Each write makes a new object, which stands for a new etag. */
export function createMemoryHubIdentities(): HubIdentities & { readonly devices: Map<string, HubIdentity> } {
  /** By hub and device id: `hub/device`. */
  const devices = new Map<string, HubIdentity>();
  const absent = { status: 'absent' } as const;
  const find = (hub: string, deviceId: string) => devices.get(`${hub}/${deviceId}`);
  const identities: HubIdentities = {
    read: async (hub, deviceId) => find(hub, deviceId) ?? absent,
    async observe(hub, deviceId) {
      const found = find(hub, deviceId);
      if (found === undefined || found.status === 'absent') return null;
      return { authentication: 'none', thumbprints: [], etag: '', ...found, status: found.status, deviceId, hub };
    },
    async disable(hub, deviceId, reason, change) {
      const found = find(hub, deviceId);
      if (found === undefined) return absent;
      const { status, statusReason = '' } = found;
      const isLeft = status === 'disabled' && (statusReason === reason || !change.isOwn(statusReason));
      if (isLeft || !(await change.mayWrite())) return found;
      if (find(hub, deviceId) !== found) return identities.disable(hub, deviceId, reason, change);
      const disabled: HubIdentity = { status: 'disabled', statusReason: reason };
      devices.set(`${hub}/${deviceId}`, disabled);
      return disabled;
    },
    async enable(hub, deviceId, change) {
      const found = find(hub, deviceId);
      if (found === undefined) return absent;
      const isLeft = found.status !== 'disabled' || !change.isOwn(found.statusReason ?? '');
      if (isLeft || !(await change.mayWrite())) return found;
      if (find(hub, deviceId) !== found) return identities.enable(hub, deviceId, change);
      const enabled: HubIdentity = { status: 'enabled' };
      devices.set(`${hub}/${deviceId}`, enabled);
      return enabled;
    },
  };
  return { ...identities, devices };
}
