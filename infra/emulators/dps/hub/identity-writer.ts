import type { InitialTwin } from '../entries/entry.ts';
import type { Settings } from '../options.ts';
import { etagMatches, timestamp } from '../record-metadata.ts';
import type { DeviceRegistry, FoundDevice, HubView } from './device-registry.ts';
import { identityEtag } from './hub-device.ts';
import { hubError } from './hub-error.ts';
import type { Identity } from './identity.ts';

/** Writes identities to the hubs of a caller. */
export interface IdentityWriter {
  /** @throws ServiceError 409 DeviceAlreadyExists */
  create(view: HubView, identity: Identity, initialTwin?: InitialTwin): FoundDevice;
  /** Replaces a whole identity and keeps the twin. @throws ServiceError 404 DeviceNotFound, 412 PreconditionFailed */
  update(view: HubView, identity: Identity, ifMatch: string): FoundDevice;
  /** @throws ServiceError 404 DeviceNotFound, 412 PreconditionFailed */
  remove(view: HubView, deviceId: string, ifMatch: string | undefined): void;
}

export function createIdentityWriter({
  registry,
  settings: { now },
}: {
  registry: DeviceRegistry;
  settings: Pick<Settings, 'now'>;
}): IdentityWriter {
  return {
    create(view, identity, initialTwin = {}) {
      const { deviceId } = identity;
      if (view.find(deviceId)) {
        throw hubError('DeviceAlreadyExists', `A device with ID '${deviceId}' is already registered.`);
      }
      return { hub: view.home, device: registry.create(view.home, { ...identity, initialTwin }) };
    },
    update(view, { parentScope, ...identity }, ifMatch) {
      const { hub, device } = view.existing(identity.deviceId);
      checkEtag(ifMatch, identityEtag(device));
      const { parentScope: _, ...before } = device;
      const changed = {
        ...before,
        ...identity,
        ...(parentScope === undefined ? {} : { parentScope }),
        statusUpdatedTime: identity.status === device.status ? device.statusUpdatedTime : timestamp(now()),
        identityVersion: device.identityVersion + 1,
      };
      registry.put(hub, changed);
      return { hub, device: changed };
    },
    remove(view, deviceId, ifMatch) {
      const { hub, device } = view.existing(deviceId);
      // The service requires the header here, unlike for twins.
      if (ifMatch === undefined) throw hubError('PreconditionFailed', 'Etag missing');
      checkEtag(ifMatch, identityEtag(device));
      registry.delete(hub, deviceId);
    },
  };
}

/** @throws ServiceError 412 PreconditionFailed */
export function checkEtag(ifMatch: string, etag: string): void {
  if (!etagMatches(ifMatch, etag)) throw hubError('PreconditionFailed', 'ETag mismatch');
}
