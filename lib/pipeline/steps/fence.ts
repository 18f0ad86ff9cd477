import pMap from 'p-map';
import { certificatesOf } from '../../devices/certificates.ts';
import type { DeviceRecord } from '../../devices/device.ts';
import { failedRecord } from '../../devices/reissue.ts';
import type { Groups } from '../../enrollment/groups.ts';
import { FleetError } from '../../errors.ts';
import { type GroupRecord, isInUse } from '../../groups/group.ts';
import { changeDevice } from '../change-device.ts';
import type { Issuance } from '../issuance.ts';
import type { Ports } from '../ports.ts';

/*
 * The fence between chunks in work and the end of a CA: no device is given a certificate of a CA that was removed
 * (complete-rollover.ts) without counting that device, or of a delegated CA that was blocked (block-delegated-ca.ts) without being
 * on its list.
 */

/** Records written at once. */
const writesAtOnce = 8;

/**
 * Before the commit: nothing is stored of a CA that left the group while the chunk was issued, or of a delegated CA that was
 * blocked. The next delivery issues by another one, under the same serial numbers. Uses the groups as they were read some
 * seconds ago, which costs nothing; what it misses, `fenceRecords` finds.
 * @throws FleetError `concurrent-change`
 */
export async function fenceIssuances(
  issuances: ReadonlyMap<string, Issuance>,
  ports: Pick<Ports, 'endDelegatedCa' | 'delegatedCas'> & { readonly groups: Pick<Groups, 'directory'> },
): Promise<void> {
  const { groups, endDelegatedCa } = ports;
  for (const { delegatedCa } of issuances.values()) {
    if (delegatedCa === undefined || (await mayBeUsed(delegatedCa.id, ports))) continue;
    await endDelegatedCa(delegatedCa.id, 'blocked');
    throw new FleetError('concurrent-change', `Delegated CA ${delegatedCa.id} was blocked while it signed.`);
  }
  const directory = await groups.directory();
  for (const [id, { group: issuedFor }] of issuances) {
    const [ca] = issuedFor.issuingCas;
    const group = directory.get(id)?.value;
    if (ca === undefined || group === undefined || isInUse(group, ca.generation)) continue;
    const message = `CA ${ca.generation} of group "${id}" was removed while certificates were issued by it.`;
    throw new FleetError('concurrent-change', message);
  }
}

/**
 * After the records: takes certificates back whose CA was removed or blocked meanwhile. Their rows fail with `ca-removed`, and a
 * retry of the job issues by another one. The records are written before the group and the record of the CA are read; a removal counts
 * devices, and a block lists them, after it has marked these. So one of the two sees the other.
 *
 * A group that is being deleted counts as gone: new devices have no record before, and the deletion looks for devices after its
 * mark (delete-group.ts).
 * @param given records of devices that the chunk gave a certificate, in enrollment groups
 * @throws FleetError `concurrent-change` when it took some back: the next delivery counts their rows as failed
 */
export async function fenceRecords(
  given: readonly DeviceRecord[],
  ports: Pick<Ports, 'devices' | 'delegatedCas' | 'now'> & { readonly groups: Pick<Groups, 'latest'> },
): Promise<void> {
  let taken = 0;
  for (const [id, records] of Map.groupBy(given, ({ enrollmentGroup }) => enrollmentGroup)) {
    const group = await latest(id, ports.groups);
    const removed = records.filter((record) => isOfRemovedCa(record, group));
    const why = `Group "${id}" was deleted, or the CA of the certificate removed from it, at the same time.`;
    taken += await takeAllBack(removed, why, ports);
  }
  for (const [id, records] of Map.groupBy(given, (record) => present(record)?.delegatedCa)) {
    if (id === undefined || (await mayBeUsed(id, ports))) continue;
    taken += await takeAllBack(records, `Delegated CA ${id}, which signed its certificate, was blocked.`, ports);
  }
  if (taken === 0) return;
  throw new FleetError('concurrent-change', `The CA of ${taken} certificates was removed while they were recorded.`);
}

/** Whether certificates of a delegated CA may be handed out. One without a record is not known. */
async function mayBeUsed(id: string, { delegatedCas }: Pick<Ports, 'delegatedCas'>): Promise<boolean> {
  const found = await delegatedCas.read(id);
  return found !== undefined && found.value.blocked === undefined;
}

const present = (record: DeviceRecord) =>
  certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);

/** @returns undefined when the group was deleted. It had no devices then, so no CA of it is in use. */
async function latest(id: string, groups: Pick<Groups, 'latest'>): Promise<GroupRecord | undefined> {
  try {
    return (await groups.latest(id)).value;
  } catch (error) {
    if (error instanceof FleetError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** A certificate of an earlier version has no generation. It is older than any removal. */
function isOfRemovedCa(record: DeviceRecord, group: GroupRecord | undefined): boolean {
  const { caGeneration } = present(record) ?? {};
  if (caGeneration === undefined) return false;
  return group === undefined || group.deleting !== undefined || !isInUse(group, caGeneration);
}

/** @returns how many devices lost their certificate */
async function takeAllBack(
  given: readonly DeviceRecord[],
  why: string,
  ports: Pick<Ports, 'devices' | 'now'>,
): Promise<number> {
  const done = await pMap(given, (record) => takeBack(record, why, ports), { concurrency: writesAtOnce });
  return done.filter(Boolean).length;
}

/** @returns whether the device lost the certificate. One that has registered with it keeps it. */
async function takeBack(given: DeviceRecord, message: string, ports: Pick<Ports, 'devices' | 'now'>): Promise<boolean> {
  const at = ports.now().toISOString();
  const isGiven = ({ status, serialNumber }: DeviceRecord) =>
    status === 'provisioned' && serialNumber === given.serialNumber;
  let taken = false;
  await changeDevice(given.id, ports, (record) => {
    taken = isGiven(record);
    if (!taken) return record;
    return failedRecord(record, { code: 'ca-removed', message }, at);
  });
  return taken;
}
