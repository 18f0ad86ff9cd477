import type { HubIdentities, HubIdentity } from '../../lib/enrollment/hub-identities.ts';
import type { ObservedIdentity } from '../../lib/enrollment/observed.ts';

/** An identity as its hub holds it. Default: no credential. */
export type HeldIdentity = HubIdentity & Partial<Pick<ObservedIdentity, 'authentication' | 'thumbprints' | 'etag'>>;

/** The identity registries of hubs, in memory. Each write makes a new object, which stands for a new etag. */
export function createMemoryHubIdentities(): HubIdentities & { readonly devices: Map<string, HeldIdentity> } {
  /** By hub and device id: `hub/device`. */
  const devices = new Map<string, HeldIdentity>();
  const absent = { status: 'absent' } as const;
  const find = (hub: string, deviceId: string) => devices.get(`${hub}/${deviceId}`);
  const statusOf = ({ status, statusReason }: HeldIdentity): HubIdentity => {
    return { status, ...(statusReason !== undefined && { statusReason }) };
  };
  const identities: HubIdentities = {
    read: async (hub, deviceId) => statusOf(find(hub, deviceId) ?? absent),
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
      if (isLeft || !(await change.mayWrite())) return statusOf(found);
      if (find(hub, deviceId) !== found) return identities.disable(hub, deviceId, reason, change);
      const disabled: HeldIdentity = { ...found, status: 'disabled', statusReason: reason };
      devices.set(`${hub}/${deviceId}`, disabled);
      return statusOf(disabled);
    },
    async enable(hub, deviceId, change) {
      const found = find(hub, deviceId);
      if (found === undefined) return absent;
      const isLeft = found.status !== 'disabled' || !change.isOwn(found.statusReason ?? '');
      if (isLeft || !(await change.mayWrite())) return statusOf(found);
      if (find(hub, deviceId) !== found) return identities.enable(hub, deviceId, change);
      const { statusReason: _statusReason, ...rest } = found;
      const enabled: HeldIdentity = { ...rest, status: 'enabled' };
      devices.set(`${hub}/${deviceId}`, enabled);
      return statusOf(enabled);
    },
  };
  return { ...identities, devices };
}
