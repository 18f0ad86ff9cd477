import { X509Certificate } from 'node:crypto';
import type { GroupDefinition } from '../groups/definition.ts';
import type { GroupRecord } from '../groups/group.ts';

/** A CA certificate that has to be replaced. */
export interface ExpiringCertificate {
  readonly group: string;
  readonly certificate: 'issuing CA' | 'chain';
  /** ISO 8601. */
  readonly notAfter: string;
  /** Whole days left; negative once it has expired. */
  readonly days: number;
}

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Days. Time to make a new CA, to register it with DPS, and to renew the devices that are rarely online. */
export const caNoticeDays = 60;

/**
 * CA certificates that expire within `days`: of each group the current issuing CA, and those above it. Devices keep the chain
 * that they were issued with, so an operator needs the time to roll over before it ends.
 */
export function expiringCertificates(groups: Iterable<GroupRecord>, at: Date, days: number): ExpiringCertificate[] {
  return [...groups].flatMap(({ definition, issuingCas }) => {
    const [current] = issuingCas;
    if (current === undefined) return [];
    const chain = current.chainPem.map((pem) => new X509Certificate(pem).validToDate.toISOString());
    return [
      { certificate: 'issuing CA' as const, notAfter: current.notAfter },
      ...chain.map((notAfter) => ({ certificate: 'chain' as const, notAfter })),
    ]
      .map((each) => ({ group: definition.id, ...each, days: daysUntil(each.notAfter, at) }))
      .filter((each) => each.days < days);
  });
}

function daysUntil(notAfter: string, at: Date): number {
  return Math.floor((new Date(notAfter).getTime() - at.getTime()) / dayMilliseconds);
}

/** The longest notice, days: time for a technician to visit a device that does not renew by itself. */
const longestDeviceNoticeDays = 30;

/**
 * Days before its end at which a device certificate should have been replaced: the last tenth of its life, at most 30. IoT
 * Edge renews at 80 % of the life and tries again every 4 %, so two retries have failed by then.
 * https://github.com/Azure/iot-identity-service/tree/main/cert/cert-renewal
 */
export function deviceNoticeDays({ validityDays }: Pick<GroupDefinition, 'validityDays'>): number {
  return Math.min(longestDeviceNoticeDays, validityDays / 10);
}
