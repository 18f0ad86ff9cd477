import type { CaAction } from '../../../lib/audit/actions.ts';
import { audited } from '../../../lib/audit/audit.ts';
import type { Arguments, Verb } from './arguments.ts';
import type { Place } from './place.ts';
import { type Result, runVerb } from './verbs.ts';

/** A command that changes something has an entry in the audit trail. Every other one says why it has none. */
export const auditOf: Readonly<Record<Verb, { readonly action: CaAction } | { readonly none: string }>> = {
  show: { none: 'It reads.' },
  check: { none: 'It reads, and notes what DPS has for GET /api/health.' },
  register: { action: 'ca-register' },
  unregister: { action: 'ca-unregister' },
  root: { action: 'ca-root' },
  csr: { action: 'ca-csr' },
  import: { action: 'ca-import' },
  rollover: { action: 'ca-rollover' },
};

/**
 * Runs a command between its intent and its result in the audit trail. Without an intent only trust is removed (`unregister`).
 * @throws FleetError `unavailable`, `throttled` when the intent cannot be written; any error of the command
 */
export async function runAudited(place: Place, args: Arguments): Promise<Result> {
  const { verb, group, name, vouched, from, force } = args;
  const run = runVerb[verb];
  const entry = auditOf[verb];
  if ('none' in entry) return run(place, args);
  const act = {
    action: entry.action,
    by: await place.operator(),
    subject: group === undefined ? { ca: 'root' } : { enrollmentGroup: group },
    details: { name, from, vouched: vouched || undefined, force: force || undefined },
  };
  const work = async (note: (details: Result['audit']) => void) => {
    const result = await run(place, args);
    note(result.audit);
    return result;
  };
  return audited(place.services.audit, act, work, { withoutIntent: verb === 'unregister' });
}
