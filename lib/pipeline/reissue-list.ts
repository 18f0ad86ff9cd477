import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import { isRenewedElsewhere } from '../groups/definition.ts';
import { inForce } from '../groups/group.ts';
import { requireKnownGroup } from './known-group.ts';
import { requireGroup } from './limit-to-groups.ts';
import type { Ports } from './ports.ts';

/** Devices of a group whose certificate ends before a time, and that do not renew by themselves. */
export interface ReissueList {
  readonly enrollmentGroup: string;
  /** ISO 8601, UTC, with milliseconds. */
  readonly before: string;
}

/** Devices of one list. A job of that size is provisioned in hours, and the list of it is streamed in minutes. */
export const maxListed = 100_000;

const pageSize = 1000;
const beginning = '0000-01-01T00:00:00.000Z';

/**
 * The rows of the devices that have to be issued again, as NDJSON: a manifest for a job with onConflict=reissue. Each has what
 * its last row had, so that the job changes nothing but the certificate. Where devices make their keys, `csr` is empty: each
 * device has to give one.
 * @throws FleetError `not-found` for a group that is not declared; `forbidden`; `request-invalid` when another EST server renews
 * the group, or when there are more than 100,000 devices; `throttled`, `unavailable`
 */
export async function* reissueList(
  { enrollmentGroup, before }: ReissueList,
  { devices, groups, allowedGroups }: Pick<Ports, 'devices' | 'groups' | 'allowedGroups'>,
): AsyncGenerator<string> {
  requireGroup(enrollmentGroup, allowedGroups);
  await requireKnownGroup(enrollmentGroup, groups, 'not-found');
  const group = (await groups.directory()).get(enrollmentGroup)?.value;
  const definition = group && inForce(group).definition;
  if (definition !== undefined && isRenewedElsewhere(definition)) {
    const message = `Group "${enrollmentGroup}" renews by an EST server that is not ours, and the records do not show it.`;
    throw new FleetError('request-invalid', message, { column: 'enrollmentGroup' });
  }
  const period = { enrollmentGroups: [enrollmentGroup], from: beginning, before, byHand: true };
  const [ending] = await devices.countEnding(period);
  if (ending !== undefined && ending.devices > maxListed) {
    const message = `${ending.devices} devices end before ${before}, the first at ${ending.earliest}. Expected ${maxListed} or fewer: give an earlier time.`;
    throw new FleetError('request-invalid', message, { column: 'before', expected: `${maxListed} devices or fewer` });
  }
  // An answer without devices is an empty list.
  yield '';
  const needsCsr = definition?.keyCustody === 'device';
  let continuation: string | undefined;
  do {
    const filter = { enrollmentGroup, expiresBefore: before, byHand: true };
    const page = await devices.list(filter, { size: pageSize, continuation });
    yield page.items.map((record) => `${JSON.stringify(rowOf(record, needsCsr))}\n`).join('');
    continuation = page.continuation;
  } while (continuation !== undefined);
}

/** The row of a device for a job that issues it again. */
export function rowOf({ id, writtenId, enrollmentGroup, twin }: DeviceRecord, needsCsr: boolean) {
  return { deviceId: writtenId ?? id, enrollmentGroup, ...(needsCsr && { csr: '' }), ...twin };
}
