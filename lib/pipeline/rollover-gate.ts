import type { UnderCa } from '../devices/under-ca.ts';
import type { GroupRecord, IssuingCa } from '../groups/group.ts';
import type { Ports } from './ports.ts';

/** What stands in the way of taking the older CA of a group out of DPS. */
export interface RolloverGate extends UnderCa {
  /** The CA that would leave. */
  readonly ca: IssuingCa;
  /** No device needs it. */
  readonly open: boolean;
  /** Devices that could not register any more if it left now: those not renewed, not confirmed and not installed. */
  readonly devicesLockedOut: number;
  /** When the gate opens by itself at the latest: ISO 8601, UTC. Absent while it is open. */
  readonly opensBy?: string;
  /** When this was read: ISO 8601, UTC. */
  readonly observedAt: string;
}

const dayMilliseconds = 24 * 60 * 60 * 1000;

const none = { devices: 0 };
const nothing: UnderCa = {
  notRenewed: none,
  notConfirmed: none,
  notInstalled: none,
  pastShelfLife: none,
  estIds: none,
};

/**
 * Counts the devices that need the older CA of a group, in the records as they are now. An individual enrollment has the
 * certificate of its device, and DPS asks for no CA: the gate of such a group is open.
 * @returns undefined when the group has no older CA
 * @throws FleetError `throttled`, `unavailable`
 */
export async function readRolloverGate(
  group: GroupRecord,
  { devices, now }: Pick<Ports, 'devices' | 'now'>,
): Promise<RolloverGate | undefined> {
  const { id: enrollmentGroup, definition, issuingCas } = group;
  const ca = issuingCas[1];
  if (ca === undefined) return undefined;
  const at = now();
  // A definition that was stored by an earlier version has no shelf life.
  const shelfLife = (definition.bundleShelfLifeDays ?? 90) * dayMilliseconds;
  const query = {
    enrollmentGroup,
    generation: ca.generation,
    at: at.toISOString(),
    issuedSince: new Date(at.getTime() - shelfLife).toISOString(),
  };
  const counts = definition.enrollment === 'individual' ? nothing : await devices.countUnderCa(query);
  const inTheWay = [counts.notRenewed, counts.notConfirmed, counts.notInstalled];
  const devicesLockedOut = inTheWay.reduce((sum, each) => sum + each.devices, 0);
  const opensBy = latestEnd(counts, shelfLife);
  return {
    ...{ ca, ...counts, devicesLockedOut, observedAt: query.at },
    open: devicesLockedOut === 0,
    ...(devicesLockedOut > 0 && opensBy !== undefined && { opensBy }),
  };
}

/** A bundle stands in the way until its certificate ends or its shelf life does. */
function latestEnd({ notRenewed, notConfirmed, notInstalled }: UnderCa, shelfLife: number): string | undefined {
  const { until, lastIssued } = notInstalled;
  const shelfEnd = lastIssued && new Date(Date.parse(lastIssued) + shelfLife).toISOString();
  const [bundles] = [until, shelfEnd].flatMap((end) => end ?? []).sort();
  return [notRenewed.until, notConfirmed.until, bundles]
    .flatMap((end) => end ?? [])
    .sort()
    .at(-1);
}
