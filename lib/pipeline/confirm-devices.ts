import type { Comparison } from '../findings/compare-group.ts';
import type { FindingKind } from '../findings/kinds.ts';
import { retrying } from '../retry.ts';
import type { Observation } from './detect-drift.ts';
import type { Ports } from './ports.ts';

/** Kinds that a device which registered while the sweep looked at it would seem to have. */
const kindsOfMoving: readonly FindingKind[] = [
  'identity-missing',
  'other-authentication',
  'unknown-certificate',
  'superseded-certificate',
  'other-hub',
  'registration-missing',
];

type Devices = Extract<Observation, { of: 'devices' }>;

/**
 * Leaves out devices that changed while they were looked at: records, DPS and hub were not read in one moment. Only devices
 * with differences are read again, so a fleet with nothing wrong costs nothing here.
 * @param comparisons one per device of the observation, in its order
 */
export async function confirmDevices(
  comparisons: readonly Comparison[],
  { devices, records }: Devices,
  ports: Pick<Ports, 'devices' | 'enrollments' | 'rateLimiter' | 'retry'>,
): Promise<readonly Comparison[]> {
  const differing = comparisons.filter(({ differences }) => differences.length > 0).map(({ subject }) => subject.id);
  if (differing.length === 0) return comparisons;
  const current = await ports.devices.read(differing);
  const confirmed: Comparison[] = [];
  for (const [index, comparison] of comparisons.entries()) {
    const { subject, differences } = comparison;
    const isSame = current.get(subject.id)?.etag === records.get(subject.id)?.etag;
    if (differences.length > 0 && !isSame) continue;
    const mayMove = differences.some(({ kind }) => kindsOfMoving.includes(kind));
    if (mayMove && (await hasRegistered(subject.id, index, { devices, records }, ports))) continue;
    confirmed.push(comparison);
  }
  return confirmed;
}

/** Whether DPS has another registration by now than the one that the hub was looked at for. */
async function hasRegistered(
  deviceId: string,
  index: number,
  { devices, records }: Pick<Devices, 'devices' | 'records'>,
  { enrollments, rateLimiter, retry }: Pick<Ports, 'enrollments' | 'rateLimiter' | 'retry'>,
): Promise<boolean> {
  const seen = devices[index]?.registration;
  const before = seen === undefined ? records.get(deviceId)?.value.registration : (seen ?? undefined);
  await rateLimiter.acquire(1);
  const now = await retrying(() => enrollments.registration(deviceId), retry);
  return now?.at !== before?.at || now?.assignedHub !== before?.assignedHub;
}
