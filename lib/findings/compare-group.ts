import { X509Certificate } from 'node:crypto';
import type { DelegatedCa } from '../authorities/delegated-ca.ts';
import { caNoticeDays, expiringCertificates } from '../authorities/expiry.ts';
import { definitionForDps } from '../enrollment/group-in-dps.ts';
import { isOwnGroup } from '../enrollment/group-ownership.ts';
import type { EntrySettings, ObservedEntry } from '../enrollment/observed.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../groups/group.ts';
import { blockingGroup } from '../resource-names.ts';
import { differingSettings, expectedSettings } from './entry-settings.ts';
import type { Difference, Subject } from './finding.ts';
import type { FindingKind } from './kinds.ts';

/** Between the id of a group and the DPS instance that has it. No id of ours has this character. */
const atDps = '@';

/** @returns the DPS instance that the subject of a finding names (`foreignGroups`); undefined where it names none */
export function dpsInSubject({ type, id }: Subject): string | undefined {
  const at = id.lastIndexOf(atDps);
  return type === 'group' && at >= 0 ? id.slice(at + 1) : undefined;
}

/** What a comparison found, and the kinds that it looked for: a finding of these that is not here is gone. */
export interface Comparison {
  readonly subject: Subject;
  readonly decided: readonly FindingKind[];
  readonly differences: readonly Difference[];
}

const groupKinds = ['group-missing', 'group-changed', 'group-other-ca', 'group-foreign'] as const;

/**
 * Compares a group with what DPS has of it.
 * @param seen the group of its id in DPS; undefined when there is none
 * @param at when DPS was read: ISO 8601, UTC. A group that changed since is not compared
 */
export function compareGroup(record: GroupRecord, seen: ObservedEntry | undefined, at: string): Comparison {
  const subject: Subject = { type: 'group', id: record.id, enrollmentGroup: record.id };
  if (record.deleting !== undefined || record.updatedAt >= at) return { subject, decided: [], differences: [] };
  const current = inForce(record);
  const isInDps =
    current.definition.enrollment === 'group' && record.enrolled?.revision === enrollmentRevision(current);
  // A group that DPS never had is not drift: its status says why (lib/enrollment/group-status.ts).
  if (!isInDps) return { subject, decided: groupKinds, differences: [] };
  const inDps = { ...current, definition: definitionForDps(current) };
  return { subject, decided: groupKinds, differences: groupDifferences(subject, record, inDps, seen) };
}

function groupDifferences(
  subject: Subject,
  record: GroupRecord,
  { definition, issuingCas }: GroupRecord,
  seen: ObservedEntry | undefined,
): Difference[] {
  if (seen === undefined) {
    return [{ kind: 'group-missing', subject, expected: { inDps: true }, seen: { inDps: false } }];
  }
  if (!isOwnGroup(record, seen)) {
    const expected = { createdAt: record.inDps?.createdAt ?? null };
    return [{ kind: 'group-foreign', subject, expected, seen: { createdAt: seen.createdAt, ...trustOf(seen) } }];
  }
  const differences: Difference[] = [];
  const byName = definition.attestation === 'caReference';
  const trusted = byName
    ? { caReferences: sorted(issuingCas.map(({ registration }) => registration?.name)) }
    : { thumbprints: sorted(issuingCas.map(({ certificatePem }) => sha256Of(certificatePem))) };
  const seenTrust = byName ? trustOf(seen).caReferences : trustOf(seen).thumbprints;
  const ours: readonly string[] = trusted.caReferences ?? trusted.thumbprints ?? [];
  // The order does not matter: DPS accepts devices of either. A secondary that repeats the primary is the same as none.
  if (seen.attestation !== 'x509' || ours.join() !== seenTrust.join()) {
    const found = { attestation: seen.attestation, ...trustOf(seen) };
    differences.push({ kind: 'group-other-ca', subject, expected: { attestation: 'x509', ...trusted }, seen: found });
  }
  const settings = definition.allocation === 'orchestrator' ? withoutAllocationKey(seen.settings) : seen.settings;
  const changed = differingSettings(expectedSettings(definition), settings);
  if (changed !== undefined) differences.push({ kind: 'group-changed', subject, ...changed });
  return differences;
}

/** The key of our own webhook is not compared: its record has only a digest, and DPS shows `?****`. */
function withoutAllocationKey({ webhook, ...settings }: EntrySettings): EntrySettings {
  return webhook === undefined
    ? settings
    : { ...settings, webhook: { ...webhook, url: webhook.url.replace(/\?.*$/s, '') } };
}

/** CAs that an entry in DPS trusts, in an order that does not depend on which is the primary one. */
function trustOf({ thumbprints, caReferences }: ObservedEntry) {
  return { thumbprints: sorted(thumbprints), caReferences: sorted(caReferences) };
}

function sorted(names: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/** @returns upper-case hex */
const sha256Of = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(':', '');

/**
 * Enrollment groups that we have no record of in this DPS instance, and that one of our CAs is in: its devices register by them.
 * The subject names the instance, unless it is `default`: a group of that id can be ours in another one.
 */
export function foreignGroups(
  records: Iterable<GroupRecord>,
  seen: ReadonlyMap<string, ObservedEntry>,
  dps: string = defaultDps,
): readonly Difference[] {
  const all = [...records];
  const known = new Set(all.filter(({ definition }) => dpsOf(definition) === dps).map(({ id }) => id));
  const ours = new Map(
    all.flatMap(({ id, issuingCas }) => issuingCas.map((ca) => [sha256Of(ca.certificatePem), id] as const)),
  );
  return [...seen.values()].flatMap((entry): Difference[] => {
    const owner = entry.thumbprints.map((thumbprint) => ours.get(thumbprint)).find((id) => id !== undefined);
    if (known.has(entry.id) || owner === undefined) return [];
    const id = dps === defaultDps ? entry.id : `${entry.id}${atDps}${dps}`;
    const subject: Subject = { type: 'group', id, enrollmentGroup: owner };
    const where = dps === defaultDps ? {} : { dps };
    const found = { createdAt: entry.createdAt, caOfGroup: owner, thumbprints: entry.thumbprints, ...where };
    return [{ kind: 'group-foreign', subject, expected: { inDps: false }, seen: found }];
  });
}

/**
 * Compares the blocks of delegated CAs with what DPS has.
 * @param blocked CAs that DPS is to refuse. One that was blocked after `at` is not compared
 * @param at when DPS was read: ISO 8601, UTC
 */
export function compareBlockedCas(
  blocked: readonly DelegatedCa[],
  seen: ReadonlyMap<string, ObservedEntry>,
  at: string,
): readonly Comparison[] {
  return blocked.map(({ id, enrollmentGroup, certificatePem = '', blocked: block }): Comparison => {
    const subject: Subject = { type: 'ca', id, enrollmentGroup };
    if (block === undefined || (block.inDps?.at ?? block.at) >= at) return { subject, decided: [], differences: [] };
    const [group, thumbprint] = [blockingGroup(id), sha256Of(certificatePem)];
    const entry = seen.get(group);
    const isClosed = entry?.settings.provisioningStatus === 'disabled' && entry.thumbprints.join() === thumbprint;
    const expected = { inDps: true, group, provisioningStatus: 'disabled', thumbprints: [thumbprint] };
    const found =
      entry === undefined
        ? { inDps: false }
        : { inDps: true, provisioningStatus: entry.settings.provisioningStatus, thumbprints: entry.thumbprints };
    const difference: Difference = { kind: 'ca-block-missing', subject, expected, seen: found };
    return { subject, decided: ['ca-block-missing'], differences: isClosed ? [] : [difference] };
  });
}

/**
 * The CA certificates of a group that end within 60 days: its current issuing CA, and the first one to end of those above.
 * @param at ISO 8601, UTC
 */
export function compareEndOfCas(group: GroupRecord, at: string): readonly Comparison[] {
  const [current] = group.issuingCas;
  if (current === undefined || group.deleting !== undefined) return [];
  const ending = expiringCertificates([group], new Date(at), caNoticeDays);
  return (['issuing CA', 'chain'] as const).map((certificate) => {
    const name = certificate === 'chain' ? 'chain' : String(current.generation);
    const subject: Subject = { type: 'ca', id: `${group.id}/${name}`, enrollmentGroup: group.id };
    const [first] = ending
      .filter((each) => each.certificate === certificate)
      .map(({ notAfter }) => notAfter)
      .sort();
    const expected = { daysLeft: `${caNoticeDays} or more` };
    const differences: Difference[] =
      first === undefined ? [] : [{ kind: 'ca-ending', subject, expected, seen: { certificate, notAfter: first } }];
    return { subject, decided: ['ca-ending'], differences };
  });
}
