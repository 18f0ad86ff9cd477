import { retrying } from '../../retry.ts';
import type { Ports } from '../ports.ts';
import type { ClaimedRow } from './claim.ts';
import type { EnsuredGroups } from './ensure-groups.ts';

/**
 * Removes the block of devices that were deleted and that these rows make again in an enrollment group: DPS would prefer
 * the disabled individual enrollment to the group. In a group with individual enrollments, the new one replaces the block.
 *
 * The record names the new certificate by now. A certificate of the deleted device that is out can register again from here
 * on, if the group still has its CA (docs/groups.md).
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function unblockDevices(
  claimed: readonly ClaimedRow[],
  { issuances }: EnsuredGroups,
  { enrollments, retry }: Pick<Ports, 'enrollments' | 'retry'>,
): Promise<void> {
  for (const { request, record } of claimed) {
    const block = record.value.deletion?.block;
    const group = issuances.get(request.enrollmentGroup)?.group;
    if (block === undefined || group?.definition.enrollment !== 'group') continue;
    await retrying(() => enrollments.deleteEnrollment(request.deviceId, ({ mark }) => mark === block), retry);
  }
}
