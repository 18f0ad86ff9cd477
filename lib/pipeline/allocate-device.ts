import { X509Certificate } from 'node:crypto';
import { isBlocked } from '../devices/blocking.ts';
import type { DeviceCertificate } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { isGood } from '../devices/renewal.ts';
import { mergeTwins, type Twin } from '../devices/twin.ts';
import { chooseHub } from '../enrollment/choose-hub.ts';
import { excerpt, FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import type { Ports } from './ports.ts';

/** A registration that DPS has let in by the chain of its certificate, and asks about. */
export interface AllocationRequest {
  /** The entry of DPS by which it came; undefined for an individual enrollment. */
  readonly enrollmentGroup: string | undefined;
  /** As the device wrote it. */
  readonly registrationId: string;
  /** The certificate of the device: PEM, base64 of PEM, or base64 of DER. Absent: DPS did not say. */
  readonly clientCertificate: string | undefined;
  /** The hub where the device is. Absent at its first registration. */
  readonly currentHub: string | undefined;
  /** Host names of the hubs that DPS is linked to. */
  readonly linkedHubs: readonly string[];
}

/** Where a device goes, or why it may not. Both are final. */
export type Allocation =
  | {
      readonly hub: string;
      /** Only at the first registration: DPS sets the twin to it, whatever the device has by then. */
      readonly initialTwin?: Twin;
    }
  | { readonly refused: string };

/**
 * Decides about one registration of a group with `allocation` "orchestrator". DPS has checked the chain and that the device has
 * the key; the record says whether this certificate is still good. Nothing is written: the registration is not done yet, and
 * can still fail.
 * @throws FleetError `throttled`, `unavailable` while that is undecided: DPS asks again
 */
export async function allocateDevice(
  request: AllocationRequest,
  group: GroupRecord,
  { devices, now }: Pick<Ports, 'devices' | 'now'>,
): Promise<Allocation> {
  const definition = rulesOf(group);
  const { enrollmentGroup, registrationId, clientCertificate } = request;
  if (enrollmentGroup?.toLowerCase() !== group.id) return refused(`The request is not for group "${group.id}".`);
  if (group.deleting !== undefined) return refused(`Group "${group.id}" is being deleted.`);
  if (definition.provisioningStatus === 'disabled') return refused(`Group "${group.id}" is disabled.`);

  const leaf = certificateIn(clientCertificate);
  if (leaf === undefined) return refused('The request has no certificate that can be read.');
  const id = registrationId.toLowerCase();
  const record = (await devices.read([id])).get(id)?.value;
  if (record === undefined) return refused(`There is no device "${excerpt(registrationId)}".`);
  const reason = whyNot(record, leaf, group, now());
  if (reason !== undefined) return refused(reason);

  const hub = chooseHub({ ...request, definition });
  if (hub === undefined) return refused(`No hub that DPS is linked to is one of group "${group.id}".`);
  return isFirst(request, record) ? { hub, initialTwin: twinOf(definition, record) } : { hub };
}

const refused = (reason: string): Allocation => ({ refused: reason });

/** The definition that is in force. While a change to this `allocation` is being written, DPS asks by the declared one. */
function rulesOf(group: GroupRecord): GroupDefinition {
  const { definition } = inForce(group);
  return definition.allocation === 'orchestrator' ? definition : group.definition;
}

/** Text of the certificate, in the forms that DPS is known to send or take. Nothing says which one a webhook gets. */
function certificateIn(text: string | undefined): X509Certificate | undefined {
  if (text === undefined) return undefined;
  try {
    return new X509Certificate(text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64'));
  } catch {
    return undefined;
  }
}

/**
 * @returns why the device may not register with this certificate; undefined when it may
 * @throws FleetError `unavailable` when the record does not say yet
 */
function whyNot(record: DeviceRecord, leaf: X509Certificate, group: GroupRecord, at: Date): string | undefined {
  const { id, status } = record;
  const thumbprint = leaf.fingerprint256.replaceAll(':', '');
  const presented = certificatesOf(record).find(({ sha256Thumbprint }) => sha256Thumbprint === thumbprint);
  if (status === 'opening') throw undecided(`Device "${id}" is being restored.`);
  if (isBlocked(record) || status === 'deleting' || status === 'deleted') return `Device "${id}" is ${status}.`;
  if (presented === undefined) {
    if (isReserved(record, leaf.serialNumber)) throw undecided(`The certificate of "${id}" is not recorded yet.`);
    return `Certificate ${leaf.serialNumber.toLowerCase()} is not one of device "${id}".`;
  }
  return whyNotBy(presented, record, group, at);
}

/** Whether the record has the serial number of a certificate that is about to be recorded: it can have been handed out. */
function isReserved({ serialNumber, status, renewals = [] }: DeviceRecord, leaf: string): boolean {
  const isOf = (reserved: string) => reserved.toLowerCase() === leaf.toLowerCase();
  return (status === 'claimed' && isOf(serialNumber)) || renewals.some((renewal) => isOf(renewal.serialNumber));
}

function whyNotBy(
  presented: DeviceCertificate,
  record: DeviceRecord,
  group: GroupRecord,
  at: Date,
): string | undefined {
  const { kind, serialNumber, enrollmentGroup, state, since, notAfter, unusedBundle } = presented;
  const what = `Certificate ${serialNumber} of device "${record.id}"`;
  // DPS takes it: it has the device's common name, and an issuer that DPS knows.
  if (kind !== 'identity') return `${what} is its ${kind}, with which no device registers.`;
  if (enrollmentGroup !== group.id) return `${what} was issued in group "${enrollmentGroup}".`;
  if (state === 'revoked') return `${what} is revoked.`;
  if (unusedBundle !== undefined) return `${what} was never handed out.`;
  if (at.toISOString() > notAfter) return `${what} ended at ${notAfter}.`;
  // While a row takes the device over, what it has stays in force.
  if (!isGood(presented, { ...record, ...record.before })) return `${what} was replaced at ${since}.`;
  return undefined;
}

/**
 * Whether the device gets an initial twin. The twin of a device that had a hub before is not touched, also when its registration
 * was deleted in DPS, which then takes it for a new one.
 */
function isFirst({ currentHub }: AllocationRequest, { registration, hubs = [] }: DeviceRecord): boolean {
  return currentHub === undefined && registration?.assignedHub === undefined && hubs.length === 0;
}

/** The twin with which a device begins: that of its group, and that of its row over it. */
function twinOf({ initialTwin }: GroupDefinition, record: DeviceRecord): Twin {
  return mergeTwins(initialTwin, record.before?.twin ?? record.twin ?? { tags: {}, desired: {} });
}

function undecided(message: string): FleetError {
  return new FleetError('unavailable', message, { retryAfter: 5 });
}
