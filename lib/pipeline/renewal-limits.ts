import type { DeviceCertificate } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { RenewalRate } from '../devices/renewal-rate.ts';
import { asFleetError, FleetError } from '../errors.ts';
import { usesFleetEst } from '../groups/definition.ts';
import { inForce } from '../groups/group.ts';
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
 * Refuses a request of a device that asks too often, and one that would use up the quota of DPS that new devices need.
 * @throws FleetError `renewal-too-often`; `throttled` when the group has used its share of this minute
 */
export async function checkLimits(
  kind: DeviceCertificate['kind'],
  { definition, record, presented }: EstCaller,
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
  const isFirst = record.value.status === 'provisioned' && presented.request === undefined;
  if (kind !== 'identity' || isFirst) return;
  const { id } = definition;
  const allowed = await perMinute(ports);
  const minute = Math.floor(at.getTime() / 60_000);
  const renewals = await ports.renewalRate.count(id, minute);
  if (renewals <= allowed) return;
  const message = `Group "${id}" renews more than ${allowed} identities a minute. The device asks again by itself.`;
  throw new FleetError('throttled', message, { retryAfter: 60 });
}

/** When certificates of a kind were issued by EST since a time, newest first. */
function issuedSince(kind: DeviceCertificate['kind'], record: DeviceRecord, since: string): string[] {
  return certificatesOf(record).flatMap((each) =>
    each.kind === kind && each.request !== undefined && each.request.at >= since ? [each.request.at] : [],
  );
}

/** The groups that renew identities share what DPS allows. */
async function perMinute({ groups, deployment }: LimitPorts): Promise<number> {
  const all = [...(await groups.directory()).values()].map(({ value }) => inForce(value).definition);
  const renewing = all.filter((each) => usesFleetEst(each) && each.est?.identity === true).length;
  return Math.max(1, Math.floor((deployment.dpsOperationsPerMinute * renewalShare) / Math.max(1, renewing)));
}

/** The device gets its reason all the same. Its next request is refused too, and noted then. */
function reportUnkept(error: unknown): void {
  const { code, message } = asFleetError(error);
  currentLog().warn('finding not kept', { kind: 'renews-too-often', code, reason: message });
}
