import { excerpt, FleetError } from '../errors.ts';
import type { GroupRecord, GroupStore } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { suggestion } from '../suggest.ts';

/** All groups by id. DPS takes 100 X.509 groups, so they fit in memory. */
export type GroupsById = ReadonlyMap<string, Versioned<GroupRecord>>;

/** The group store with a cache of all groups. A write through it makes the next `all` read again. */
export interface GroupDirectory extends Pick<GroupStore, 'create' | 'replace'> {
  /** @returns undefined when there is no such group, or it was deleted */
  read(id: string): Promise<Versioned<GroupRecord> | undefined>;
  /** @returns also what stays of a deleted group */
  readAny(id: string): Promise<Versioned<GroupRecord> | undefined>;
  /** All groups, as they were at most `maxAgeSeconds` ago. @throws FleetError `throttled`, `unavailable` */
  all(options?: { maxAgeSeconds?: number }): Promise<GroupsById>;
}

/** Seconds after which a changed definition takes effect on chunks. Fresher groups would cost a query per chunk. */
export const defaultMaxAgeSeconds = 10;

const isLive = ({ value }: Versioned<GroupRecord>): boolean => value.deletedBy === undefined;

export function createGroupDirectory(store: GroupStore, now: () => Date): GroupDirectory {
  let cache: { readAt: number; groups: Promise<GroupsById> } | undefined;

  async function readAll(): Promise<GroupsById> {
    const groups = await store.all();
    return new Map(groups.filter(isLive).map((group) => [group.value.id, group]));
  }

  return {
    all({ maxAgeSeconds = defaultMaxAgeSeconds } = {}) {
      const readAt = now().getTime();
      if (cache === undefined || readAt - cache.readAt > maxAgeSeconds * 1000) {
        const groups = readAll();
        cache = { readAt, groups };
        // A failure is not cached.
        groups.catch(() => {
          cache = undefined;
        });
      }
      return cache.groups;
    },

    async read(id) {
      const group = await store.read(id);
      return group !== undefined && isLive(group) ? group : undefined;
    },

    readAny: (id) => store.read(id),

    async create(group) {
      const etag = await store.create(group);
      cache = undefined;
      return etag;
    },

    async replace(group) {
      const etag = await store.replace(group);
      cache = undefined;
      return etag;
    },
  };
}

/** @throws FleetError `not-found` */
export async function readGroup(directory: GroupDirectory, id: string): Promise<Versioned<GroupRecord>> {
  const group = await directory.read(id);
  if (group === undefined) throw unknownGroup('not-found', id);
  return group;
}

/**
 * The error of an id that is not that of a group.
 * @param known ids that the caller may see; the message names the one that was meant
 * @param advice a sentence that follows, with a blank before it
 */
export function unknownGroup(
  code: 'not-found' | 'group-unknown',
  id: string,
  known: Iterable<string> = [],
  advice = '',
): FleetError {
  const meant = suggestion(id, known);
  const hint = meant === undefined ? '' : ` Did you mean ${JSON.stringify(meant)}?`;
  const message = `There is no enrollment group ${JSON.stringify(excerpt(id))}.${hint}${advice}`;
  return new FleetError(code, message, { column: 'enrollmentGroup', value: excerpt(id) });
}

/** Attempts of a change while others change the same group. */
export const maxUpdateAttempts = 10;

/**
 * Applies a change to a group, and again to the newer version whenever another writer came first.
 * @param change pure; returns its argument when there is nothing to change
 * @returns the group as it is afterwards
 * @throws FleetError `not-found`, `concurrent-change` after 10 attempts
 */
export async function updateGroup(
  directory: GroupDirectory,
  id: string,
  now: () => Date,
  change: (group: GroupRecord, etag: string) => GroupRecord,
): Promise<Versioned<GroupRecord>> {
  for (let attempt = 1; attempt <= maxUpdateAttempts; attempt++) {
    const current = await readGroup(directory, id);
    const changed = change(current.value, current.etag);
    if (changed === current.value) return current;
    const value = { ...changed, updatedAt: now().toISOString() };
    const etag = await directory.replace({ value, etag: current.etag });
    if (etag !== undefined) return { value, etag };
  }
  throw changesTooFast(id);
}

export function changesTooFast(id: string): FleetError {
  return new FleetError('concurrent-change', `Enrollment group "${id}" changes faster than it can be written.`);
}
