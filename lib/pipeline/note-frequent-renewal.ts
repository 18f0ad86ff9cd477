import type { DeviceRecord } from '../devices/device.ts';
import type { Difference } from '../findings/finding.ts';
import { keepFindings } from './keep-findings.ts';
import type { Ports } from './ports.ts';

/** A device that the EST server refused since it asks too often. */
export interface FrequentRenewal {
  readonly record: Pick<DeviceRecord, 'id' | 'enrollmentGroup'>;
  /** Kind of the certificates that it asks for. */
  readonly kind: string;
  /** It gets fewer than so many in a period. */
  readonly limit: number;
}

/**
 * Keeps the finding `renews-too-often` of a device: one per device, however often it is refused. A sweep ends it when the device
 * was not refused for a day (end-unseen.ts).
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function noteFrequentRenewal(
  { record, kind, limit }: FrequentRenewal,
  { findings, now }: Pick<Ports, 'findings' | 'now'>,
): Promise<void> {
  const { id, enrollmentGroup } = record;
  const subject = { type: 'device', id, enrollmentGroup } as const;
  const found: Difference = {
    kind: 'renews-too-often',
    subject,
    expected: { requests: `fewer than ${limit}` },
    seen: { certificates: kind, requests: `${limit} or more` },
  };
  const at = now();
  const [known] = (await findings.ofSubjects([subject])).filter(({ value }) => value.kind === found.kind);
  const isFresh = known !== undefined && at.getTime() - Date.parse(known.value.lastSeen) < freshMs;
  if (isFresh && known.value.state !== 'gone') return;
  await keepFindings([{ subject, decided: [], differences: [found] }], at.toISOString(), findings);
}

/** A finding that was seen in the last hour is not written again: a device can ask several times a minute. */
const freshMs = 60 * 60 * 1000;
