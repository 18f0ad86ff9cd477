import { X509Certificate } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { GroupRecord, IssuingCa } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { readCaCertificates } from './ca-checks.ts';
import type { ImportedCa } from './imported-ca.ts';

export interface Rollover {
  /** Generation of the CA that is replaced: a request that is sent twice rolls over once. Any, when absent. */
  readonly from?: number | undefined;
  /** Also when DPS still accepts devices of an older CA, which it then no longer does: it holds two CAs a group. */
  readonly force?: boolean | undefined;
}

export const nextGeneration = ({ issuingCas }: GroupRecord): number => (issuingCas[0]?.generation ?? 0) + 1;

/** The group with a new issuing CA in front. DPS holds two certificates a group, a primary and a secondary. */
export function withCurrent(group: GroupRecord, issuingCa: IssuingCa): GroupRecord {
  return { ...group, issuingCas: [issuingCa, ...group.issuingCas].slice(0, 2) };
}

/** Name under which DPS is to hold a CA of the group, where none was chosen. */
export const registrationName = (group: Pick<GroupRecord, 'id'>, { generation }: IssuingCa): string =>
  `${group.id}-${generation}`;

/**
 * Names of the group's CAs in DPS.
 * @throws FleetError `ca-unregistered` while the current one has none; an older one without a name is left out
 */
export function caReferences({ id, issuingCas }: GroupRecord): { primary: string; secondary?: string } {
  const [primary, secondary] = issuingCas.map(({ registration }) => registration?.name);
  if (primary === undefined) {
    const message = `Group "${id}" is attested by a CA that DPS knows by name, and DPS does not know its current one.`;
    throw new FleetError('ca-unregistered', message);
  }
  return secondary === undefined ? { primary } : { primary, secondary };
}

/** @throws FleetError `method-conflict` when a rollover is not from the CA it was meant to be, or would end another one's devices */
export function refuseRollover({ id, issuingCas }: GroupRecord, { from, force = false }: Rollover, at: Date): void {
  const [current, older] = issuingCas;
  const conflict = (message: string) => new FleetError('method-conflict', `Group "${id}" ${message}`);
  if (from !== undefined && from !== (current?.generation ?? 0)) {
    throw conflict(`issues by CA ${current?.generation ?? 0}, not by ${from}; it may have been rolled over already.`);
  }
  if (older === undefined || force || new Date(older.notAfter) <= at) return;
  throw conflict(
    `has two CAs in DPS. Another one ends CA ${older.generation}, valid until ${older.notAfter}: devices that still have its certificates could not register any more. Repeat with force when there are none.`,
  );
}

/** "A certificate can be specified in only one enrollment entry" (learn.microsoft.com/azure/iot-dps/concepts-x509-attestation). */
export function refuseShared(ca: IssuingCa, groups: ReadonlyMap<string, Versioned<GroupRecord>>): void {
  const holder = [...groups.values()].find(({ value }) =>
    value.issuingCas.some(({ certificatePem }) => certificatePem === ca.certificatePem),
  );
  if (holder === undefined) return;
  const message = `is the CA of group "${holder.value.id}" already, and DPS takes a certificate in one group only`;
  throw new FleetError('ca-invalid', `The issuing CA ${message}.`, { faults: [{ path: 'certificate', message }] });
}

/** Whether an operator hands over the very certificate that the group has. */
export function isSame(held: IssuingCa, { certificate }: ImportedCa): boolean {
  const { fingerprint256 } = new X509Certificate(held.certificatePem);
  return readCaCertificates(certificate, 'certificate').certificates.some(
    ({ x509 }) => x509.fingerprint256 === fingerprint256,
  );
}
