import { X509Certificate } from 'node:crypto';
import { changeDelegatedCa, type DelegatedCa } from '../authorities/delegated-ca.ts';
import type { FoundEntry } from '../enrollment/enrollments.ts';
import { excerpt, FleetError } from '../errors.ts';
import { blockingGroup } from '../resource-names.ts';
import { retrying } from '../retry.ts';
import type { Ports } from './ports.ts';

export type BlockCaPorts = Pick<Ports, 'delegatedCas' | 'enrollments' | 'retry' | 'now'>;

/**
 * Blocks a delegated CA for good: nothing is handed out that it signed, and DPS and the EST server refuse its certificates.
 *
 * The record is marked first. A chunk writes its device records first and reads this record after that (steps/fence.ts). So either
 * the chunk sees the mark and takes its certificates back, or the list of devices has them. A request that was cut short is finished by the
 * next one, or by the timer (settle-delegated-cas.ts).
 * @throws FleetError `not-found`; `group-refused`, `group-exists` when DPS does not take the group, after the record is marked;
 * `concurrent-change`, `throttled`, `unavailable`
 */
export async function blockDelegatedCa(
  id: string,
  { by, reason }: { readonly by: string; readonly reason: string },
  ports: BlockCaPorts,
): Promise<DelegatedCa> {
  const at = ports.now().toISOString();
  const marked = await changeDelegatedCa(id, ports.delegatedCas, (ca) =>
    ca.blocked === undefined ? { ...ca, blocked: { by, at, reason } } : ca,
  );
  return needsGroup(marked, at) && marked.blocked?.inDps === undefined ? closeInDps(marked, ports) : marked;
}

/** @throws FleetError `not-found` */
export async function readDelegatedCa(id: string, { delegatedCas }: Pick<Ports, 'delegatedCas'>): Promise<DelegatedCa> {
  const found = await delegatedCas.read(id);
  if (found === undefined) throw new FleetError('not-found', `There is no delegated CA "${excerpt(id)}".`);
  return found.value;
}

/** A blocked CA that was signed and has not ended. */
export interface SignedCa extends DelegatedCa {
  readonly certificatePem: string;
}

/** Whether DPS has to refuse its certificates. One that was never signed has none, and after its end they have ended too. */
export function needsGroup(ca: DelegatedCa, at: string): ca is SignedCa {
  return ca.blocked !== undefined && ca.certificatePem !== undefined && ca.notAfter >= at;
}

/**
 * Makes the disabled enrollment group in DPS, or disables it again, and notes it on the record.
 * @throws FleetError as `Enrollments.closeCa`
 */
export async function closeInDps(ca: SignedCa, ports: BlockCaPorts): Promise<DelegatedCa> {
  const { id, enrollmentGroup, certificatePem } = ca;
  const blocking = blockingGroup(id);
  await retrying(() => ports.enrollments.closeCa({ id: blocking, certificatePem, enrollmentGroup }), ports.retry);
  const inDps = { enrollmentGroup: blocking, at: ports.now().toISOString() };
  return changeDelegatedCa(id, ports.delegatedCas, (ca) =>
    ca.blocked === undefined || ca.blocked.inDps !== undefined ? ca : { ...ca, blocked: { ...ca.blocked, inDps } },
  );
}

/** Tells the enrollment group that blocks the CA from one of that name that was made elsewhere. */
export function isGroupOf({ certificatePem }: SignedCa): (found: FoundEntry) => boolean {
  const own = new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '');
  return ({ thumbprints }) => thumbprints.length === 1 && thumbprints[0] === own;
}
