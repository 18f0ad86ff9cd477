import pMap from 'p-map';
import { audited } from '../audit/audit.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { DpsPlaces } from '../enrollment/dps-places.ts';
import type { GroupsById } from '../enrollment/group-directory.ts';
import type { ObservedDevice } from '../enrollment/observed.ts';
import { FleetError } from '../errors.ts';
import { compareDevice, unknownDevice } from '../findings/compare-device.ts';
import {
  type Comparison,
  compareBlockedCas,
  compareEndOfCas,
  compareGroup,
  foreignGroups,
} from '../findings/compare-group.ts';
import type { Finding } from '../findings/finding.ts';
import { definitionOf, type FindingKind, findingKinds } from '../findings/kinds.ts';
import type { Observation, Observe } from '../findings/observation.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { currentLog } from '../log.ts';
import { metrics } from '../telemetry.ts';
import { repairAct } from './audit-acts.ts';
import { needsGroup } from './block-delegated-ca.ts';
import { type ArchiveLookup, compareArchives, createArchiveLookup } from './compare-archives.ts';
import { compareAndConfirm } from './confirm-devices.ts';
import { endUnseen } from './end-unseen.ts';
import { keepFindings } from './keep-findings.ts';
import type { Ports } from './ports.ts';
import { type RepairPorts, repairFinding, sweepActor } from './repair-finding.ts';
import { allOf } from './settle-delegated-cas.ts';

export type DriftPorts = RepairPorts &
  Pick<Ports, 'findings' | 'bundles' | 'bundleRetentionDays' | 'audit'> & {
    readonly places: Pick<DpsPlaces, 'ofGroup'>;
  };

/**
 * @returns the way in for what one sweep sees. Make one per sweep: it remembers which archives it has looked for
 */
export function createDriftDetector(ports: DriftPorts): Observe {
  const archives = createArchiveLookup(ports.bundles);
  return async (observation) => {
    if (observation.of === 'end') {
      const { gone, next } = await endUnseen(observation, ports);
      if (next === undefined) await measure(ports);
      return { opened: 0, gone, repaired: 0, next };
    }
    const comparisons = await compare(observation, archives, ports);
    const kept = await keepFindings(comparisons, observation.at, ports.findings);
    const toRepair = kept.open.filter(({ kind }) => definitionOf(kind).repair === 'self');
    const repaired = await pMap(toRepair, (finding) => repairBySweep(finding, ports), { concurrency: 4 });
    return { opened: kept.opened, gone: kept.gone, repaired: repaired.filter((done) => done).length };
  };
}

async function compare(
  observation: Exclude<Observation, { of: 'end' }>,
  archives: ArchiveLookup,
  ports: DriftPorts,
): Promise<readonly Comparison[]> {
  const groups = await ports.groups.directory({ maxAgeSeconds: 0 });
  const { at } = observation;
  if (observation.of === 'groups') {
    const { dps } = observation;
    const all = [...groups.values()].map(({ value }) => value);
    const records = all.filter(({ definition }) => dpsOf(definition) === dps);
    const foreign = foreignGroups(all, observation.groups, dps).map((each): Comparison => {
      return { subject: each.subject, decided: [each.kind], differences: [each] };
    });
    const known = records.map((record) => compareGroup(record, observation.groups.get(record.id), at));
    const blocked = await Array.fromAsync(allOf({ state: 'blocked' }, ports.delegatedCas));
    const isHere = (group: string) => dpsOf(groups.get(group)?.value.definition ?? {}) === dps;
    const closed = compareBlockedCas(
      blocked.filter((ca) => needsGroup(ca, at) && isHere(ca.enrollmentGroup)),
      observation.groups,
      at,
    );
    return [...known, ...foreign, ...closed, ...records.flatMap((record) => compareEndOfCas(record, at))];
  }
  const compared = await compareAndConfirm(observation, (seen, record) => compareOne(seen, record, groups, at), ports);
  const own = [...observation.records.values()].map(({ value }) => value);
  return [...compared, ...(await compareArchives(own, at, archives, ports))];
}

function compareOne(
  seen: ObservedDevice,
  record: DeviceRecord | undefined,
  groups: GroupsById,
  at: string,
): Comparison {
  if (record === undefined) return unknownDevice(seen);
  return compareDevice({ record, group: groups.get(record.enrollmentGroup)?.value, seen, at });
}

/** Every kind has a value, 0 included: a chart shows when the last one ended. */
async function measure({ findings }: Pick<Ports, 'findings'>): Promise<void> {
  const { value } = await findings.countOpen();
  for (const kind of findingKinds) {
    const own = value.filter((each) => each.kind === kind);
    const open = own.reduce((sum, each) => sum + each.findings, 0);
    metrics.openFindings.record(open, { kind, severity: definitionOf(kind).severity });
  }
}

/** Their repair takes rights away, so it does not wait for the audit trail. */
const kindsThatClose: readonly FindingKind[] = ['block-missing', 'ca-block-missing', 'enabled-though-revoked'];

/** A repair that fails is noted on the finding, and the next sweep tries again. @returns whether it was made */
async function repairBySweep(finding: Finding, ports: DriftPorts): Promise<boolean> {
  const reason = 'Findings of this kind are repaired when they are seen.';
  const repair = () => repairFinding(finding.id, { by: sweepActor, reason }, ports);
  try {
    const act = repairAct(finding, sweepActor, reason);
    const withoutIntent = kindsThatClose.includes(finding.kind);
    return (await audited(ports.audit, act, repair, { withoutIntent })).state === 'repaired';
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    currentLog().warn('finding not repaired', { finding: finding.id, code: error.code, reason: error.message });
    return false;
  }
}
