import { createHash } from 'node:crypto';
import { canonicalJson } from '../json.ts';
import { eventId, type OwedEvent, type Owing } from '../outbox.ts';
import type { Measured, Page, PageRequest, Versioned } from '../storage.ts';
import type { FindingKind, Severity, SubjectType } from './kinds.ts';

/** What a finding is about. */
export interface Subject {
  readonly type: SubjectType;
  /** Id of the device or the group; of a CA the group and its generation (`line7/2`), of a delegated CA its serial number; of an archive its blob. */
  readonly id: string;
  /** The enrollment group that it belongs to, where it is known. */
  readonly enrollmentGroup?: string;
}

/** One difference between the records and what was seen. */
export interface Difference {
  readonly kind: FindingKind;
  readonly subject: Subject;
  /** What the records say, and what was seen: short JSON, safe to show. */
  readonly expected: Facts;
  readonly seen: Facts;
}

export type Facts = Readonly<Record<string, unknown>>;

/**
 * `open`: waits for a decision. `accepted`: it is meant to be so, and stays quiet until it changes. `repaired`: a repair was
 * made, and no sweep has looked since. `gone`: a later sweep did not see it.
 */
export type FindingState = (typeof findingStates)[number];
export const findingStates = ['open', 'accepted', 'repaired', 'gone'] as const;

/** Something that was done about a finding. */
export interface FindingAct {
  readonly act: 'accepted' | 'repaired' | 'repair failed' | 'gone' | 'opened again';
  /** As `Act`; `sweep` for what the app does without being asked. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Why, in the words of the operator; of a failed repair the message of its error. */
  readonly reason?: string;
}

/** A difference, since when it is there, and what became of it. */
export interface Finding extends Difference, Owing {
  /** See `findingId`. */
  readonly id: string;
  readonly severity: Severity;
  readonly state: FindingState;
  /** Digest of `expected` and `seen` (`differenceDigest`): an accepted finding is quiet while it stays the same. */
  readonly digest: string;
  /** When it was seen first and last: ISO 8601, UTC. A finding that was gone and comes back begins again. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** The latest 20 acts, oldest first. */
  readonly acts: readonly FindingAct[];
}

/** Acts that a finding keeps, so that its size is bounded. */
const maxActs = 20;

/** @returns the acts with one more, and the oldest dropped if there are more than 20 */
export function withAct(acts: readonly FindingAct[], act: FindingAct): readonly FindingAct[] {
  return [...acts, act].slice(-maxActs);
}

/**
 * The id of the finding of a kind about a subject: the kind, a dot, and 32 hex digits. It is the same in every sweep.
 * @example
 * findingId('group-missing', { type: 'group', id: 'line7' }) // 'group-missing.6b1f…'
 */
export function findingId(kind: FindingKind, { type, id }: Pick<Subject, 'type' | 'id'>): string {
  const digest = createHash('sha256').update(`${type}\n${id}`).digest('hex').slice(0, 32);
  return `${kind}.${digest}`;
}

/** @param at when it was opened, which is stored in it too: a finding that comes back is another event */
export function findingOpened(finding: Finding, at: string): OwedEvent {
  const { id, kind, severity, subject, expected, seen, firstSeen } = finding;
  const type = 'fleet.finding.opened';
  const links = { finding: `/api/findings/${id}` };
  const data = { findingId: id, kind, severity, about: subject, expected, seen, firstSeen, links };
  return { id: eventId(type, id, at), type, subject: `findings/${id}`, time: at, data };
}

/**
 * The events that a finding owes when it is opened.
 * @param at when it was opened: ISO 8601, UTC
 */
export function eventsOf(finding: Finding, at: string): readonly OwedEvent[] {
  const late = finding.kind === 'renewal-late' ? [deviceLate(finding)] : [];
  return [findingOpened(finding, at), ...late];
}

/**
 * Once per certificate and time from which it is late: id and time follow from these, so a finding that comes back for the same
 * ones is the same event, with the same content.
 */
function deviceLate({ id, subject, seen }: Finding): OwedEvent {
  const type = 'fleet.device.late';
  const { serialNumber, notAfter, unconfirmedSince, lateSince } = seen;
  const links = { device: `/api/devices/${subject.id}`, finding: `/api/findings/${id}` };
  const { id: deviceId, enrollmentGroup } = subject;
  const data = { deviceId, enrollmentGroup, serialNumber, notAfter, unconfirmedSince, lateSince, links };
  return {
    id: eventId(type, deviceId, serialNumber, lateSince),
    ...{ type, subject: `devices/${deviceId}`, time: String(lateSince), data },
  };
}

/** @returns 16 hex digits that change with what was expected or seen */
export function differenceDigest({ expected, seen }: Pick<Difference, 'expected' | 'seen'>): string {
  return createHash('sha256')
    .update(canonicalJson([expected, seen]))
    .digest('hex')
    .slice(0, 16);
}

/** Findings that match every member. */
export interface FindingFilter {
  readonly kind?: FindingKind | undefined;
  readonly severity?: Severity | undefined;
  readonly state?: FindingState | undefined;
  /** The subject belongs to one of these groups. */
  readonly enrollmentGroups?: readonly string[] | undefined;
}

/** How many open findings of a kind there are in a group. */
export interface FindingCount {
  readonly kind: FindingKind;
  readonly severity: Severity;
  /** Absent where the subject belongs to no group that is known. */
  readonly enrollmentGroup?: string;
  /** 1 or more. */
  readonly findings: number;
}

/**
 * Findings. Adapter: lib/azure/cosmos-findings.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface FindingStore {
  /** Creates a finding. @returns its etag, or undefined when there is one of its id */
  create(finding: Finding): Promise<string | undefined>;
  /** Replaces a finding that still has its etag. @returns the new etag, or undefined when it changed or was deleted */
  replace(finding: Versioned<Finding>): Promise<string | undefined>;
  /** @returns undefined when there is no such finding */
  read(id: string): Promise<Versioned<Finding> | undefined>;
  /** Findings of any state but `gone` about these subjects, 100 at most. In no order. */
  ofSubjects(subjects: readonly Pick<Subject, 'type' | 'id'>[]): Promise<Versioned<Finding>[]>;
  /** Findings that match, by id, ascending. */
  list(filter: FindingFilter, page: PageRequest): Promise<Page<Finding>>;
  /** Counts the open findings. In no order, and no zeros. */
  countOpen(): Promise<Measured<FindingCount[]>>;
}
