import { ago, daysUntil, plural } from '../format.ts';
import type { Device } from '../types.ts';

/** The state of a device in one sentence, for someone who is asked "where is this device?". */
export function sentence(device: Device, now: Date): string {
  const { status, statusSince, registration, certificate, block, deletion } = device;
  const since = ago(statusSince, now);
  switch (status) {
    case 'claimed':
      return `A job is issuing its certificate; it began ${since}.`;
    case 'provisioned':
      return registration.status === 'failed'
        ? 'Its bundle is ready, but its registration with DPS failed.'
        : `Its bundle was made ${since}; the device has not registered with DPS yet.`;
    case 'assigned':
      return `It joined ${registration.assignedHub ?? 'its hub'} ${since}${ending(certificate.notAfter, now)}.`;
    case 'failed':
      return 'It could not be provisioned. Retry its job once the cause is gone.';
    case 'deleting':
      return 'It is being deleted.';
    case 'deleted':
      return `It was deleted${deletion === undefined ? '' : ` by ${deletion.by}`} ${since}. Its id is free.`;
    case 'closing':
      return `Its access is being closed (${block?.kind ?? 'blocked'}); not every door was read back as closed yet.`;
    case 'suspended':
      return `Suspended ${since}: it has no access, and can be restored.`;
    case 'revoked':
      return `Revoked ${since}: every door is closed and was read back. It needs a new id to join again.`;
    case 'scrapped':
      return `It was scrapped ${since}. Its id is free when its last certificate has ended.`;
    case 'opening':
      return 'It is being restored; its doors open one after the other.';
  }
}

function ending(notAfter: string | undefined, now: Date): string {
  if (notAfter === undefined) return '';
  const days = daysUntil(notAfter, now);
  if (days < 0) return ', and its certificate has ended';
  return days < 31 ? `, and its certificate ends in ${plural(days, 'day')}` : ` and is good for ${plural(days, 'day')}`;
}
