import { X509Certificate } from 'node:crypto';
import type { ArchivedBundle } from './archives.ts';
import { type DeviceDocument, type GroupDocument, isBlocked, isLive } from './documents.ts';
import { type DpsEntries, readDpsFile } from './stores.ts';

type AddProblem = (problem: string) => void;

/**
 * DPS has each group once, with its current issuing CA, each individual enrollment once, and a disabled one for each blocked
 * device. No hub has an enabled identity of a blocked device.
 */
export function checkDps(
  directory: string,
  groups: readonly GroupDocument[],
  devices: ReadonlyMap<string, DeviceDocument>,
  bundles: readonly ArchivedBundle[],
  addProblem: AddProblem,
): void {
  const dps = readDpsFile(directory);
  const own = new Set(groups.filter(({ definition }) => definition?.enrollment === 'individual').map(({ id }) => id));
  checkGroups(dps, groups, own, addProblem);

  const bundleAt = new Map(bundles.map((bundle) => [`${bundle.archive} ${bundle.offset}`, bundle]));
  const enrolled = [...devices.values()].filter((device) => own.has(device.enrollmentGroup) && isLive(device));
  for (const { id, bundle } of enrolled) {
    const live = bundleAt.get(`${bundle?.archive} ${bundle?.offset}`);
    if (live === undefined || !holds(dps, 'individual', id, live.certificate))
      addProblem(`DPS does not know ${id} by its certificate`);
  }
  for (const { id, isDisabled } of dps.individuals) {
    const device = devices.get(id);
    if (device !== undefined && isBlocked(device)) continue;
    if (!own.has(device?.enrollmentGroup ?? '')) addProblem(`DPS holds an enrollment of ${id}, and no record does`);
    else if (isDisabled) addProblem(`DPS has disabled the enrollment of ${id}, which is ${device?.status}`);
  }
  checkBlocks(dps, devices, addProblem);
}

function checkGroups(
  dps: DpsEntries,
  groups: readonly GroupDocument[],
  individual: ReadonlySet<string>,
  addProblem: AddProblem,
): void {
  const wanted = groups.filter(({ id, definition }) => definition !== undefined && !individual.has(id));
  for (const { id, issuingCas = [] } of wanted) {
    const times = dps.groups.filter((group) => group.id.toLowerCase() === id).length;
    if (times !== 1) addProblem(`DPS holds group ${id} ${times} times`);
    const [current] = issuingCas;
    if (current === undefined || !holds(dps, 'group', id, new X509Certificate(current.certificatePem)))
      addProblem(`DPS does not know group ${id} by its issuing CA`);
  }
  if (dps.groups.length !== wanted.length)
    addProblem(`DPS holds ${dps.groups.length} groups where ${wanted.length} were declared`);
}

function holds({ certificates }: DpsEntries, kind: string, id: string, certificate: X509Certificate): boolean {
  const held = certificates.get(certificate.fingerprint256.replaceAll(':', ''));
  return held?.kind === kind && held.id.toLowerCase() === id;
}

/** Every door of a blocked device is closed: record, enrollment, hub. None of a device in use is. */
function checkBlocks(dps: DpsEntries, devices: ReadonlyMap<string, DeviceDocument>, addProblem: AddProblem): void {
  const disabled = new Set(dps.individuals.flatMap(({ id, isDisabled }) => (isDisabled ? [id] : [])));
  for (const device of devices.values()) {
    const { id, status, block, certificates = [] } = device;
    const identities = dps.identities.filter(({ deviceId }) => deviceId === id);
    if (isLive(device)) {
      for (const { hub } of identities.filter((identity) => identity.status === 'disabled'))
        addProblem(`device ${id} is ${status}, and ${hub} has disabled it`);
      continue;
    }
    if (status === 'closing' || status === 'opening') addProblem(`device ${id} is still ${status}`);
    if (!isBlocked(device)) continue;
    const open = ['record', 'enrollment', 'hub', 'bundle', 'renewal'].filter(
      (door) => block?.doors[door] === undefined,
    );
    if (open.length > 0) addProblem(`device ${id} is ${status}, and its record says that ${open.join(', ')} is open`);
    if (!disabled.has(id)) addProblem(`device ${id} is ${status}, and DPS does not block it`);
    for (const { hub } of identities.filter((identity) => identity.status === 'enabled'))
      addProblem(`device ${id} is ${status}, and enabled at ${hub}`);
    if (status !== 'suspended' && certificates.some(({ state }) => state !== 'revoked'))
      addProblem(`device ${id} is ${status}, and a certificate of it is not revoked`);
  }
}
