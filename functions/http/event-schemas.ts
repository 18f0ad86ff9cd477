import * as z from 'zod';
import type { blockKinds } from '../../lib/devices/block.ts';
import { severities, subjectTypes } from '../../lib/findings/kinds.ts';
import { jobSources, jobStatuses } from '../../lib/jobs/job.ts';
import { type EventType, eventTypes } from '../../lib/outbox.ts';
import { count, errorCode, failureReason, reference, time } from './schemas.ts';

/*
 * The events as others get them (docs/integrations.md). An event can gain members, so consumers must ignore what they do not
 * know.
 */

const link = z.string().describe('A URL; a path when the app does not know its address.');
const jobLinks = z.object({ job: link, results: link, errors: link, devices: link });
const counts = z
  .object({
    ...{ total: count, provisioned: count, unchanged: count, rejected: count, failed: count, cancelled: count },
    checked: count.optional(),
  })
  .describe('Rows by outcome.');
const end = {
  status: z.enum(jobStatuses),
  revision: z.int().min(1).describe('1, and one more for each further end, after a retry.'),
  reason: failureReason.optional().describe('Why it failed as a whole.'),
  reasons: z
    .array(z.object({ code: errorCode, rows: count }))
    .describe('Rejected and failed rows by code, most frequent first.'),
  reasonsComplete: z.literal(false).optional().describe('Only the first codes, or not all reports were read.'),
  receivedAt: time,
  startedAt: time.optional(),
  finishedAt: time,
  links: jobLinks,
};
const source = z.enum(jobSources);
const keys = reference.optional().describe('The `reference` of the order, as it came.');
const device = {
  deviceId: z.string(),
  enrollmentGroup: z.string(),
  serialNumber: z.string().describe('Of the certificate, hex.'),
  links: z.object({ device: link }),
};
const blocked = z.object({ ...device, by: z.string(), reason: z.string(), askedAt: time, closedAt: time });

/** The member `data` of an event, by type. */
const dataOf = {
  'fleet.job.ended': z.object({
    ...{ jobId: z.string(), source, name: z.string(), dryRun: z.literal(true).optional(), reference: keys },
    ...end,
    counts,
  }),
  'fleet.job.stalled': z.object({
    ...{ jobId: z.string(), status: z.enum(jobStatuses), source, name: z.string(), reference: keys, counts },
    waiting: count.describe('Rows that are not counted.'),
    since: time.describe('When something was counted last.'),
    links: jobLinks,
  }),
  'fleet.order.accepted': z.object({
    ...{ orderId: z.string(), jobId: z.string(), reference: keys, enrollmentGroup: z.string().optional() },
    ...{ receivedAt: time, links: jobLinks },
  }),
  'fleet.order.refused': z.object({
    ...{ orderId: z.string().optional(), jobId: z.string().optional(), reference: keys, receivedAt: time },
    enrollmentGroup: z.string().optional(),
    reason: failureReason,
    links: z.union([jobLinks, z.object({ deadLetter: link })]),
  }),
  'fleet.order.finished': z.object({
    ...{ orderId: z.string(), jobId: z.string(), reference: keys },
    ...end,
    quantities: z.object({
      ordered: count,
      good: count.describe('Provisioned, or unchanged since an earlier order.'),
      rejected: count,
      cancelled: count,
      retryable: count.describe('Of `rejected`: a retry can still turn these good. It sends the next revision.'),
    }),
  }),
  'fleet.device.assigned': z.object({
    ...device,
    ...{ jobId: z.string(), hub: z.string().optional(), registeredAt: time.optional() },
  }),
  'fleet.device.suspended': blocked,
  'fleet.device.revoked': blocked,
  'fleet.device.scrapped': blocked,
  'fleet.device.restored': z.object({ ...device, by: z.string(), reason: z.string(), askedAt: time }),
  'fleet.device.late': z.object({
    ...device,
    notAfter: time.optional().describe('When the certificate ends.'),
    unconfirmedSince: time
      .optional()
      .describe('The device got this certificate, and no registration with it was seen since.'),
    lateSince: time.describe('When two retries had failed.'),
    links: z.object({ device: link, finding: link }),
  }),
  'fleet.ca.ending': z.object({
    enrollmentGroup: z.string(),
    certificate: z.enum(['issuing CA', 'chain']),
    notAfter: time,
    days: z.int().describe('Whole days left; negative once it has expired.'),
    links: z.object({ group: link }),
  }),
  'fleet.finding.opened': z.object({
    ...{ findingId: z.string(), kind: z.string(), severity: z.enum(severities) },
    about: z.object({ type: z.enum(subjectTypes), id: z.string(), enrollmentGroup: z.string().optional() }),
    ...{ expected: reference, seen: reference, firstSeen: time, links: z.object({ finding: link }) },
  }),
  'fleet.webhook.test': z.object({ webhookId: z.string(), by: z.string(), links: z.object({ webhook: link }) }),
} satisfies Record<EventType | `fleet.device.${(typeof blockKinds)[number]}`, z.ZodType>;

const meanings: Readonly<Record<EventType, string>> = {
  'fleet.job.ended': 'A job ended, whatever it came from. After a retry it ends again, with the next revision.',
  'fleet.job.stalled': 'No row of a job was counted for 30 minutes. It may wait behind other jobs.',
  'fleet.order.accepted': 'An order is stored, and its devices will be provisioned.',
  'fleet.order.refused': 'An order could not be read, or its id was used with other content. Nothing was begun.',
  'fleet.order.finished': 'All devices of an order are done. After a retry it is sent again, with the next revision.',
  'fleet.device.assigned': 'DPS assigned a device to a hub. Off unless the setting ASSIGNED_EVENTS is true.',
  'fleet.device.suspended': 'Every door of a suspended device was read back as closed.',
  'fleet.device.revoked': 'Every door of a revoked device was read back as closed.',
  'fleet.device.scrapped': 'A device is scrapped, and what it left behind is removed.',
  'fleet.device.restored': 'The doors of a suspended device are open again.',
  'fleet.device.late':
    'A device did not renew its identity, and two retries have failed. Once per certificate and time from which it is late.',
  'fleet.ca.ending': 'A CA certificate ends in 60, 30, 7 days or 1 day, or has ended. One event for each of these.',
  'fleet.finding.opened': 'A sweep found a difference between Azure and the records.',
  'fleet.webhook.test': 'An operator tests a webhook.',
};

/** An event as a webhook gets it: a CloudEvent with the member `timestamp` of Standard Webhooks. */
export function eventSchema(type: EventType) {
  return z
    .object({
      specversion: z.literal('1.0'),
      id: z.string().describe('Follows from the fact: an event that is sent again has the same one.'),
      source: z.string().describe('The address of this deployment.'),
      type: z.literal(type),
      subject: z.string(),
      time: time.describe('When the fact became so.'),
      timestamp: time.optional().describe('The same, in webhooks.'),
      datacontenttype: z.literal('application/json'),
      data: dataOf[type],
    })
    .meta({ id: `Event-${type}`, description: meanings[type] });
}

/** Every event with its meaning, in the order of the documentation. */
export const events = eventTypes.map((type) => ({ type, meaning: meanings[type], schema: eventSchema(type) }));
