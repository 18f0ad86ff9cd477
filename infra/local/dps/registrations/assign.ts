import type { Entry, InitialTwin, JsonObject } from '../entries/entry.ts';
import { type DeviceRegistry, withCredential } from '../hub/device-registry.ts';
import { authenticationFor } from '../hub/hub-device.ts';
import type { PendingAssignment, Registration, RegistrationSubstatus } from './registration.ts';

export interface Assignment {
  readonly hub: string;
  /** From a custom allocation webhook: overrides the enrollment's twin and any migration. */
  readonly initialTwin?: InitialTwin;
  readonly payload?: JsonObject;
}

/**
 * Enters the device into the hub it was allocated to, moving it there from another one as the enrollment's reprovision
 * policy says (https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision).
 */
export function assign(
  registry: DeviceRegistry,
  entry: Entry,
  registration: Registration,
  { credential }: PendingAssignment,
  { hub, initialTwin, payload }: Assignment,
): Pick<Registration, 'assignment' | 'substatus' | 'payload'> {
  const deviceId = entry.settings.deviceId ?? registration.assignment?.deviceId ?? registration.registrationId;
  const before = registration.assignment;
  const moved = before !== undefined && before.hub.toLowerCase() !== hub.toLowerCase();
  const old = moved ? registry.get(before.hub, before.deviceId) : undefined;
  const migrates = entry.settings.reprovisionPolicy?.migrateDeviceData ?? true;
  const present = registry.get(hub, deviceId);

  if (present && !initialTwin) {
    registry.put(hub, withCredential(present, credential));
  } else if (old && migrates && !initialTwin) {
    registry.put(hub, { ...withCredential(old, credential), deviceId });
  } else {
    registry.create(hub, {
      deviceId,
      authentication: authenticationFor(credential),
      iotEdge: entry.settings.capabilities?.iotEdge ?? false,
      initialTwin: initialTwin ?? entry.settings.initialTwin,
    });
  }
  if (moved) registry.delete(before.hub, before.deviceId);
  return {
    assignment: { hub, deviceId },
    substatus: substatusOf({ known: before !== undefined, moved, migrated: migrates && !initialTwin }),
    payload,
  };
}

function substatusOf({
  known,
  moved,
  migrated,
}: {
  known: boolean;
  moved: boolean;
  migrated: boolean;
}): RegistrationSubstatus {
  if (!known) return 'initialAssignment';
  if (!moved) return 'reprovisionedToInitialAssignment';
  return migrated ? 'deviceDataMigrated' : 'deviceDataReset';
}
