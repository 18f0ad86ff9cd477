import { audited } from '../audit/audit.ts';
import {
  changeDelegatedCa,
  type DelegatedCa,
  type DelegatedCaFilter,
  type DelegatedCaStore,
} from '../authorities/delegated-ca.ts';
import { FleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import { blockingGroup } from '../resource-names.ts';
import { retrying } from '../retry.ts';
import { workAct } from './audit-acts.ts';
import { type BlockCaPorts, closeInDps, isGroupOf, needsGroup, type SignedCa } from './block-delegated-ca.ts';
import type { Ports } from './ports.ts';

export type SettleCaPorts = BlockCaPorts & Pick<Ports, 'audit'>;

const pageSize = 100;

/** A worker that lives notes the end of its CA itself, at `signsUntil`. This is how late it may be, in milliseconds. */
const graceMs = 5 * 60 * 1000;

/** What `settleDelegatedCas` did. */
export interface SettledCas {
  /** Records that were ended as lost. */
  readonly lost: number;
  /** Blocks that DPS has now. */
  readonly closed: number;
  /** Groups that were deleted, since their CA has ended. */
  readonly removed: number;
}

/**
 * Brings the records of delegated CAs to their end: those of workers that died are ended as lost, a block that was cut short is
 * finished, and the group of a block is deleted once the CA has ended, since DPS takes 100 of them. It can be repeated and cut.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function settleDelegatedCas(ports: SettleCaPorts): Promise<SettledCas> {
  const { delegatedCas, now } = ports;
  const at = now();
  let [lost, closed, removed] = [0, 0, 0];
  const lostBefore = new Date(at.getTime() - graceMs).toISOString();
  for await (const { id } of allOf({ state: 'open', signsUntilBefore: lostBefore }, delegatedCas)) {
    if (await endAsLost(id, ports)) lost += 1;
  }
  for await (const ca of allOf({ state: 'blocked' }, delegatedCas)) {
    if (ca.ended === undefined && ca.signsUntil < lostBefore && (await endAsLost(ca.id, ports))) lost += 1;
    if (needsGroup(ca, at.toISOString()) && ca.blocked?.inDps === undefined) {
      if (await finish(ca, ports)) closed += 1;
    } else if (isOver(ca, at.toISOString())) {
      await removeGroup(ca, ports);
      removed += 1;
    }
  }
  return { lost, closed, removed };
}

/** @returns whether this ended it. Its worker can note another end at the same time */
async function endAsLost(id: string, { delegatedCas, now }: BlockCaPorts): Promise<boolean> {
  let isEnded = false;
  const ended = { at: now().toISOString(), reason: 'lost' } as const;
  await changeDelegatedCa(id, delegatedCas, (ca) => {
    isEnded = ca.ended === undefined;
    return isEnded ? { ...ca, ended } : ca;
  });
  return isEnded;
}

/** DPS can refuse it, such as when it has 100 groups. The next run tries again, and the finding `ca-block-missing` says why. */
async function finish(ca: SignedCa, ports: SettleCaPorts): Promise<boolean> {
  try {
    const close = () => closeInDps(ca, ports);
    const closed = await audited(ports.audit, settleCaAct(ca, 'close'), close, { withoutIntent: true });
    return closed.blocked?.inDps !== undefined;
  } catch (error) {
    if (!(error instanceof FleetError) || error.retry) throw error;
    currentLog().warn('delegated CA not blocked in DPS', { ca: ca.id, code: error.code, reason: error.message });
    return false;
  }
}

/** @param group what is done with its enrollment group in DPS */
function settleCaAct({ id: delegatedCa, enrollmentGroup }: DelegatedCa, group: 'close' | 'remove') {
  return workAct(
    'settle-delegated-ca',
    { delegatedCa, enrollmentGroup },
    { group: blockingGroup(delegatedCa), act: group },
  );
}

/** DPS has a group for it that it does not need any more. */
function isOver(ca: DelegatedCa, at: string): ca is SignedCa {
  return ca.notAfter < at && ca.blocked?.inDps !== undefined && ca.blocked.inDps.removedAt === undefined;
}

/** A group that someone else made under that name is left. */
async function removeGroup(ca: SignedCa, ports: SettleCaPorts): Promise<void> {
  const remove = () => ports.enrollments.deleteGroup(blockingGroup(ca.id), isGroupOf(ca));
  await audited(ports.audit, settleCaAct(ca, 'remove'), () => retrying(remove, ports.retry));
  const removedAt = ports.now().toISOString();
  await changeDelegatedCa(ca.id, ports.delegatedCas, (latest) => {
    const { blocked } = latest;
    if (blocked?.inDps === undefined || blocked.inDps.removedAt !== undefined) return latest;
    return { ...latest, blocked: { ...blocked, inDps: { ...blocked.inDps, removedAt } } };
  });
}

/** Every record that matches, newest first, one page in memory. */
export async function* allOf(
  filter: DelegatedCaFilter,
  store: Pick<DelegatedCaStore, 'list'>,
): AsyncGenerator<DelegatedCa> {
  let continuation: string | undefined;
  do {
    const page = await store.list(filter, { size: pageSize, continuation });
    yield* page.items;
    continuation = page.continuation;
  } while (continuation !== undefined);
}
