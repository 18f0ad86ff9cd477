import { X509Certificate } from 'node:crypto';
import type { GroupRecord } from '../groups/group.ts';

/** A CA certificate that has to be replaced. */
export interface ExpiringCertificate {
  readonly group: string;
  readonly certificate: 'issuing CA' | 'chain';
  /** ISO 8601. */
  readonly notAfter: string;
  /** Whole days left; negative when it has ended. */
  readonly days: number;
}

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Days. Time to make a new CA, to register it with DPS, and to renew the devices that are rarely online. */
export const caNoticeDays = 60;

/**
 * CA certificates that end within `days`, of each group: its current issuing CA, and the CAs above it. Certificates that have
 * ended are included.
 */
export function expiringCertificates(groups: Iterable<GroupRecord>, at: Date, days: number): ExpiringCertificate[] {
  return [...groups].flatMap(({ definition, issuingCas }) => {
    const [current] = issuingCas;
    if (current === undefined) return [];
    const ends = [
      { certificate: 'issuing CA', notAfter: current.notAfter } as const,
      ...current.chainPem.map((pem) => {
        return { certificate: 'chain', notAfter: new X509Certificate(pem).validToDate.toISOString() } as const;
      }),
    ];
    return ends
      .map((end) => ({ group: definition.id, ...end, days: daysUntil(end.notAfter, at) }))
      .filter((end) => end.days < days);
  });
}

function daysUntil(notAfter: string, at: Date): number {
  return Math.floor((new Date(notAfter).getTime() - at.getTime()) / dayMilliseconds);
}
