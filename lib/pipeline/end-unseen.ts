import type { DeviceRecord } from '../devices/device.ts';
import type { DpsPlaces } from '../enrollment/dps-places.ts';
import { FleetError } from '../errors.ts';
import { needsBlock } from '../findings/compare-device.ts';
import { type Comparison, dpsInSubject } from '../findings/compare-group.ts';
import type { Finding } from '../findings/finding.ts';
import { definitionOf, type FindingKind, findingKinds } from '../findings/kinds.ts';
import type { Observation } from '../findings/observation.ts';
import { defaultDps } from '../groups/dps-instance.ts';
import { currentLog } from '../log.ts';
import { retrying } from '../retry.ts';
import { keepFindings } from './keep-findings.ts';
import type { Ports } from './ports.ts';

type EndPorts = Pick<Ports, 'findings' | 'devices' | 'enrollments' | 'identities' | 'registryRateLimiter' | 'retry'> & {
  readonly places: Pick<DpsPlaces, 'ofGroup'>;
};

/** Kinds of an entry in DPS that should not be there, or not so. Nothing lists it when it is deleted. */
const kindsOfEntry: readonly FindingKind[] = ['enrollment-foreign', 'enrollment-changed', 'block-left'];

/** The sweep does not look for a device that asks the EST server too often. The finding ends when it was not refused for a day. */
const quietMs = 24 * 60 * 60 * 1000;

/** Findings per part. Each can cost a call, and the share of a sweep can be some 20 calls per minute. */
const pageSize = 20;

const states = ['open', 'accepted', 'repaired'] as const;
const lists = findingKinds.flatMap((kind) => states.map((state) => ({ kind, state })));

/**
 * Ends findings that the sweep did not see and that nothing can end any more, because their subject is gone: the group was
 * deleted, the device, its entry in DPS, or its identity at the hub. A device that was not looked at keeps its findings.
 * @param observation.place where this part begins
 * @returns how many ended, and where the next part begins
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function endUnseen(
  { at, began, place, dps }: Extract<Observation, { of: 'end' }>,
  ports: EndPorts,
): Promise<{ readonly gone: number; readonly next: string | undefined }> {
  const { list, continuation } = listAt(place);
  const chosen = lists[list];
  if (chosen === undefined) return { gone: 0, next: undefined };
  const page = await ports.findings.list(chosen, { size: pageSize, continuation });
  const unseen = await ofInstance(
    page.items.filter(({ lastSeen }) => lastSeen < began),
    dps,
    ports,
  );
  const over = await overOf(chosen.kind, unseen, at, ports);
  const ended = over.map(({ subject }): Comparison => ({ subject, decided: [chosen.kind], differences: [] }));
  const { gone } = await keepFindings(ended, at, ports.findings);
  if (page.continuation !== undefined) return { gone, next: `${list} ${page.continuation}` };
  return { gone, next: list + 1 < lists.length ? `${list + 1} ` : undefined };
}

/** Findings that a sweep of this DPS instance would have seen. Those of groups that are not known are left to `default`. */
async function ofInstance(
  findings: readonly Finding[],
  dps: string,
  { places }: Pick<EndPorts, 'places'>,
): Promise<readonly Finding[]> {
  const groups = new Set(findings.flatMap(({ subject: { enrollmentGroup } }) => enrollmentGroup ?? []));
  const known = new Map(await Promise.all([...groups].map(async (id) => [id, await places.ofGroup(id)] as const)));
  return findings.filter(({ subject }) => {
    const home = dpsInSubject(subject) ?? known.get(subject.enrollmentGroup ?? '') ?? defaultDps;
    return home === dps;
  });
}

/** @param place number of the list, from 0, a space, and the continuation in it */
function listAt(place = '0 '): { readonly list: number; readonly continuation: string | undefined } {
  const space = place.indexOf(' ');
  const continuation = place.slice(space + 1);
  return { list: Number(place.slice(0, space)), continuation: continuation === '' ? undefined : continuation };
}

/** Those whose subject is gone. */
async function overOf(
  kind: FindingKind,
  unseen: readonly Finding[],
  at: string,
  ports: EndPorts,
): Promise<readonly Finding[]> {
  // A sweep looks at every group, every archive that a record names, and every registration of our groups.
  if (definitionOf(kind).subject !== 'device' || kind === 'registered-unknown') return unseen;
  if (unseen.length === 0) return [];
  const records = await ports.devices.read(unseen.map(({ subject }) => subject.id));
  const over: Finding[] = [];
  for (const finding of unseen) {
    const record = records.get(finding.subject.id)?.value;
    if (await isOver(finding, record, at, ports)) over.push(finding);
  }
  return over;
}

async function isOver(
  finding: Finding,
  record: DeviceRecord | undefined,
  at: string,
  ports: EndPorts,
): Promise<boolean> {
  if (record === undefined) return true;
  const { kind } = finding;
  if (kind === 'renews-too-often') return Date.parse(finding.lastSeen) + quietMs <= Date.parse(at);
  if (kindsOfEntry.includes(kind)) return isGoneFromDps(finding, ports);
  // A repair that was cut short leaves it closing, and its door can be open until that goes on.
  if (kind === 'block-missing') return record.status !== 'closing' && !needsBlock(record, at);
  if (kind === 'identity-elsewhere' || kind === 'enabled-though-revoked') return isClosedAtHub(finding, record, ports);
  return record.status === 'deleted' || record.status === 'scrapped' || record.status === 'failed';
}

async function isGoneFromDps({ subject }: Finding, { enrollments, retry }: EndPorts): Promise<boolean> {
  return (await retrying(() => enrollments.enrollment(subject.id), retry)) === undefined;
}

/** A sweep reads a part of what a hub has, so the identity is read from its registry. */
async function isClosedAtHub(
  { kind, subject, seen }: Finding,
  record: DeviceRecord,
  { identities, registryRateLimiter, retry }: EndPorts,
): Promise<boolean> {
  const hub = seen['hub'];
  if (typeof hub !== 'string') return false;
  if (kind === 'identity-elsewhere' && record.registration?.assignedHub?.toLowerCase() === hub) return true;
  try {
    await registryRateLimiter.acquire(1);
    const identity = await retrying(() => identities.observe(hub, subject.id), retry);
    return identity === null || (kind === 'enabled-though-revoked' && identity.status === 'disabled');
  } catch (error) {
    if (error instanceof FleetError && error.code === 'throttled') throw error;
    // A hub that does not answer shows nothing.
    currentLog().warn('hub not read', { hub, reason: (error as Error).message });
    return false;
  }
}
