import { unknownGroup } from '../../enrollment/group-directory.ts';
import { FleetError } from '../../errors.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import { step } from '../../telemetry.ts';
import type { Issuance } from '../issuance.ts';
import type { Ports } from '../ports.ts';
import type { ClaimedRow } from './claim.ts';

export interface EnsuredGroups {
  readonly issuances: ReadonlyMap<string, Issuance>;
  /** Why nothing can be issued for a group, by its id. */
  readonly refusals: ReadonlyMap<string, FleetError>;
}

/**
 * Step 4: makes sure that DPS holds each group of these rows, and its issuing CA, as declared; then opens the group for
 * issuing. A group for which an operator has to act does not stop the rows of other groups.
 * @throws FleetError where trying again can help: `throttled`, `unavailable`, `concurrent-change`
 */
export function ensureGroups(
  claimed: readonly ClaimedRow[],
  attempt: ChunkAttempt,
  { groups, openIssuance }: Pick<Ports, 'groups' | 'openIssuance'>,
): Promise<EnsuredGroups> {
  return step('4 ensure groups', attempt, async () => {
    const issuances = new Map<string, Issuance>();
    const refusals = new Map<string, FleetError>();
    const directory = await groups.directory();
    for (const id of new Set(claimed.map(({ request }) => request.enrollmentGroup))) {
      const group = directory.get(id);
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
    return { issuances, refusals };
  });
}
