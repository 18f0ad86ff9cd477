import { X509Certificate } from 'node:crypto';
import { issuerAmong, trustedAtEst } from '../authorities/est-cas.ts';
import { blockError } from '../devices/blocking.ts';
import type { DeviceCertificate } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { deviceId } from '../devices/ids.ts';
import { isGood } from '../devices/renewal.ts';
import type { GroupsById } from '../enrollment/group-directory.ts';
import { excerpt, FleetError } from '../errors.ts';
import { type GroupDefinition, usesFleetEst } from '../groups/definition.ts';
import { type GroupRecord, type IssuingCa, inForce } from '../groups/group.ts';
import { readCertificate } from '../pki/certificate.ts';
import { isIssuedBy } from '../pki/x509.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';

/** A request to the EST server, as far as it tells who sends it. */
export interface EstCall {
  /** The label of the URL: group and generation of the CA, such as `line7~2` (`estBaseUrl`). */
  readonly label: string;
  /** The client certificate. TLS has shown that the caller has its key, and nothing else about it. */
  readonly leaf: X509Certificate;
}

/** The device that a request comes from. */
export interface EstCaller {
  readonly group: Versioned<GroupRecord>;
  /** The definition that is in force. */
  readonly definition: GroupDefinition;
  readonly est: NonNullable<GroupDefinition['est']>;
  readonly record: Versioned<DeviceRecord>;
  /** The certificate that it presented, as its record names it. */
  readonly presented: DeviceCertificate;
}

const label = /^(?<id>[^~]+)~(?<generation>[1-9]\d{0,5})$/;
const day = 86_400_000;

/**
 * Finds the device that a client certificate belongs to, and checks all that the front end does not: issuer, dates, record.
 * @throws FleetError `renewal-refused` with the reason; `device-suspended`, `device-revoked`; `throttled`, `unavailable`
 */
export async function estCaller(
  { label: text, leaf }: EstCall,
  { groups, devices, delegatedCas, now }: Pick<Ports, 'groups' | 'devices' | 'delegatedCas' | 'now'>,
): Promise<EstCaller> {
  const { group, definition, est } = await groupOf(text, groups);
  const { id } = group.value;
  const at = now();
  const name = nameIn(leaf);
  const record = name === undefined ? undefined : (await devices.read([name])).get(name);
  // The issuer is checked before dates and record. A delegated CA is known by the record only, which costs one read.
  const trusted = trustedAtEst(group.value, at);
  const isOfGroup =
    issuerAmong(trusted, leaf) !== undefined || (await isOfDelegatedCa(leaf, record?.value, trusted, delegatedCas));
  if (!isOfGroup) throw refused(`The client certificate was not issued by a CA of group "${id}" that is still valid.`);
  if (name === undefined) throw refused('The common name of the client certificate is not a device id.');
  checkDates(leaf, est.renewExpiredWithinDays, at);
  if (record === undefined) throw refused(`There is no device "${name}".`);
  return { group, definition, est, record, presented: presentedBy(record.value, leaf, group.value.id) };
}

type Group = Pick<EstCaller, 'group' | 'definition' | 'est'>;

/** Seconds. Groups are read again at most so often, whatever clients ask for. */
const refusalMaxAgeSeconds = 1;

/**
 * The group that the URL names. An instance keeps groups for some seconds, and a bundle can be younger than that: before a call is
 * refused, the groups are read again.
 */
async function groupOf(text: string, groups: Pick<Ports['groups'], 'directory'>): Promise<Group> {
  const found = openGroup(text, await groups.directory());
  if (!(found instanceof FleetError)) return found;
  const latest = openGroup(text, await groups.directory({ maxAgeSeconds: refusalMaxAgeSeconds }));
  if (latest instanceof FleetError) throw latest;
  return latest;
}

function openGroup(text: string, groups: GroupsById): Group | FleetError {
  const { id, generation } = label.exec(text)?.groups ?? {};
  const group = id === undefined ? undefined : groups.get(id);
  if (group === undefined) return refused(`There is no enrollment group for the URL label "${excerpt(text)}".`);
  if (Number(generation) > newestGeneration(group.value))
    return refused(`Group "${id}" has no issuing CA ${generation}, which the URL names.`);
  const { definition } = inForce(group.value);
  const { est } = definition;
  if (est === undefined || !usesFleetEst(definition))
    return refused(`Group "${id}" does not use this EST server (its setting est.url).`);
  // A renewed identity has to register, and DPS would refuse it: the device keeps what it has.
  if (definition.provisioningStatus === 'disabled') return refused(`Group "${id}" is disabled.`);
  return { group, definition, est };
}

/**
 * The certificate of the record that the caller presented, if the device may use it.
 * @throws FleetError `renewal-refused`, `device-suspended`, `device-revoked`
 */
export function presentedBy(record: DeviceRecord, leaf: X509Certificate, groupId: string): DeviceCertificate {
  const { id, status, enrollmentGroup } = record;
  const block = blockError(record);
  if (block !== undefined) throw block;
  if (enrollmentGroup !== groupId) throw refused(`Device "${id}" is not in group "${groupId}".`);
  if (status === 'claimed')
    throw new FleetError('device-busy', `Job ${record.claim.jobId} provisions device "${id}" at this moment.`);
  if (status !== 'provisioned' && status !== 'assigned') throw refused(`Device "${id}" is ${status}.`);
  const presented = certificateIn(record, leaf);
  if (presented === undefined || presented.kind === 'edge-ca')
    throw refused(`The client certificate ${leaf.serialNumber.toLowerCase()} is not one of device "${id}".`);
  const what = `The client certificate ${presented.serialNumber} of device "${id}"`;
  if (presented.state === 'revoked') throw refused(`${what} is revoked.`);
  if (!isGood(presented, record)) throw refused(`${what} was replaced at ${presented.since}. Use the newer one.`);
  return presented;
}

function newestGeneration({ issuingCas, accepted, retiredCas = [] }: GroupRecord): number {
  const all = [...issuingCas, ...(accepted?.issuingCas ?? []), ...retiredCas];
  return Math.max(0, ...all.map(({ generation }) => generation));
}

/** The device id in the subject of a client certificate: its only common name. @returns undefined when that is something else */
function nameIn(leaf: X509Certificate): string | undefined {
  const name = readCertificate(leaf.raw).commonName?.toString();
  return name !== undefined && deviceId.test(name) ? name : undefined;
}

/**
 * Whether a delegated CA below one of these CAs issued the certificate. The record of the device names it. Its own end does not
 * count, as it is that of the last certificate that it signed, and a group may renew those that have ended.
 * @throws FleetError `renewal-refused` when that CA is blocked
 */
async function isOfDelegatedCa(
  leaf: X509Certificate,
  record: DeviceRecord | undefined,
  trusted: readonly IssuingCa[],
  delegatedCas: Ports['delegatedCas'],
): Promise<boolean> {
  const { delegatedCa: id } = (record && certificateIn(record, leaf)) ?? {};
  const ca = id === undefined ? undefined : (await delegatedCas.read(id))?.value;
  if (ca?.certificatePem === undefined) return false;
  const certificate = new X509Certificate(ca.certificatePem);
  if (!isIssuedBy(leaf, certificate) || issuerAmong(trusted, certificate) === undefined) return false;
  if (ca.blocked !== undefined)
    throw refused(`Delegated CA ${ca.id}, which issued the client certificate, is blocked. Install a new bundle.`);
  return true;
}

/** The certificate of the record that is the leaf. */
function certificateIn(record: DeviceRecord, leaf: X509Certificate): DeviceCertificate | undefined {
  const thumbprint = leaf.fingerprint256.replaceAll(':', '');
  return certificatesOf(record).find(({ sha256Thumbprint }) => sha256Thumbprint === thumbprint);
}

function checkDates({ validFromDate, validToDate }: X509Certificate, withinDays: number, at: Date): void {
  if (at < validFromDate) throw refused(`The client certificate is valid from ${validFromDate.toISOString()} only.`);
  if (at.getTime() <= validToDate.getTime() + withinDays * day) return;
  const window = withinDays === 0 ? '' : `, more than ${withinDays} days ago`;
  throw refused(`The client certificate ended at ${validToDate.toISOString()}${window}. Install a new bundle.`);
}

export function refused(reason: string): FleetError {
  return new FleetError('renewal-refused', reason);
}
