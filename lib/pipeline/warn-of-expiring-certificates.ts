import { expiringCertificates } from '../authorities/expiry.ts';
import { currentLog } from '../log.ts';
import type { Ports } from './ports.ts';

/** Days. Time to make a new CA, to tell DPS, and to bring devices that are rarely online to renew. */
const noticeDays = 60;

/** Logs one warning per CA certificate that ends soon. */
export async function warnOfExpiringCertificates({ groups, now }: Pick<Ports, 'groups' | 'now'>): Promise<void> {
  const records = [...(await groups.directory()).values()].map(({ value }) => value);
  for (const expiring of expiringCertificates(records, now(), noticeDays)) {
    // infra/azure/app/alerts.bicep waits for this event.
    currentLog().warn('certificate ending', { ...expiring });
  }
}
