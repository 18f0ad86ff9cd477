import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import type { Comparison } from '../findings/compare-group.ts';
import {
  type Difference,
  differenceDigest,
  eventsOf,
  type Finding,
  type FindingAct,
  type FindingStore,
  findingId,
  withAct,
} from '../findings/finding.ts';
import { definitionOf } from '../findings/kinds.ts';
import { currentLog } from '../log.ts';
import { owe } from '../outbox.ts';
import type { Versioned } from '../storage.ts';

/** What became of the differences of one observation. */
export interface Kept {
  /** How many are new, changed since they were accepted, or came back. */
  readonly opened: number;
  /** How many were not seen any more. */
  readonly gone: number;
  /** Findings that were seen and are open. */
  readonly open: readonly Finding[];
}

/** As the name of who did something. */
const sweep = 'sweep';

/** Subjects per query, and writes at once. */
const subjectsPerQuery = 100;
const writesAtOnce = 8;

/** Attempts to write a finding while an operator changes it. */
const maxWriteAttempts = 10;

/**
 * Stores the differences of an observation as findings, and ends the findings that it looked for and did not see. An
 * observation that is older than what is known of a finding changes nothing.
 * @param at when it was read: ISO 8601, UTC
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function keepFindings(comparisons: readonly Comparison[], at: string, store: FindingStore): Promise<Kept> {
  const known = await readKnown(comparisons, store);
  const seen = comparisons.flatMap(({ differences }) => differences);
  const seenIds = new Set(seen.map(({ kind, subject }) => findingId(kind, subject)));
  const decided = new Set(
    comparisons.flatMap(({ subject, decided }) => decided.map((kind) => findingId(kind, subject))),
  );
  const unseen = [...known.values()].filter(({ value: { id } }) => decided.has(id) && !seenIds.has(id));
  const kept = await pMap(seen, (difference) => keep(difference, at, known, store), { concurrency: writesAtOnce });
  const ended = await pMap(unseen, ({ value: { id } }) => end(id, at, known, store), { concurrency: writesAtOnce });
  return {
    opened: kept.filter(({ isNews }) => isNews).length,
    gone: ended.filter((isGone) => isGone).length,
    open: kept.map(({ finding }) => finding).filter(({ state }) => state === 'open'),
  };
}

type Known = ReadonlyMap<string, Versioned<Finding>>;

async function readKnown(comparisons: readonly Comparison[], store: FindingStore): Promise<Known> {
  const subjects = comparisons.map(({ subject }) => subject);
  const known = new Map<string, Versioned<Finding>>();
  for (let from = 0; from < subjects.length; from += subjectsPerQuery) {
    for (const each of await store.ofSubjects(subjects.slice(from, from + subjectsPerQuery))) {
      known.set(each.value.id, each);
    }
  }
  return known;
}

async function keep(
  difference: Difference,
  at: string,
  known: Known,
  store: FindingStore,
): Promise<{ readonly finding: Finding; readonly isNews: boolean }> {
  const id = findingId(difference.kind, difference.subject);
  let before = known.get(id);
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const seen = before === undefined ? opened(difference, id, at) : seenAgain(before.value, difference, at);
    if (seen === before?.value) return { finding: seen, isNews: false };
    const isNews = seen.state === 'open' && before?.value.state !== 'open';
    const finding: Finding = isNews ? owe(seen, ...eventsOf(seen, at)) : seen;
    const etag =
      before === undefined ? await store.create(finding) : await store.replace({ value: finding, etag: before.etag });
    if (etag !== undefined) {
      if (isNews) report(finding);
      return { finding, isNews };
    }
    before = await store.read(id);
  }
  throw changesTooFast(id);
}

function opened(difference: Difference, id: string, at: string): Finding {
  const { kind, subject, expected, seen } = difference;
  const { severity } = definitionOf(kind);
  const digest = differenceDigest(difference);
  return { id, kind, subject, severity, state: 'open', digest, expected, seen, firstSeen: at, lastSeen: at, acts: [] };
}

/** @returns the finding itself when the observation is not newer than what is known */
function seenAgain(before: Finding, difference: Difference, at: string): Finding {
  const lastAct = before.acts.at(-1)?.at ?? '';
  if (at <= before.lastSeen || at <= lastAct) return before;
  const { expected, seen, subject } = difference;
  const digest = differenceDigest(difference);
  const stays = before.state === 'open' || (before.state === 'accepted' && before.digest === digest);
  const now = {
    ...before,
    severity: definitionOf(before.kind).severity,
    subject,
    expected,
    seen,
    digest,
    lastSeen: at,
  };
  if (stays) return now;
  const firstSeen = before.state === 'gone' ? at : before.firstSeen;
  const again: FindingAct = { act: 'opened again', by: sweep, at };
  return { ...now, state: 'open', firstSeen, acts: withAct(before.acts, again) };
}

async function end(id: string, at: string, known: Known, store: FindingStore): Promise<boolean> {
  let before = known.get(id);
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    if (before === undefined || before.value.state === 'gone') return false;
    const { lastSeen, acts } = before.value;
    if (at <= lastSeen || at <= (acts.at(-1)?.at ?? '')) return false;
    const act: FindingAct = { act: 'gone', by: sweep, at };
    const value: Finding = { ...before.value, state: 'gone', acts: withAct(acts, act) };
    if ((await store.replace({ value, etag: before.etag })) !== undefined) return true;
    before = await store.read(id);
  }
  throw changesTooFast(id);
}

/** infra/azure/app/alerts.bicep waits for this event. */
function report({ id, kind, severity, subject }: Finding): void {
  const { type, id: name, enrollmentGroup } = subject;
  currentLog().warn('finding opened', { finding: id, kind, severity, [type]: name, group: enrollmentGroup });
}

function changesTooFast(id: string): FleetError {
  return new FleetError('concurrent-change', `Finding "${id}" changes faster than it can be written.`);
}
