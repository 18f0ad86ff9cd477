import type { InitialTwin } from '../entries/entry.ts';
import type { Settings } from '../options.ts';
import { etagMatches, timestamp } from '../record-metadata.ts';
import type { DeviceRegistry, FoundDevice, HubView } from './device-registry.ts';
import { type HubDevice, identityEtag, scopesOf } from './hub-device.ts';
import { hubBadRequest, hubError } from './hub-error.ts';
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
    // The hub generates the scope of a new Edge device, and ignores one that is sent.
    create(view, { deviceScope: _, ...identity }, initialTwin = {}) {
      const { deviceId } = identity;
      if (view.find(deviceId)) {
        throw hubError('DeviceAlreadyExists', `A device with ID '${deviceId}' is already registered.`);
      }
      return { hub: view.home, device: registry.create(view.home, { ...identity, initialTwin }) };
    },
    update(view, { parentScope, deviceScope, ...identity }, ifMatch) {
      const { hub, device } = view.existing(identity.deviceId);
      checkEtag(ifMatch, identityEtag(device));
      checkScope(device, identity.iotEdge, deviceScope);
      const { parentScope: _, ...before } = device;
      // A device that is no Edge device any more sends its old scope. It has no parent.
      const isFormerEdge = device.iotEdge && !identity.iotEdge;
      const changed = {
        ...before,
        ...identity,
        ...(parentScope === undefined || isFormerEdge ? {} : { parentScope }),
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

/**
 * An update of an Edge device has to send the scope that the hub generated, as measured on a live hub:
 * https://github.com/mwalser/terraform-provider-iothub/blob/main/CONCEPT.md, appendix D, "Scope updates".
 * @throws ServiceError 400 ArgumentInvalid, 503 for a leaf device that becomes an Edge device and keeps its deviceScope
 */
function checkScope(device: HubDevice, isEdge: boolean, sent: string | undefined): void {
  if (!isEdge) return;
  if (device.iotEdge && sent !== scopesOf(device).deviceScope) throw hubBadRequest('Device scope is immutable');
  if (!device.iotEdge && sent !== undefined) throw hubError('GenericServiceUnavailable', 'Service unavailable.');
}

/** @throws ServiceError 412 PreconditionFailed */
export function checkEtag(ifMatch: string, etag: string): void {
  if (!etagMatches(ifMatch, etag)) throw hubError('PreconditionFailed', 'ETag mismatch');
}
