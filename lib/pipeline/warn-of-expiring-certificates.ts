import { caNoticeDays, deviceNoticeDays, expiringCertificates } from '../authorities/expiry.ts';
import { asFleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import { currentLog } from '../log.ts';
import { metrics } from '../telemetry.ts';
import type { Ports } from './ports.ts';

type ExpiryPorts = Pick<Ports, 'groups' | 'devices' | 'now'>;

/**
 * Logs one warning per CA certificate that ends soon, and one per group with device certificates that end soon.
 * @throws FleetError `throttled` or `unavailable` when the groups cannot be read
 */
export async function warnOfExpiringCertificates({ groups, devices, now }: ExpiryPorts): Promise<void> {
  const records = [...(await groups.directory()).values()].map(({ value }) => value);
  for (const expiring of expiringCertificates(records, now(), caNoticeDays)) {
    // infra/azure/app/alerts.bicep waits for this event.
    currentLog().warn('certificate ending', { ...expiring });
  }
  try {
    await warnOfEndingDevices(records, { devices, now });
  } catch (error) {
    // The caller has more to do than to count, and the next run counts again.
    const { code, message } = asFleetError(error);
    currentLog().warn('device certificates not counted', { code, message });
  }
}

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** One query per distinct notice: most fleets have one or two. A certificate that has ended no longer counts. */
async function warnOfEndingDevices(
  records: readonly GroupRecord[],
  { devices, now }: Pick<Ports, 'devices' | 'now'>,
): Promise<void> {
  const from = now();
  for (const [days, groups] of Map.groupBy(records, ({ definition }) => deviceNoticeDays(definition))) {
    const before = new Date(from.getTime() + days * dayMilliseconds);
    const ending = await devices.countEnding({
      enrollmentGroups: groups.map(({ id }) => id),
      from: from.toISOString(),
      before: before.toISOString(),
    });
    const countOf = new Map(ending.map(({ enrollmentGroup, devices }) => [enrollmentGroup, devices]));
    for (const { id } of groups) metrics.endingCertificates.record(countOf.get(id) ?? 0, { group: id });
    for (const { enrollmentGroup, devices: count, earliest } of ending) {
      // infra/azure/app/alerts.bicep waits for this event.
      currentLog().warn('device certificates ending', { group: enrollmentGroup, devices: count, earliest, days });
    }
  }
}
