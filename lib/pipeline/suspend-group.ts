import { createHash } from 'node:crypto';
import { unknownGroup } from '../enrollment/group-directory.ts';
import type { StoredGroup } from '../enrollment/groups.ts';
import { FleetError, orFleetError } from '../errors.ts';
import type { FleetAct } from '../jobs/fleet-act.ts';
import { beginFleetAct, cancelFleetAct, type FleetActPorts } from './fleet-acts.ts';

/** Seconds in which an act that is cancelled has written the records of its last step: ten devices. */
const lastStepSeconds = 30;

export interface GroupAct extends StoredGroup {
  /** The act on the devices of the group. */
  readonly act: FleetAct;
}

interface Asked {
  /** As `Act`. */
  readonly by: string;
  readonly reason: string;
}

/**
 * Ends the access of all devices of a group: DPS has the group disabled from here on, and an act suspends each device, since
 * disabling a group in DPS does not touch the identities at the hub. A repeated request goes on with the act that was begun.
 * https://learn.microsoft.com/azure/iot-dps/how-to-unprovision-devices
 * @param actId of a new act
 * @throws FleetError `not-found`, `group-refused`, `group-exists`, `concurrent-change`, `throttled`, `unavailable`
 */
export async function suspendGroup(id: string, actId: string, asked: Asked, ports: FleetActPorts): Promise<GroupAct> {
  const at = ports.now().toISOString();
  const stored = await ports.groups.suspend(id, { ...asked, at, fleetAct: actId });
  // The suspension of an earlier request stays.
  const { fleetAct, by, reason } = stored.group.suspension ?? { ...asked, fleetAct: actId };
  const act = await beginFleetAct(fleetAct, { kind: 'suspend', filter: { enrollmentGroup: id }, by, reason }, ports);
  return { ...stored, act };
}

/**
 * Ends the suspension of a group: DPS gets the status that is declared, and an act restores the devices that the suspension
 * took. Devices that were suspended by themselves stay so.
 * @throws FleetError `not-found`; `method-conflict` when it is not suspended; as `suspendGroup`
 */
export async function restoreGroup(id: string, { by, reason }: Asked, ports: FleetActPorts): Promise<GroupAct> {
  const all = await ports.groups.directory({ maxAgeSeconds: 0 });
  const group = all.get(id);
  if (group === undefined) throw unknownGroup('not-found', id, all.keys());
  const { suspension } = group.value;
  if (suspension === undefined) {
    throw new FleetError('method-conflict', `Enrollment group "${id}" is not suspended.`);
  }
  const { fleetAct } = suspension;
  const cancelled = await orFleetError(() => cancelFleetAct(fleetAct, by, ports));
  const isRunning = !(cancelled instanceof FleetError);
  if (!isRunning && cancelled.code !== 'method-conflict' && cancelled.code !== 'not-found') throw cancelled;
  // The id follows from the suspension, so a repeated request finds the act of the first.
  const actId = createHash('sha256').update(`restore ${fleetAct}`).digest('hex').slice(0, 24);
  const filter = { enrollmentGroup: id, suspendedBy: fleetAct };
  const delaySeconds = isRunning ? lastStepSeconds : 0;
  const act = await beginFleetAct(actId, { kind: 'restore', filter, by, reason }, ports, { delaySeconds });
  return { ...(await ports.groups.resume(id)), act };
}
