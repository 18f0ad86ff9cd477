import { randomBytes } from 'node:crypto';
import type { JsonObject } from './entries/entry.ts';
import { createDeviceRegistry } from './hub/device-registry.ts';
import { authenticationFor } from './hub/hub-device.ts';
import { createRegistrationStore } from './registrations/registration.ts';
import { createStore } from './store.ts';

/** A device that has registered by an enrollment group. */
export interface SeededDevice {
  readonly registrationId: string;
  readonly enrollmentGroup: string;
  /** Host name of the hub. */
  readonly hub: string;
  /** SHA-256 of its certificate, upper-case hex. */
  readonly thumbprint: string;
  readonly tags: JsonObject;
  /** ISO 8601, UTC. */
  readonly registeredAt: string;
}

/**
 * Writes devices into the data of an emulator, which can be running: registering 100,000 devices one by one takes an hour.
 * @param dataFile the SQLite file of the emulator
 */
export function seedDevices(dataFile: string, devices: readonly SeededDevice[]): void {
  const store = createStore({ path: dataFile });
  const settings = { hubs: [], now: () => new Date(), random: randomBytes };
  const registry = createDeviceRegistry(store, settings, () => {});
  const registrations = createRegistrationStore(store);
  try {
    store.transaction(() => {
      for (const { registrationId, enrollmentGroup, hub, thumbprint, tags, registeredAt } of devices) {
        registrations.put({
          ...{ registrationId, entry: { kind: 'group', id: enrollmentGroup }, attestation: 'x509', status: 'assigned' },
          ...{ substatus: 'initialAssignment', assignment: { hub, deviceId: registrationId } },
          ...{ operationId: registrationId, etag: registrationId },
          ...{ createdDateTimeUtc: registeredAt, lastUpdatedDateTimeUtc: registeredAt },
        });
        registry.create(hub, {
          deviceId: registrationId,
          authentication: authenticationFor({ type: 'x509', thumbprint, certificate: '' }),
          initialTwin: { tags },
        });
      }
    });
  } finally {
    store.close();
  }
}
