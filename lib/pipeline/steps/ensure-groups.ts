import { type GroupsById, unknownGroup } from '../../enrollment/group-directory.ts';
import type { Groups } from '../../enrollment/groups.ts';
import { FleetError, orFleetError } from '../../errors.ts';
import { dpsOf } from '../../groups/dps-instance.ts';
import type { GroupRecord } from '../../groups/group.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import { type RowError, rowError } from '../../manifest/manifest.ts';
import type { Versioned } from '../../storage.ts';
import { step } from '../../telemetry.ts';
import type { Issuance } from '../issuance.ts';
import type { ClaimedRow } from './claim.ts';

/** Groups that are open for issuing, as `Opened`, and those that are not. */
export interface EnsuredGroups<Opened = Issuance> {
  readonly issuances: ReadonlyMap<string, Opened>;
  /** Why nothing can be issued for a group, by its id. */
  readonly refusals: ReadonlyMap<string, FleetError>;
}

export interface EnsurePorts<Opened> {
  readonly groups: Pick<Groups, 'directory' | 'ensure'>;
  /** Opens a group for issuing, or for a check of what could be issued. */
  readonly openIssuance: (group: Versioned<GroupRecord>) => Promise<Opened>;
}

/**
 * Step 4: makes sure that DPS holds each group of these rows, and its issuing CA, as declared; then opens the group for
 * issuing. A group for which an operator has to act does not stop the rows of other groups.
 * @throws FleetError where trying again can help: `throttled`, `unavailable`, `concurrent-change`. In a chunk of several DPS
 * instances, only if it helps in all of them
 */
export function ensureGroups<Opened>(
  claimed: readonly ClaimedRow[],
  attempt: ChunkAttempt,
  { groups, openIssuance }: EnsurePorts<Opened>,
): Promise<EnsuredGroups<Opened>> {
  return step('4 ensure groups', attempt, async () => {
    const issuances = new Map<string, Opened>();
    const refusals = new Map<string, FleetError>();
    const directory = await groups.directory();
    const ids = new Set(claimed.map(({ request }) => request.enrollmentGroup));
    const byInstance = Map.groupBy(ids, (id) => dpsOf(directory.get(id)?.value.definition ?? {}));

    async function ensureOne(id: string): Promise<void> {
      const group = await usableGroup(id, directory, groups);
      try {
        if (group === undefined) throw unknownGroup('group-unknown', id);
        if (group.value.deleting !== undefined)
          throw new FleetError('group-unknown', `Enrollment group "${id}" is being deleted.`);
        issuances.set(id, await openIssuance(await groups.ensure(group)));
      } catch (error) {
        if (!(error instanceof FleetError) || error.retry) throw error;
        refusals.set(id, error);
      }
    }

    // A DPS instance that does not answer takes no rows of the others with it: its own rows fail, and a retry takes them up.
    const away = await Promise.all(
      [...byInstance.values()].map(async (own) => {
        const failure = await orFleetError(async () => {
          for (const id of own) await ensureOne(id);
        });
        return failure instanceof FleetError ? { own, failure } : undefined;
      }),
    );
    const [first, ...more] = away.filter((each) => each !== undefined);
    if (first !== undefined && more.length + 1 === byInstance.size) throw first.failure;
    for (const { own, failure } of first === undefined ? [] : [first, ...more]) {
      for (const id of own) if (!issuances.has(id) && !refusals.has(id)) refusals.set(id, failure);
    }
    return { issuances, refusals };
  });
}

/**
 * The group of the directory, which is a cache. One that is gone or being deleted is read again: it may have been declared again a
 * moment ago, by another process.
 */
async function usableGroup(
  id: string,
  directory: GroupsById,
  groups: Pick<Groups, 'directory'>,
): Promise<Versioned<GroupRecord> | undefined> {
  const known = directory.get(id);
  if (known !== undefined && known.value.deleting === undefined) return known;
  return (await groups.directory({ maxAgeSeconds: 0 })).get(id);
}

/** The row's error where its group was refused. */
export function refusal({ request }: ClaimedRow, { refusals }: Pick<EnsuredGroups, 'refusals'>): RowError | undefined {
  const error = refusals.get(request.enrollmentGroup);
  if (error === undefined) return undefined;
  const { code, message } = error;
  return rowError(request, { code, message, column: 'enrollmentGroup', value: request.enrollmentGroup });
}
