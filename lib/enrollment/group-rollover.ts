import { withoutOlder } from '../authorities/issuing-cas.ts';
import { FleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { beingDeleted } from './group-deletion.ts';
import { type GroupDirectory, readGroup } from './group-directory.ts';

/** A group that was stored. */
export interface StoredGroup {
  readonly group: GroupRecord;
  /** Its version. */
  readonly etag: string;
  /** Why DPS does not hold it yet. The reconciler and the next chunk of the group try again. */
  readonly pending?: FleetError;
}

/**
 * The end of a rollover, in steps that can each be repeated. lib/pipeline/complete-rollover.ts has their order.
 * Every method throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable`.
 */
export interface GroupRollover {
  /** The group as it is now, read for this call. @throws FleetError `not-found` */
  latest(id: string): Promise<Versioned<GroupRecord>>;
  /**
   * Marks the older CA of the group: from here on no certificate of it is handed out. Marking it again changes nothing.
   * @param by who removes it; recorded on the group
   * @throws FleetError `method-conflict` when it is not the older CA of the group
   */
  markRemoving(id: string, generation: number, by: string): Promise<GroupRecord>;
  /** Removes the mark. A mark of another CA stays. */
  unmarkRemoving(id: string, generation: number): Promise<void>;
  /**
   * Retires the older CA if it is marked, and updates DPS. One that is retired already stays so, and DPS is updated.
   * @throws FleetError `method-conflict` when the CA is not marked
   */
  finishRemoval(id: string, generation: number): Promise<StoredGroup>;
}

export interface GroupRolloverOptions {
  readonly directory: GroupDirectory;
  /** Applies a change to a group, and keeps what is in force until DPS has the change. */
  readonly update: (id: string, change: (group: GroupRecord) => GroupRecord) => Promise<Versioned<GroupRecord>>;
  /** Brings DPS up to date if that is possible now. */
  readonly syncOrPending: (stored: Versioned<GroupRecord>) => Promise<StoredGroup>;
  readonly now: () => Date;
}

export function createGroupRollover({ directory, update, syncOrPending, now }: GroupRolloverOptions): GroupRollover {
  return {
    latest: (id) => readGroup(directory, id),

    async markRemoving(id, generation, by) {
      const removingCa = { generation, by, at: now().toISOString() };
      const marked = await update(id, (group) => {
        if (group.deleting !== undefined) throw beingDeleted(group);
        if (group.issuingCas[1]?.generation !== generation) throw notOlder(group, generation);
        return group.removingCa?.generation === generation ? group : { ...group, removingCa };
      });
      return marked.value;
    },

    async unmarkRemoving(id, generation) {
      await update(id, (group) => {
        if (group.removingCa?.generation !== generation) return group;
        const { removingCa: _removingCa, ...rest } = group;
        return rest;
      });
    },

    async finishRemoval(id, generation) {
      const isRetired = ({ retiredCas = [] }: GroupRecord) => retiredCas.some((ca) => ca.generation === generation);
      const removed = await update(id, (group) => {
        if (isRetired(group)) return group;
        if (group.removingCa?.generation !== generation || group.issuingCas[1]?.generation !== generation)
          throw notOlder(group, generation);
        return withoutOlder(group, now());
      });
      return syncOrPending(removed);
    },
  };
}

function notOlder({ id }: GroupRecord, generation: number): FleetError {
  const message = `CA ${generation} of group "${id}" is not the older CA any more, or its removal was taken back.`;
  return new FleetError('method-conflict', message);
}
