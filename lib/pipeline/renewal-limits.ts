import type { DeviceCertificate } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { RenewalRate } from '../devices/renewal-rate.ts';
import { asFleetError, FleetError } from '../errors.ts';
import { usesFleetEst } from '../groups/definition.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { inForce } from '../groups/group.ts';
import { tryingMinutes } from '../groups/validity-jitter.ts';
import { dpsOperationsOf } from '../jobs/estimate.ts';
import { currentLog } from '../log.ts';
import type { EstCaller } from './est-caller.ts';
import { noteFrequentRenewal } from './note-frequent-renewal.ts';
import type { Ports } from './ports.ts';

export type LimitPorts = Pick<Ports, 'groups' | 'findings' | 'deployment' | 'now'> & {
  readonly renewalRate: RenewalRate;
};

/**
 * Certificates of one kind that a device gets in `periodOf`. IoT Edge asks five times at most before a certificate ends: at
 * 80 % of its life, and again after each 4 % (cert/cert-renewal of Azure/iot-identity-service). A technician who installs a
 * device again and again asks some times more.
 */
const perPeriod = 10;

const day = 86_400_000;

/** A day, or a fifth of the life of the certificates where that is shorter: IoT Edge renews in the last fifth. */
function periodOf(validityDays: number): number {
  return Math.min(day, (validityDays * day) / 5);
}

/** Half of what DPS allows. Each renewed identity registers again, and first registrations need the other half. */
const renewalShare = 0.5;

/**
 * Renewals are counted over as many minutes as IoT Edge tries to register, so a burst is let through that DPS takes in this time.
 * A refusal of DPS is tried again within minutes; one of this server costs 4 % of the life of the certificate.
 */
const windowMinutes = tryingMinutes;

/**
 * Refuses a request of a device that asks too often, and one that would use up the quota of DPS that new devices need.
 * @throws FleetError `renewal-too-often`; `throttled` when the group has used its share of these minutes
 */
export async function checkLimits(
  kind: DeviceCertificate['kind'],
  { definition, record }: EstCaller,
  ports: LimitPorts,
): Promise<void> {
  const at = ports.now();
  const since = new Date(at.getTime() - periodOf(definition.validityDays)).toISOString();
  const recent = issuedSince(kind, record.value, since);
  if (recent.length >= perPeriod) {
    const what = `Device "${record.value.id}" got ${recent.length} certificates of kind "${kind}" since ${recent.at(-1)}`;
    await noteFrequentRenewal({ record: record.value, kind, limit: perPeriod }, ports).catch(reportUnkept);
    throw new FleetError('renewal-too-often', `${what}. Expected fewer than ${perPeriod}.`);
  }
  // The first registration of a device is not a renewal.
  if (kind !== 'identity' || record.value.status === 'provisioned') return;
  const { id } = definition;
  const allowed = (await perMinute(dpsOf(definition), ports)) * windowMinutes;
  const window = Math.floor(at.getTime() / (windowMinutes * 60_000));
  const renewals = await ports.renewalRate.count(id, window);
  if (renewals <= allowed) return;
  const found = `Group "${id}" renews more than ${allowed} identities in ${windowMinutes} minutes.`;
  throw new FleetError('throttled', `${found} The device asks again by itself.`, { retryAfter: windowMinutes * 60 });
}

/** When certificates of a kind were issued by EST since a time, newest first. */
function issuedSince(kind: DeviceCertificate['kind'], record: DeviceRecord, since: string): string[] {
  return certificatesOf(record).flatMap((each) =>
    each.kind === kind && each.request !== undefined && each.request.at >= since ? [each.request.at] : [],
  );
}

/** The groups of a DPS instance that renew identities share what it allows. */
async function perMinute(dps: string, { groups, deployment }: LimitPorts): Promise<number> {
  const all = [...(await groups.directory()).values()].map(({ value }) => inForce(value).definition);
  const here = all.filter((each) => dpsOf(each) === dps);
  const renewing = here.filter((each) => usesFleetEst(each) && each.est?.identity === true).length;
  return Math.max(1, Math.floor((dpsOperationsOf(deployment, dps) * renewalShare) / Math.max(1, renewing)));
}

/** The device gets its reason all the same. Its next request is refused too, and noted then. */
function reportUnkept(error: unknown): void {
  const { code, message } = asFleetError(error);
  currentLog().warn('finding not kept', { kind: 'renews-too-often', code, reason: message });
}
