import type { BlockAct, BlockKind } from '../devices/block.ts';
import { blocked, restoring, secondLookSeconds } from '../devices/blocking.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { FleetError, orFleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';
import { type SettlePorts, settleBlocks } from './settle-block.ts';

export type BlockPorts = SettlePorts & Pick<Ports, 'newId'>;

/** Who asks for a block or its end, and why. */
export interface Reason {
  /** As `Act`. */
  readonly by: string;
  readonly reason: string;
  /** The act on many devices that asks for it. */
  readonly fleetAct?: string | undefined;
}

/**
 * Ends the access of a device. Its record comes first: from then on nothing is issued, renewed or handed out for it. Then its
 * doors outside are closed, DPS before the hub, and read back. A minute later they are looked at again.
 *
 * A request that is cut short is finished by a message on the queue `device-blocks`, or by the timer. A repeated one does
 * what is left.
 * @returns the device as it is afterwards: `closing` while a door is open (`block.notYet`)
 * @throws FleetError `not-found`; `device-revoked` for a device that is to be suspended and is revoked; `method-conflict` when
 * it is deleted; `concurrent-change`, `throttled`, `unavailable` while the record is not written
 */
export async function blockDevice(
  id: string,
  kind: BlockKind,
  reason: Reason,
  ports: BlockPorts,
): Promise<DeviceRecord> {
  const [ended] = await blockDevices([id], kind, reason, ports);
  if (ended === undefined) throw new FleetError('internal', 'A device is missing among those that were blocked.');
  if (ended instanceof FleetError) throw ended;
  return ended;
}

/**
 * The same for several devices (10 at most), with one call to DPS. Each keeps the order: record, DPS, hub, read back.
 * @returns each device as it is afterwards, in order, or the error for which its record was not written
 */
export function blockDevices(
  ids: readonly string[],
  kind: BlockKind,
  reason: Reason,
  ports: BlockPorts,
): Promise<(DeviceRecord | FleetError)[]> {
  return act(ids, reason, ports, (record, request) => blocked(record, { ...request, kind }));
}

/**
 * Gives a suspended device its access back: opens its doors outside, the hub first, then its record.
 * @returns the device as it is afterwards: `opening` while that is not done
 * @throws FleetError `not-found`; `device-revoked`; `method-conflict` when it is not suspended; `concurrent-change`,
 * `throttled`, `unavailable` while the record is not written
 */
export async function restoreDevice(id: string, reason: Reason, ports: BlockPorts): Promise<DeviceRecord> {
  const [ended] = await restoreDevices([id], reason, ports);
  if (ended === undefined) throw new FleetError('internal', 'A device is missing among those that were restored.');
  if (ended instanceof FleetError) throw ended;
  return ended;
}

/** The same for several devices (10 at most). @returns as `blockDevices` */
export function restoreDevices(
  ids: readonly string[],
  reason: Reason,
  ports: BlockPorts,
): Promise<(DeviceRecord | FleetError)[]> {
  return act(ids, reason, ports, restoring);
}

async function act(
  ids: readonly string[],
  { by, reason, fleetAct }: Reason,
  ports: BlockPorts,
  change: (record: DeviceRecord, request: BlockAct) => DeviceRecord,
): Promise<(DeviceRecord | FleetError)[]> {
  const { now, newId } = ports;
  const written = await Promise.all(
    ids.map((id) => {
      const mark = `fleet-orchestrator ${newId()}`;
      const request = { by, reason, at: now().toISOString(), mark, ...(fleetAct !== undefined && { fleetAct }) };
      return orFleetError(() => changeDevice(id, ports, (record) => change(record, request)));
    }),
  );
  const records = written.filter((each) => !(each instanceof FleetError));
  const settled = await settle(records, ports);
  return written.map((each) => (each instanceof FleetError ? each : (settled.get(each.id) ?? each)));
}

/** Closes or opens the doors of devices whose records say so. From their messages on, that ends whatever becomes of this request. */
async function settle(records: readonly DeviceRecord[], ports: BlockPorts): Promise<ReadonlyMap<string, DeviceRecord>> {
  const messages = records.map(({ id }) => ({ deviceId: id }));
  const ended = await orFleetError(async () => {
    await ports.blockQueue.send(messages, { delaySeconds: secondLookSeconds });
    return settleBlocks(records, ports);
  });
  const results = await Promise.all(
    records.map(async ({ id }, index): Promise<readonly [string, DeviceRecord]> => {
      const result = ended instanceof FleetError ? ended : ended[index];
      if (result !== undefined && !(result instanceof FleetError)) return [id, result];
      currentLog().warn('device not settled yet', { device: id, reason: result?.message });
      return [id, (await readDevice(id, ports.devices)).value];
    }),
  );
  return new Map(results);
}
