import pMap from 'p-map';
import { audited, type Note } from '../audit/audit.ts';
import { eraseBundle } from '../bundle/archive.ts';
import type { DoorSeen } from '../devices/block.ts';
import { areClosed, closed, confirmed, later, restored, withDoors } from '../devices/blocking.ts';
import { bundlesOf, certificatesOf } from '../devices/certificates.ts';
import { type DeviceRecord, withEvent } from '../devices/device.ts';
import type { FoundEntry } from '../enrollment/enrollments.ts';
import { type FleetError, orFleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import { settleAct } from './audit-acts.ts';
import { changeDevice } from './change-device.ts';
import {
  type Blocked,
  closeEnrollments,
  closeHubs,
  type DoorPorts,
  hubsOf,
  openDoors,
  patiently,
  seeDoors,
  throwFirst,
} from './doors.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';

export type SettlePorts = DoorPorts & Pick<Ports, 'twins' | 'bundles' | 'blockQueue' | 'audit' | 'now'>;

/**
 * Seconds until the doors are tried again when one does not close: DPS is assigning the device, a service does not answer, or
 * an enrollment is in the way that an operator has to remove.
 */
const nextTrySeconds = 120;

/**
 * Seconds after which a step that is due is taken for lost. Those of a large act wait for the quota of the hub. A step that
 * has two messages costs calls.
 */
const lostAfterSeconds = 300;

/**
 * Devices whose hubs are closed at the same time. Each takes its part of the quota before, and the next request waits behind
 * it: with 50 operations per minute, 11 seconds.
 */
const hubsAtOnce = 3;

/** Messages sent by one run of the timer. The next run sends the others. */
const messagesPerRun = 10_000;

/**
 * Does the next step of a blocked device by what its record says: closes its doors, opens them after a restore, or looks at
 * them a second time. Every step can be repeated, by any number of workers at once. A device without a step left stays as
 * it is.
 * @returns the device as it is afterwards
 * @throws FleetError `not-found`; `throttled`, `unavailable`, `concurrent-change`
 */
export async function settleBlock(deviceId: string, ports: SettlePorts): Promise<DeviceRecord> {
  const { value: record } = await readDevice(deviceId, ports.devices);
  const { status, block } = record;
  if (block?.lookAgainAt === undefined) return record;
  const blocked = { record, block };
  if (status === 'closing') return close(blocked, ports);
  return block.undo === undefined ? lookAgain(blocked, ports) : open(blocked, ports);
}

/**
 * The same for devices (10 at most) whose records were just written: DPS closes those that are `closing` in one call.
 * @returns each device as it is afterwards, in order, or the error that it has
 */
export async function settleBlocks(
  records: readonly DeviceRecord[],
  ports: SettlePorts,
): Promise<(DeviceRecord | FleetError)[]> {
  const closing = records.flatMap((record) => {
    const { status, block } = record;
    return status === 'closing' && block !== undefined ? [{ record, block }] : [];
  });
  const seen = await closeEnrollments(closing, ports);
  const settleOne = (record: DeviceRecord) => {
    const index = closing.findIndex((each) => each.record === record);
    const [blocked, enrollment] = [closing[index], seen[index]];
    const isClosing = blocked !== undefined && enrollment !== undefined;
    return isClosing ? closeRest(blocked, enrollment, ports) : settleBlock(record.id, ports);
  };
  return pMap(records, (record) => orFleetError(() => settleOne(record)), { concurrency: hubsAtOnce });
}

/**
 * The message of a device whose doors wait for a step: does the step, and sends the next message while one is left.
 * @throws FleetError as `settleBlock`, without `not-found`
 */
export async function continueBlock(deviceId: string, ports: SettlePorts): Promise<void> {
  const { value: before } = await readDevice(deviceId, ports.devices);
  if (before.block?.lookAgainAt === undefined) return;
  // A step can have several messages. The first one that is due takes it, and the others wait for the next.
  const { block } = secondsUntilStep(before, ports) > 0 ? before : await settleAudited(before, ports);
  if (block?.lookAgainAt === undefined) return;
  const delaySeconds = Math.max(1, secondsUntilStep({ block }, ports));
  await ports.blockQueue.send([{ deviceId }], { delaySeconds });
}

/** 0 or less: it is due, or there is none. */
function secondsUntilStep({ block }: Pick<DeviceRecord, 'block'>, { now }: Pick<Ports, 'now'>): number {
  const { lookAgainAt } = block ?? {};
  return lookAgainAt === undefined ? 0 : Math.ceil((Date.parse(lookAgainAt) - now().getTime()) / 1000);
}

function settleAudited(record: DeviceRecord, ports: SettlePorts): Promise<DeviceRecord> {
  const settle = async (note: Note) => {
    const settled = await settleBlock(record.id, ports);
    note({ status: settled.status, notYet: Object.keys(settled.block?.notYet ?? {}) });
    return settled;
  };
  // Only an end of a block gives rights.
  const withoutIntent = record.block?.undo === undefined;
  return audited(ports.audit, settleAct(record), settle, { withoutIntent });
}

/**
 * Sends a message for each blocked device whose next step is overdue: its message was never sent, or was lost.
 * @returns how many
 */
export async function resumeBlocks({ devices, blockQueue, now }: Pick<Ports, 'devices' | 'blockQueue' | 'now'>) {
  const before = later(now().toISOString(), -lostAfterSeconds);
  const ids = await devices.dueLooks(before, messagesPerRun);
  if (ids.length > 0) await blockQueue.send(ids.map((deviceId) => ({ deviceId })));
  return ids.length;
}

async function close(blocked: Blocked, ports: SettlePorts): Promise<DeviceRecord> {
  const [enrollment] = await closeEnrollments([blocked], ports);
  return enrollment === undefined ? blocked.record : closeRest(blocked, enrollment, ports);
}

/** @param enrollment what was seen of DPS, which is closed first */
async function closeRest(blocked: Blocked, enrollment: DoorSeen, ports: SettlePorts): Promise<DeviceRecord> {
  const seen = { enrollment, hub: await closeHubs(blocked, ports) };
  const isClosed = areClosed(seen);
  if (isClosed && blocked.block.kind === 'scrapped') await removeTraces(blocked.record, ports);
  return changeOwn(blocked, ports, ({ record, block }) => {
    const at = ports.now().toISOString();
    const next = withDoors(block, seen, at);
    if (isClosed) return record.status === 'closing' ? closed(record, next, at) : record;
    currentLog().warn('device not closed yet', { device: record.id, ...next.notYet });
    return { ...record, block: { ...next, lookAgainAt: later(at, nextTrySeconds) } };
  });
}

/** A door that is open again is closed again, and looked at once more. */
async function lookAgain(blocked: Blocked, ports: SettlePorts): Promise<DeviceRecord> {
  const seen = await seeDoors(blocked, ports);
  const at = ports.now().toISOString();
  if (areClosed(seen)) {
    if (at < (blocked.block.lookAgainAt ?? '')) return blocked.record;
    return changeOwn(blocked, ports, ({ record, block }) =>
      confirmed({ ...record, block: withDoors(block, seen, at) }),
    );
  }
  const reopened = await changeOwn(blocked, ports, ({ record, block }) => {
    const next = withDoors(block, seen, at);
    const detail = Object.values(next.notYet ?? {}).join(' ');
    currentLog().warn('door of a blocked device found open', { device: record.id, detail });
    const history = withEvent(record.history, { at, event: 'door found open', detail });
    return { ...record, status: 'closing', statusSince: at, block: next, history };
  });
  const { block } = reopened;
  return block === undefined || reopened.status !== 'closing' ? reopened : close({ record: reopened, block }, ports);
}

/** The record opens last: what it guards is handed out again only when the device can use it. */
async function open(blocked: Blocked, ports: SettlePorts): Promise<DeviceRecord> {
  const { left, enrollment } = await openDoors(blocked, ports);
  return changeOwn(blocked, ports, ({ record, block }) => {
    const at = ports.now().toISOString();
    if (record.status === 'opening') return withEnrollment(restored(record, block, left, at), enrollment, at);
    return at < (block.lookAgainAt ?? '') ? record : confirmed(record);
  });
}

/** The record with the status that its individual enrollment has now: that of its group can be another one by then. */
function withEnrollment(record: DeviceRecord, found: FoundEntry | undefined, seenAt: string): DeviceRecord {
  const { enrolled } = record;
  if (enrolled === undefined || found?.thumbprints[0] !== enrolled.sha256Thumbprint) return record;
  const provisioningStatus = found.disabled === true ? 'disabled' : 'enabled';
  return { ...record, enrolled: { ...enrolled, seenAt, provisioningStatus } };
}

/** Changes the record while it asks for what this operation did; leaves it to a later operation otherwise. */
function changeOwn(
  { record: { id }, block: { mark, undo } }: Blocked,
  ports: SettlePorts,
  change: (latest: Blocked) => DeviceRecord,
): Promise<DeviceRecord> {
  return changeDevice(id, ports, (record) => {
    const { block } = record;
    const isOwn = block?.mark === mark && block.undo?.mark === undo?.mark;
    return block !== undefined && isOwn ? change({ record, block }) : record;
  });
}

/** Removes what a scrapped device left: its bundle, its identity at the hubs, and its registration. Its block in DPS stays. */
async function removeTraces(record: DeviceRecord, ports: SettlePorts): Promise<void> {
  const { enrollments, twins, bundles, registryRateLimiter } = ports;
  for (const bundle of bundlesOf(record)) await eraseBundle(bundles, bundle);
  const thumbprints = certificatesOf(record).flatMap((each) => [each.sha1Thumbprint, each.sha256Thumbprint]);
  const hubs = await hubsOf(record, ports);
  throwFirst(hubs);
  for (const name of hubs.names) {
    await registryRateLimiter.acquire(2);
    // An identity with a credential that the record does not name stays, disabled.
    await patiently(ports, () => twins.remove(name, record.id, thumbprints));
  }
  await patiently(ports, () => enrollments.deleteRegistration(record.id));
}
