import { FleetError } from '../errors.ts';
import type { FormerCa, GroupRecord, IssuingCa } from '../groups/group.ts';
import { checkPrecondition, type Precondition } from '../precondition.ts';
import { type RetryOptions, retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import type { Deletion, Enrollments } from './enrollments.ts';
import { type GroupDirectory, updateGroup } from './group-directory.ts';
import { isOwnGroup } from './group-ownership.ts';

/**
 * The deletion of an enrollment group, in steps that can each be repeated. lib/pipeline/delete-group.ts has their order.
 * Every method throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable`.
 */
export interface GroupDeletion {
  /**
   * Marks the group: from here on no row is provisioned in it. Marking it again changes nothing.
   * @param by who deletes it; recorded on the group
   * @throws FleetError `precondition-failed`
   */
  markDeleting(id: string, by: string, precondition?: Precondition): Promise<GroupRecord>;
  /** Removes the mark. The group is used as before. */
  unmarkDeleting(id: string): Promise<void>;
  /**
   * Deletes the enrollment group in DPS if this deployment wrote it, then the group. Its CAs stay on record as revoked.
   * @throws FleetError `method-conflict` when the group is not marked
   */
  finishDeletion(id: string): Promise<DeletedGroup>;
}

/** A group that was deleted. */
export interface DeletedGroup {
  /** The enrollment group in DPS. */
  readonly dps: Deletion;
  readonly formerCas: readonly FormerCa[];
}

/** Former CAs that a record keeps: as many as an id that is used again and again has in some years. */
const maxFormerCas = 20;

export interface GroupDeletionOptions {
  readonly directory: GroupDirectory;
  readonly enrollments: Pick<Enrollments, 'deleteGroup'>;
  readonly retry: RetryOptions;
  readonly now: () => Date;
}

export function createGroupDeletion({ directory, enrollments, retry, now }: GroupDeletionOptions): GroupDeletion {
  const update = (
    id: string,
    change: (group: GroupRecord, etag: string) => GroupRecord,
  ): Promise<Versioned<GroupRecord>> => updateGroup(directory, id, now, change);

  return {
    async markDeleting(id, by, precondition) {
      const deleting = { by, at: now().toISOString() };
      const marked = await update(id, (group, etag) => {
        checkPrecondition(precondition, etag, `Enrollment group "${id}"`);
        return group.deleting === undefined ? { ...group, deleting } : group;
      });
      return marked.value;
    },

    async unmarkDeleting(id) {
      await update(id, (group) => {
        if (group.deleting === undefined) return group;
        const { deleting: _deleting, ...rest } = group;
        return rest;
      });
    },

    async finishDeletion(id) {
      const group = await directory.read(id);
      const deletedBy = group?.value.deleting;
      if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
      if (deletedBy === undefined)
        throw new FleetError('method-conflict', `Enrollment group "${id}" is not marked as being deleted.`);
      const dps = await retrying(() => enrollments.deleteGroup(id, (found) => isOwnGroup(group.value, found)), retry);
      const { value } = await update(id, (latest) => deletedRecord(latest, deletedBy));
      return { dps, formerCas: value.formerCas ?? [] };
    },
  };
}

/** The error of a change to a group that is being deleted. */
export function beingDeleted({ id, deleting }: GroupRecord): FleetError {
  const message = `Enrollment group "${id}" is being deleted by ${deleting?.by} since ${deleting?.at}. Repeat the DELETE request to finish it.`;
  return new FleetError('method-conflict', message);
}

/** What stays of a deleted group: the id can be used again, and its next CA has another number and another key. */
function deletedRecord(group: GroupRecord, deletedBy: NonNullable<GroupRecord['deletedBy']>): GroupRecord {
  const { id, definition, issuingCas, retiredCas = [], formerCas = [], formerDps, declaredBy } = group;
  const { createdAt, updatedAt } = group;
  const retired = retiredCas.map(({ retiredAt: _retiredAt, ...ca }): IssuingCa => ca);
  const revoked = [...issuingCas, ...retired].map((ca) => ({ ...ca, revokedAt: deletedBy.at }));
  return {
    ...{ id, definition, declaredBy, createdAt, updatedAt, deletedBy },
    ...(formerDps !== undefined && { formerDps }),
    issuingCas: [],
    formerCas: [...revoked, ...formerCas].slice(0, maxFormerCas),
  };
}
