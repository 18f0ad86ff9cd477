import { X509Certificate } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { GroupRecord, IssuingCa, RetiredCa } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { readCaCertificates } from './ca-checks.ts';
import type { ImportedCa } from './imported-ca.ts';

export interface Rollover {
  /** Generation of the CA to replace, so that a request that is sent twice rolls over once. Absent: any. */
  readonly from?: number | undefined;
  /** Also when it ends an older CA whose certificates are still valid. DPS holds two CAs per group. */
  readonly force?: boolean | undefined;
}

/** @returns the number of the group's next CA; the first is 1 */
export const nextGeneration = ({ issuingCas: [current], formerCas = [] }: GroupRecord): number =>
  (current?.generation ?? formerCas[0]?.generation ?? 0) + 1;

/**
 * The group with a new issuing CA in front. DPS holds two certificates per group, a primary and a secondary. A third CA is
 * retired.
 */
export function withCurrent(group: GroupRecord, issuingCa: IssuingCa, at: Date): GroupRecord {
  const {
    issuingCas: [current],
    ...rest
  } = withoutOlder(group, at);
  const issuingCas = current === undefined ? [issuingCa] : [issuingCa, current];
  return { ...rest, issuingCas, issuesSince: at.toISOString() };
}

/** CAs that a group keeps after DPS has them no more, newest first: 200 KB of certificates. */
const maxRetiredCas = 50;

/** The group without the older of its two CAs. It is retired: trusted at the EST server until it ends, and by DPS no more. */
export function withoutOlder(group: GroupRecord, at: Date): GroupRecord {
  const { removingCa: _removingCa, ...rest } = group;
  const [current, ...older] = group.issuingCas;
  if (current === undefined || older.length === 0) return group;
  const retired = older.map((ca): RetiredCa => ({ ...ca, retiredAt: at.toISOString() }));
  const trusted = (group.retiredCas ?? []).filter(({ notAfter }) => new Date(notAfter) > at);
  return { ...rest, issuingCas: [current], retiredCas: [...retired, ...trusted].slice(0, maxRetiredCas) };
}

/** Default name of a CA of the group in DPS. */
export const registrationName = (group: Pick<GroupRecord, 'id'>, { generation }: IssuingCa): string =>
  `${group.id}-${generation}`;

/**
 * Names of the group's CAs in DPS. An older CA without a name is left out.
 * @throws FleetError `ca-unregistered` while the current CA has no name
 */
export function caReferences({ id, issuingCas }: GroupRecord): { primary: string; secondary?: string } {
  const [primary, secondary] = issuingCas.map(({ registration }) => registration?.name);
  if (primary === undefined) {
    const message = `Group "${id}" has the attestation "caReference", and its current issuing CA is not registered with DPS.`;
    throw new FleetError('ca-unregistered', message);
  }
  return secondary === undefined ? { primary } : { primary, secondary };
}

/**
 * Refuses a rollover from another CA than the current one, or one that would end a CA that is still valid.
 * @throws FleetError `method-conflict`
 */
export function refuseRollover({ id, issuingCas }: GroupRecord, { from, force = false }: Rollover, at: Date): void {
  const [current, older] = issuingCas;
  const conflict = (message: string) => new FleetError('method-conflict', `Group "${id}" ${message}`);
  if (from !== undefined && from !== (current?.generation ?? 0))
    throw conflict(`issues by CA ${current?.generation ?? 0}, not by ${from}; it may have been rolled over already.`);
  if (older === undefined || force || new Date(older.notAfter) <= at) return;
  throw conflict(
    `has two CAs in DPS. A third one ends CA ${older.generation}, valid until ${older.notAfter}: devices with its certificates could no longer register. Complete the rollover first, or repeat with force if there are none.`,
  );
}

/**
 * Refuses a CA that another group has: "A certificate can be specified in only one enrollment entry"
 * (learn.microsoft.com/azure/iot-dps/concepts-x509-attestation).
 * @throws FleetError `ca-invalid`
 */
export function refuseShared(ca: IssuingCa, groups: ReadonlyMap<string, Versioned<GroupRecord>>): void {
  const holder = [...groups.values()].find(({ value }) =>
    value.issuingCas.some(({ certificatePem }) => certificatePem === ca.certificatePem),
  );
  if (holder === undefined) return;
  const message = `is the CA of group "${holder.value.id}" already; DPS takes a certificate in one group only`;
  throw new FleetError('ca-invalid', `The issuing CA ${message}.`, { faults: [{ path: 'certificate', message }] });
}

/** Whether an operator gives the certificate that the group has already. */
export function isSame(held: IssuingCa, { certificate }: ImportedCa): boolean {
  const { fingerprint256 } = new X509Certificate(held.certificatePem);
  return readCaCertificates(certificate, 'certificate').certificates.some(
    ({ x509 }) => x509.fingerprint256 === fingerprint256,
  );
}
