import type { DeviceIdentity, RenewalPlan, RenewalPolicy } from './certificate.ts';
import { formerIdentities } from './certificates.ts';
import type { DeviceRecord } from './device.ts';

type Validity = Pick<DeviceIdentity, 'notBefore' | 'notAfter'>;

/**
 * Retries that fail before a device is late. IoT Edge renews at 80 % of the life and tries again every 4 %: a device with these
 * defaults is late at 88 %, and has three more attempts.
 * https://github.com/Azure/iot-identity-service/tree/main/cert/cert-renewal
 */
const failedRetries = 2;

/**
 * @example
 * const validity = { notBefore: '2027-01-01T00:00:00.000Z', notAfter: '2027-04-11T00:00:00.000Z' }; // 100 days
 * planRenewal({ threshold: '80%', retry: '4%' }, validity).renewsAt // '2027-03-22T00:00:00.000Z'
 */
export function planRenewal({ threshold, retry }: RenewalPolicy, { notBefore, notAfter }: Validity): RenewalPlan {
  const [begin, end] = [Date.parse(notBefore), Date.parse(notAfter)];
  const share = timeOf(threshold, end - begin);
  const renews = threshold.endsWith('%') ? begin + share : Math.max(begin, end - share);
  const renewsAt = new Date(renews).toISOString();
  const late = Math.min(end, renews + failedRetries * timeOf(retry, end - begin));
  return { threshold, retry, renewsAt, dueDay: dayOf(renewsAt), lateAt: new Date(late).toISOString() };
}

/**
 * The plan of a device that gets a renewed identity. Until a registration confirms it, the device can still use the one before,
 * which it tries to renew again: it is late when two such retries have failed too.
 * @param record the device as it was before
 * @param validity of the renewed identity
 * @param at now: ISO 8601, UTC
 * @returns undefined when the bundle of the device does not renew by our EST server
 */
export function renewalIssued(
  { renewal, identity, unconfirmedSince }: DeviceRecord,
  validity: Validity,
  at: string,
): RenewalPlan | undefined {
  if (renewal === undefined) return undefined;
  const { confirmedDay } = renewal;
  const plan = { ...planRenewal(renewal, validity), ...(confirmedDay !== undefined && { confirmedDay }) };
  if (unconfirmedSince !== undefined) return { ...plan, lateAt: renewal.lateAt };
  const life = Date.parse(validity.notAfter) - Date.parse(validity.notBefore);
  const late = Date.parse(at) + failedRetries * timeOf(renewal.retry, life);
  const end = Date.parse(identity?.notAfter ?? validity.notAfter);
  return { ...plan, lateAt: new Date(Math.min(late, end)).toISOString() };
}

/**
 * Notes that a registration confirmed a renewed identity. The first identity that IoT Edge gets by EST takes the place of that in
 * its bundle, and is not a renewal: the device has not registered before.
 * @param at when that was seen: ISO 8601, UTC
 * @returns the record itself when no renewed identity waits for that
 */
export function renewalConfirmed(record: DeviceRecord, at: string): DeviceRecord {
  const { unconfirmedSince, ...confirmed } = record;
  if (unconfirmedSince === undefined) return record;
  const { renewal, identity } = confirmed;
  if (renewal === undefined || identity === undefined) return confirmed;
  const hasRegistered = formerIdentities(record).some((each) => (each.confirmedAt ?? each.registeredAt) !== undefined);
  const confirmedDay = hasRegistered ? dayOf(at) : renewal.confirmedDay;
  return {
    ...confirmed,
    renewal: { ...planRenewal(renewal, identity), ...(confirmedDay !== undefined && { confirmedDay }) },
  };
}

const minuteMilliseconds = 60 * 1000;
const dayMilliseconds = 24 * 60 * minuteMilliseconds;

/** Milliseconds. @param life milliseconds. A group checks the form when it is declared (lib/groups/definition.ts). */
function timeOf(text: string, life: number): number {
  const number = Number.parseInt(text, 10);
  if (text.endsWith('%')) return Math.round((life * number) / 100);
  return number * (text.endsWith('day') ? dayMilliseconds : minuteMilliseconds);
}

function dayOf(time: string): string {
  return time.slice(0, 'yyyy-mm-dd'.length);
}
