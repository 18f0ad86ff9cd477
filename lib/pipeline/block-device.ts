import type { BlockKind, ReasonedAct } from '../devices/block.ts';
import { type BlockRequest, blocked, restoring, secondLookSeconds } from '../devices/blocking.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';
import { type SettlePorts, settleBlock } from './settle-block.ts';

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
export function blockDevice(id: string, kind: BlockKind, reason: Reason, ports: BlockPorts): Promise<DeviceRecord> {
  return act(id, reason, ports, (record, request) => {
    return blocked(record, { ...request, kind, fleetAct: reason.fleetAct } satisfies BlockRequest);
  });
}

/**
 * Gives a suspended device its access back: opens its doors outside, the hub first, then its record.
 * @returns the device as it is afterwards: `opening` while that is not done
 * @throws FleetError `not-found`; `device-revoked`; `method-conflict` when it is not suspended; `concurrent-change`,
 * `throttled`, `unavailable` while the record is not written
 */
export function restoreDevice(id: string, reason: Reason, ports: BlockPorts): Promise<DeviceRecord> {
  return act(id, reason, ports, restoring);
}

async function act(
  id: string,
  { by, reason }: Reason,
  ports: BlockPorts,
  change: (record: DeviceRecord, request: ReasonedAct) => DeviceRecord,
): Promise<DeviceRecord> {
  const { blockQueue, now, newId } = ports;
  const request = { by, reason, at: now().toISOString(), mark: `fleet-orchestrator ${newId()}` };
  await changeDevice(id, ports, (record) => change(record, request));
  // From here on the act ends, whatever becomes of this request.
  try {
    await blockQueue.send([{ deviceId: id }], { delaySeconds: secondLookSeconds });
    return await settleBlock(id, ports);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    currentLog().warn('device not settled yet', { device: id, reason: error.message });
    return (await readDevice(id, ports.devices)).value;
  }
}
