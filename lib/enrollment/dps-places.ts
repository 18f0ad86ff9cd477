import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord, GroupStore } from '../groups/group.ts';

/** In which DPS instances groups and devices are. Every method throws FleetError `throttled` or `unavailable`. */
export interface DpsPlaces {
  /** @returns the instance of the group; undefined when there is no such group and never was */
  ofGroup(id: string): Promise<string | undefined>;
  /**
   * @returns by device id, for the devices that have a record, the instances that may know it, that of its group first. Devices
   * of a group that is not known any more may be in each of them, and are left out
   */
  ofDevices(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** The same of devices whose records were just read. */
  ofRecords(records: readonly DeviceRecord[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** The places of a deployment with one instance. They are known without reading anything. */
export const onePlace: DpsPlaces = {
  ofGroup: async () => defaultDps,
  ofDevices: async (ids) => new Map(ids.map((id) => [id, [defaultDps]])),
  ofRecords: async (records) => new Map(records.map(({ id }) => [id, [defaultDps]])),
};

/** Reads the records each time: a place that is seconds old could leave a door open. */
export function createDpsPlaces({
  devices,
  groups,
}: {
  readonly devices: Pick<DeviceStore, 'read'>;
  readonly groups: Pick<GroupStore, 'read'>;
}): DpsPlaces {
  async function ofRecords(records: readonly DeviceRecord[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const names = new Set(records.flatMap(groupsOf));
    const read = await Promise.all([...names].map(async (id) => [id, (await groups.read(id))?.value] as const));
    const byId = new Map(read);
    return new Map(
      records.flatMap((record) => {
        const own = groupsOf(record).map((id) => byId.get(id));
        if (own.includes(undefined)) return [];
        const instances = own.flatMap((group) => (group === undefined ? [] : instancesOf(group)));
        return [[record.id, [...new Set(instances)]] as const];
      }),
    );
  }

  return {
    ofRecords,

    async ofGroup(id) {
      const group = await groups.read(id);
      return group && dpsOf(group.value.definition);
    },

    async ofDevices(ids) {
      const records = await devices.read(ids);
      return ofRecords([...records.values()].map(({ value }) => value));
    },
  };
}

/** The groups whose CA can have issued a certificate of the device, the present one first. */
function groupsOf(record: DeviceRecord): readonly string[] {
  const { enrollmentGroup, before, formerGroups = [] } = record;
  const issuing = certificatesOf(record).map((each) => each.enrollmentGroup);
  const held = before === undefined ? [] : [before.enrollmentGroup];
  return [...new Set([enrollmentGroup, ...held, ...formerGroups, ...issuing])];
}

/** The instance of a group, then those of groups of its id that were deleted. */
function instancesOf({ definition, formerDps = [] }: GroupRecord): readonly string[] {
  return [dpsOf(definition), ...formerDps];
}
