import pMap from 'p-map';
import { bundleExpiry } from '../bundle/retention.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { Comparison } from '../findings/compare-group.ts';
import type { Subject } from '../findings/finding.ts';
import type { BlobStore } from '../storage.ts';
import type { Ports } from './ports.ts';

/** Whether an archive is there, asked once per sweep. */
export type ArchiveLookup = (archive: string) => Promise<boolean>;

/** Archives that are remembered: some megabytes. Devices of a chunk are mostly next to each other. */
const maxRemembered = 20_000;
const lookUpsAtOnce = 8;

export function createArchiveLookup(bundles: Pick<BlobStore, 'properties'>): ArchiveLookup {
  const known = new Map<string, boolean>();
  return async (archive) => {
    const before = known.get(archive);
    if (before !== undefined) return before;
    const isThere = (await bundles.properties(archive)) !== undefined;
    if (known.size >= maxRemembered) known.clear();
    known.set(archive, isThere);
    return isThere;
  };
}

/** Looks for the archives of these devices, but for those that the retention rule may have deleted. */
export async function compareArchives(
  records: readonly DeviceRecord[],
  at: string,
  isThere: ArchiveLookup,
  { bundleRetentionDays }: Pick<Ports, 'bundleRetentionDays'>,
): Promise<readonly Comparison[]> {
  const expected = new Map<string, Subject>();
  for (const record of records) {
    const { bundle, status, enrollmentGroup } = record;
    const expiry = bundleExpiry(record, bundleRetentionDays)?.toISOString();
    const isInUse = status === 'provisioned' || status === 'assigned';
    if (bundle === undefined || !isInUse || (expiry !== undefined && expiry <= at)) continue;
    if (expected.has(bundle.archive)) continue;
    expected.set(bundle.archive, { type: 'archive', id: bundle.archive, enrollmentGroup });
  }
  return pMap(
    expected.values(),
    async (subject): Promise<Comparison> => {
      const decided = ['archive-missing'] as const;
      if (await isThere(subject.id)) return { subject, decided, differences: [] };
      const facts = { expected: { blob: true }, seen: { blob: false } };
      return { subject, decided, differences: [{ kind: 'archive-missing', subject, ...facts }] };
    },
    { concurrency: lookUpsAtOnce },
  );
}
