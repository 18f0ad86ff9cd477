import { defaultMaxAgeSeconds } from '../enrollment/group-directory.ts';
import { groupStatus } from '../enrollment/group-status.ts';
import type { StoredGroup } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import type { Ports } from './ports.ts';
import { type RolloverGate, readRolloverGate } from './rollover-gate.ts';

export type CompleteRolloverPorts = Pick<Ports, 'groups' | 'devices' | 'retry' | 'now'>;

export interface Completion {
  /** Who asks for it; recorded on the group. */
  readonly by: string;
  /** The devices that the caller locks out knowingly. It has to be the number that the gate counts. Absent: none. */
  readonly devicesLockedOut?: number | undefined;
}

export interface CompletedRollover extends StoredGroup {
  /** The counts of the gate when the CA was removed. Absent when an earlier request removed it. */
  readonly gate?: RolloverGate;
}

/**
 * Takes the older CA of a group out of DPS. It is retired: the EST server trusts its certificates until they end. Refused while
 * devices need it, unless the caller names their number. A request that was cut short is finished by the next one.
 *
 * The CA is marked first, and the devices are counted after that. A chunk records its devices first, and looks at the group
 * after that (steps/fence.ts). So either the chunk sees the mark and takes its certificates back, or the count has its devices.
 * @throws FleetError `not-found`; `rollover-gated` while the gate is closed; `method-conflict` when there is no older CA, or DPS
 * does not have the current one yet; `concurrent-change`, `throttled`, `unavailable`
 */
export async function completeRollover(
  id: string,
  completion: Completion,
  ports: CompleteRolloverPorts,
): Promise<CompletedRollover> {
  const { groups, retry } = ports;
  const group = await settledGroup(id, ports);
  const [, older] = group.issuingCas;
  const retired = group.retiredCas?.[0];
  if (older === undefined && retired === undefined)
    throw new FleetError('method-conflict', `Group "${id}" has one issuing CA. Start a rollover first.`);
  // Removed by an earlier request, whose answer may have been lost.
  if (older === undefined) return groups.finishRemoval(id, retired?.generation ?? 0);

  // Before the mark too: a request that cannot succeed stops no chunk.
  await passGate(group, completion, ports);
  const marked = await groups.markRemoving(id, older.generation, completion.by);
  // Until no worker uses the group that it read before, and every copy of the record has the mark.
  await retry.sleep((defaultMaxAgeSeconds + 1) * 1000);
  try {
    const gate = await passGate(marked, completion, ports);
    return { ...(await groups.finishRemoval(id, older.generation)), ...(gate !== undefined && { gate }) };
  } catch (error) {
    if (error instanceof FleetError && error.code === 'rollover-gated')
      await groups.unmarkRemoving(id, older.generation);
    throw error;
  }
}

/** The group, once DPS has it as declared: the older CA is not removed while DPS has not taken the one that replaces it. */
async function settledGroup(id: string, { groups }: CompleteRolloverPorts): Promise<GroupRecord> {
  const found = await groups.latest(id);
  if (groupStatus(found.value).status === 'enrolled') return found.value;
  await groups.ensure(found);
  const { value } = await groups.latest(id);
  const { status, reason } = groupStatus(value);
  if (status === 'enrolled') return value;
  const why = reason === undefined ? '' : ` ${reason.message}`;
  throw new FleetError('method-conflict', `DPS does not have group "${id}" as declared yet (${status}).${why}`);
}

/** @throws FleetError `rollover-gated` unless the gate is open, or the caller names the number of devices that it counts */
async function passGate(
  group: GroupRecord,
  { devicesLockedOut }: Completion,
  ports: CompleteRolloverPorts,
): Promise<RolloverGate | undefined> {
  const gate = await readRolloverGate(group, ports);
  if (gate === undefined || gate.devicesLockedOut === (devicesLockedOut ?? 0)) return gate;
  const { notRenewed, notConfirmed, notInstalled } = gate;
  const counts = `not renewed ${notRenewed.devices}, not confirmed ${notConfirmed.devices}, not installed ${notInstalled.devices}`;
  const found = `Without CA ${gate.ca.generation} of group "${group.id}", ${gate.devicesLockedOut} devices could not register (${counts}).`;
  const asked = devicesLockedOut === undefined ? '' : ` The request names ${devicesLockedOut}.`;
  const opens = gate.opensBy === undefined ? '' : ` The gate opens by itself by ${gate.opensBy}.`;
  throw new FleetError('rollover-gated', `${found}${asked}${opens}`, {
    column: 'force.devicesLockedOut',
    expected: String(gate.devicesLockedOut),
    ...(devicesLockedOut !== undefined && { value: String(devicesLockedOut) }),
  });
}
