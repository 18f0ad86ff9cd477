import { countsForPresent } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { ObservedDevice } from '../enrollment/observed.ts';
import type { Comparison } from '../findings/compare-group.ts';
import { differenceDigest, findingId } from '../findings/finding.ts';
import type { FindingKind } from '../findings/kinds.ts';
import type { Observation } from '../findings/observation.ts';
import { retrying } from '../retry.ts';
import type { Ports } from './ports.ts';

export type ConfirmPorts = Pick<
  Ports,
  'devices' | 'findings' | 'enrollments' | 'identities' | 'registryRateLimiter' | 'retry'
>;

/** Kinds that a device which registered while the sweep looked at it would seem to have. */
const kindsOfMoving: readonly FindingKind[] = [
  'identity-missing',
  'other-authentication',
  'unknown-certificate',
  'superseded-certificate',
  'other-hub',
  'identity-elsewhere',
  'registration-missing',
];

/** Kinds that are read from the identity at the hub. A list of identities can be minutes old. */
const kindsOfIdentity: readonly FindingKind[] = [
  'enabled-though-revoked',
  'identity-disabled',
  'other-authentication',
  'unknown-certificate',
  'superseded-certificate',
  'identity-elsewhere',
];

/** Compares one device of the observation, as it was seen. */
export type CompareDevice = (seen: ObservedDevice, record: DeviceRecord | undefined) => Comparison;

/**
 * Compares devices, and leaves out those that changed while they were looked at: records, DPS and hub were not read in one
 * moment, and a hub lists its identities from an index that lags. Only devices with differences that are not known yet are
 * read again, so a fleet with nothing wrong costs nothing here.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function compareAndConfirm(
  { devices, records }: Extract<Observation, { of: 'devices' }>,
  compare: CompareDevice,
  ports: ConfirmPorts,
): Promise<readonly Comparison[]> {
  const all = devices.map((seen) => ({ seen, found: compare(seen, records.get(seen.deviceId)?.value) }));
  const differing = all.map(({ found }) => found).filter(({ differences }) => differences.length > 0);
  if (differing.length === 0) return all.map(({ found }) => found);
  const current = await ports.devices.read(differing.map(({ subject }) => subject.id));
  const known = await knownDigests(differing, ports);
  const confirmed: Comparison[] = [];
  for (const { seen, found } of all) {
    const record = records.get(seen.deviceId);
    if (found.differences.length > 0 && current.get(seen.deviceId)?.etag !== record?.etag) continue;
    const isKnown = found.differences.every((each) =>
      known.has(differenceDigest(each) + findingId(each.kind, each.subject)),
    );
    const latest = isKnown ? found : await lookAgain({ seen, found, record: record?.value }, compare, ports);
    if (latest !== undefined) confirmed.push(latest);
  }
  return confirmed;
}

/** Differences that a finding has, and that were confirmed when it was opened. */
async function knownDigests(
  comparisons: readonly Comparison[],
  { findings }: Pick<Ports, 'findings'>,
): Promise<ReadonlySet<string>> {
  const known = await findings.ofSubjects(comparisons.map(({ subject }) => subject));
  const standing = known.filter(({ value }) => value.state === 'open' || value.state === 'accepted');
  return new Set(standing.map(({ value: { id, digest } }) => digest + id));
}

interface Doubtful {
  readonly seen: ObservedDevice;
  readonly found: Comparison;
  readonly record: DeviceRecord | undefined;
}

/** @returns the comparison with the device as it is now; undefined when it moves */
async function lookAgain(
  { seen, found, record }: Doubtful,
  compare: CompareDevice,
  ports: ConfirmPorts,
): Promise<Comparison | undefined> {
  const has = (kinds: readonly FindingKind[]) => found.differences.some(({ kind }) => kinds.includes(kind));
  if (has(kindsOfMoving) && (await hasRegistered(seen, record, ports))) return undefined;
  const { identity, deviceId } = seen;
  if (identity === undefined || identity === null || !has(kindsOfIdentity)) return found;
  await ports.registryRateLimiter.acquire(1);
  const now = await retrying(() => ports.identities.observe(identity.hub, identity.deviceId), ports.retry);
  if (now === null) return undefined;
  const { tags } = identity;
  return compare({ ...seen, deviceId, identity: { ...now, ...(tags !== undefined && { tags }) } }, record);
}

/**
 * Whether DPS has another registration by now than the one that the hub was looked at for. A registration from before the
 * present certificate is not on record.
 */
async function hasRegistered(
  { deviceId, registration }: ObservedDevice,
  record: DeviceRecord | undefined,
  { enrollments, retry }: ConfirmPorts,
): Promise<boolean> {
  const before = registration === undefined ? record?.registration : (registration ?? undefined);
  const now = await retrying(() => enrollments.registration(deviceId), retry);
  if (before === undefined && now !== undefined && record !== undefined) return countsForPresent(record, now);
  return now?.at !== before?.at || now?.assignedHub !== before?.assignedHub;
}
