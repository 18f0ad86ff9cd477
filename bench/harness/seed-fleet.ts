import { createHash } from 'node:crypto';
import { type SeededDevice, seedDevices } from 'fleet-emulators/dps/seed';
import type { DeviceRecord, DeviceStore } from '../../lib/devices/device.ts';
import type { BlobStore } from '../../lib/storage.ts';

/** A fleet that is written into the stores and the data of the DPS emulator, as it would be after all devices registered. */
export interface SeededFleet {
  readonly enrollmentGroup: string;
  /** Host names. Devices take turns. */
  readonly hubs: readonly string[];
  /** The SQLite file of the DPS emulator. */
  readonly dpsFile: string;
  readonly devices: Pick<DeviceStore, 'create'>;
  readonly bundles: Pick<BlobStore, 'write'>;
  readonly now: Date;
}

/** Devices per archive, as a chunk has. */
const devicesPerArchive = 250;
const day = 24 * 60 * 60 * 1000;

/** Adds the devices with the numbers `from` to `to`, without `to`. A sweep finds nothing wrong with them. */
export async function seedFleet(fleet: SeededFleet, from: number, to: number): Promise<void> {
  const { devices, bundles, dpsFile } = fleet;
  for (let first = from; first < to; first += devicesPerArchive) {
    const numbers = Array.from({ length: Math.min(devicesPerArchive, to - first) }, (_, index) => first + index);
    const archive = `seeded/${String(first).padStart(7, '0')}.zip`;
    await bundles.write(archive, Buffer.alloc(1), { contentType: 'application/zip' });
    const records = numbers.map((number) => recordOf(number, archive, fleet));
    await devices.create(records);
    seedDevices(dpsFile, records.map(seededDevice));
  }
}

function recordOf(number: number, archive: string, { enrollmentGroup, hubs, now }: SeededFleet): DeviceRecord {
  const id = `seeded-${String(number).padStart(7, '0')}`;
  const digest = (algorithm: string) => createHash(algorithm).update(id).digest('hex').toUpperCase();
  const at = (days: number) => new Date(now.getTime() + days * day).toISOString();
  return {
    ...{ id, enrollmentGroup, status: 'assigned', statusSince: at(-29), contentHash: 'a'.repeat(64) },
    claim: { jobId: '0123456789abcdef01234567', chunk: 0, line: 2, attempt: 1 },
    serialNumber: digest('sha256').slice(0, 32).toLowerCase(),
    twin: { tags: { site: 'berlin', slot: number }, desired: {} },
    identity: {
      ...{ sha1Thumbprint: digest('sha1'), sha256Thumbprint: digest('sha256') },
      ...{ notBefore: at(-30), notAfter: at(335) },
    },
    bundle: { archive, offset: 0, length: 1, fileName: `${id}.tar.gz`, mediaType: 'application/gzip' },
    registration: {
      ...{ status: 'assigned', substatus: 'initialAssignment', at: at(-29), twinDeliveredAt: at(-29) },
      ...{ assignedHub: hubs[number % hubs.length] ?? '', sha256Thumbprint: digest('sha256') },
    },
    history: [{ at: at(-29), event: 'registration assigned' }],
  };
}

function seededDevice({ id, enrollmentGroup, identity, registration, twin }: DeviceRecord): SeededDevice {
  return {
    ...{ registrationId: id, enrollmentGroup, tags: { ...twin?.tags } },
    ...{ hub: registration?.assignedHub ?? '', registeredAt: registration?.at ?? '' },
    thumbprint: identity?.sha256Thumbprint ?? '',
  };
}
