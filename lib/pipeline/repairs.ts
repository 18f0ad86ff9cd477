import { isBlocked } from '../devices/blocking.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { describeEntry } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import type { Finding } from '../findings/finding.ts';
import type { FindingKind } from '../findings/kinds.ts';
import { retrying } from '../retry.ts';
import { closeInDps, needsGroup } from './block-delegated-ca.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';
import { type SettlePorts, settleBlock } from './settle-block.ts';

export type RepairPorts = SettlePorts & Pick<Ports, 'delegatedCas'>;

/** Makes Azure what the records say by now. It can be repeated, and does nothing when the records do not ask for it. */
type Repair = (finding: Finding, ports: RepairPorts) => Promise<void>;

/** The kinds that this app can repair. For every other kind a person has to act. */
export const repairs: Readonly<Partial<Record<FindingKind, Repair>>> = {
  'group-missing': writeGroup,
  'group-changed': writeGroup,
  'group-other-ca': writeGroup,
  'tags-differ': mergeTags,
  'block-missing': blockAgain,
  'ca-block-missing': closeCaAgain,
  'enabled-though-revoked': disableAgain,
};

async function writeGroup({ subject: { id } }: Finding, { groups }: RepairPorts): Promise<void> {
  await groups.writeAgain(id);
}

async function mergeTags({ subject: { id } }: Finding, ports: RepairPorts): Promise<void> {
  const record = await recordOf(id, ports);
  const hub = record?.registration?.assignedHub;
  if (record?.status !== 'assigned' || hub === undefined || record.twin === undefined) return;
  const { tags } = record.twin;
  await retrying(() => ports.twins.merge(hub, id, { tags, desired: {} }), ports.retry);
}

async function blockAgain({ subject: { id } }: Finding, ports: RepairPorts): Promise<void> {
  const record = await recordOf(id, ports);
  if (record === undefined) return;
  if (record.status === 'deleted') await blockDeleted(record, ports);
  else await closeAgain(record, ports);
}

async function closeCaAgain({ subject: { id } }: Finding, ports: RepairPorts): Promise<void> {
  const found = await ports.delegatedCas.read(id);
  if (found !== undefined && needsGroup(found.value, ports.now().toISOString())) await closeInDps(found.value, ports);
}

/** The hub where the identity was seen may be another one than the record has. */
async function disableAgain({ subject: { id }, seen }: Finding, ports: RepairPorts): Promise<void> {
  const record = await recordOf(id, ports);
  const hub = typeof seen['hub'] === 'string' ? seen['hub'] : undefined;
  if (record === undefined || hub === undefined) return;
  if (record.status === 'deleted') {
    const names = certificatesOf(record).flatMap(({ sha1Thumbprint, sha256Thumbprint }) => [
      sha1Thumbprint,
      sha256Thumbprint,
    ]);
    await ports.registryRateLimiter.acquire(2);
    await retrying(() => ports.twins.remove(hub, id, names), ports.retry);
    return;
  }
  await closeAgain(record, ports);
  const { block } = record;
  if (block === undefined || !isBlocked(record)) return;
  const isOwn = (mark: string) => block.marks.includes(mark);
  const mayWrite = async () => isSameBlock(record, await recordOf(id, ports));
  await ports.registryRateLimiter.acquire(3);
  await retrying(() => ports.identities.disable(hub, id, block.mark, { isOwn, mayWrite }), ports.retry);
}

function isSameBlock(before: DeviceRecord, now: DeviceRecord | undefined): boolean {
  return now !== undefined && isBlocked(now) && now.block?.mark === before.block?.mark;
}

/** Notes on the record that its doors have to be looked at, and looks. After a crash the timer does (`resumeBlocks`). */
async function closeAgain({ id }: DeviceRecord, ports: RepairPorts): Promise<void> {
  await changeDevice(id, ports, (record) => {
    const { block } = record;
    if (block === undefined || !isBlocked(record) || block.lookAgainAt !== undefined) return record;
    return { ...record, block: { ...block, lookAgainAt: ports.now().toISOString() } };
  });
  const { status, block } = await settleBlock(id, ports);
  if (status !== 'closing') return;
  const why = Object.values(block?.notYet ?? {}).join(' ');
  throw new FleetError('unavailable', `Device "${id}" is not closed yet. ${why}`);
}

async function blockDeleted({ id, deletion }: DeviceRecord, ports: RepairPorts): Promise<void> {
  const mark = deletion?.block;
  if (mark === undefined) return;
  const change = {
    isOwn: (found: { readonly mark?: string }) => found.mark === mark,
    async mayWrite() {
      const now = await recordOf(id, ports);
      return now?.status === 'deleted' && now.deletion?.block === mark;
    },
  };
  const found = await retrying(() => ports.enrollments.close(id, mark, change), ports.retry);
  if (found === undefined || found.disabled === true) return;
  const message = `DPS cannot block device "${id}": it has an individual enrollment of that id that this deployment did not create.`;
  throw new FleetError('enrollment-exists', `${message} ${describeEntry(found)} Delete it in DPS.`);
}

async function recordOf(id: string, { devices }: Pick<RepairPorts, 'devices'>): Promise<DeviceRecord | undefined> {
  return (await devices.read([id])).get(id)?.value;
}
