import type { DelegatedCa } from '../authorities/delegated-ca.ts';
import type { DeviceCertificate } from '../devices/certificate.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { identityOf } from '../devices/under-delegated-ca.ts';
import { inForce } from '../groups/group.ts';
import type { Page, PageRequest } from '../storage.ts';
import type { Ports } from './ports.ts';
import { rowOf } from './reissue-list.ts';

/** A device, and the certificate of a delegated CA with which it works. */
export interface DeviceOfCa {
  readonly record: DeviceRecord;
  readonly certificate: DeviceCertificate;
}

type Ca = Pick<DelegatedCa, 'id' | 'enrollmentGroup'>;

const pageSize = 1000;

/** Devices that work with a certificate of the CA, by id. @throws FleetError `throttled`, `unavailable` */
export async function devicesOfCa(
  { id, enrollmentGroup }: Ca,
  page: PageRequest,
  { devices }: Pick<Ports, 'devices'>,
): Promise<Page<DeviceOfCa>> {
  const { items, continuation } = await devices.list({ enrollmentGroup, delegatedCa: id }, page);
  const found = items.flatMap((record) => {
    const certificate = identityOf(record, id);
    return certificate === undefined ? [] : [{ record, certificate }];
  });
  return { items: found, continuation };
}

/**
 * The rows of those devices that are in use, as NDJSON: a manifest for a job with onConflict=reissue. Where devices make their
 * keys, `csr` is empty: each device has to give one.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function* reissueListOfCa(ca: Ca, ports: Pick<Ports, 'devices' | 'groups'>): AsyncGenerator<string> {
  // An answer without devices is an empty list.
  yield '';
  const group = (await ports.groups.directory()).get(ca.enrollmentGroup)?.value;
  const needsCsr = group !== undefined && inForce(group).definition.keyCustody === 'device';
  let continuation: string | undefined;
  do {
    const page: Page<DeviceOfCa> = await devicesOfCa(ca, { size: pageSize, continuation }, ports);
    const inUse = page.items.filter(({ record: { status } }) => status === 'provisioned' || status === 'assigned');
    yield inUse.map(({ record }) => `${JSON.stringify(rowOf(record, needsCsr))}\n`).join('');
    continuation = page.continuation;
  } while (continuation !== undefined);
}
