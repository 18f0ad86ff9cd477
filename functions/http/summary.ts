import * as z from 'zod';
import { deviceStatuses } from '../../lib/devices/device.ts';
import { type Severity, severities } from '../../lib/findings/kinds.ts';
import { jobStatuses } from '../../lib/jobs/job.ts';
import { capacities } from '../../lib/limits-and-prices.ts';
import { readQuotas } from '../../lib/pipeline/quotas.ts';
import { readSummary } from '../../lib/pipeline/summary.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { knownCas } from './known-cas.ts';
import { defineOperation } from './operation.ts';
import { count, errorCode, time } from './schemas.ts';

const observedAt = time.describe('When these counts were read.');
const enrollmentGroup = z.string();

/** A count for each status. */
function byStatus<Status extends string>(statuses: readonly Status[]) {
  const counts = Object.fromEntries(statuses.map((status) => [status, count]));
  return z.object(counts as Record<Status, typeof count>).readonly();
}

const ofDevices = { total: count, byStatus: byStatus(deviceStatuses) };
const ofJobs = { byStatus: byStatus(jobStatuses) };
const ending = { ended: count, within30Days: count, within90Days: count.describe('Those within 30 days included.') };

const devices = z.object({
  ...ofDevices,
  byGroup: z
    .array(z.object({ enrollmentGroup, ...ofDevices }).readonly())
    .readonly()
    .describe('Groups that have devices.'),
  observedAt,
});

const jobs = z.object({
  running: count.describe('Jobs that have not ended, of any age.'),
  lastDay: z
    .object({
      since: time.describe('The begin of an hour, 24 to 25 hours ago. `GET /api/jobs?since=` has the same jobs.'),
      ...ofJobs,
    })
    .readonly()
    .describe('Jobs that were received since then, by their status now.'),
  days: z
    .array(z.object({ day: z.iso.date(), ...ofJobs }).readonly())
    .readonly()
    .describe('Jobs by the day on which they were received, UTC: the last 14 days, oldest first.'),
  observedAt,
});

const certificates = z.object({
  ...ending,
  byGroup: z.array(z.object({ enrollmentGroup, ...ending }).readonly()).readonly(),
  observedAt,
});

const groups = z.object({
  enrolled: count,
  pending: z.array(z.string()).readonly().describe('Ids of groups that wait for DPS or for an operator.'),
  refused: z.array(z.string()).readonly().describe('Ids of groups that DPS refused.'),
  deleting: z.array(z.string()).readonly().describe('Ids of groups that are being deleted.'),
  endingCas: z
    .array(
      z
        .object({
          group: z.string(),
          certificate: z.enum(['issuing CA', 'chain']),
          notAfter: time,
          days: z.int().describe('Whole days left; negative once it has ended.'),
        })
        .readonly(),
    )
    .readonly()
    .describe('CA certificates that have ended or end within 90 days, soonest first.'),
});

const findings = z.object({
  total: count,
  bySeverity: z
    .object(Object.fromEntries(severities.map((each) => [each, count])) as Record<Severity, typeof count>)
    .readonly(),
  observedAt,
});

const queue = z.enum(queueNames);

const deadLetters = z.object({
  total: count,
  byReason: z.array(z.object({ queue, code: errorCode, letters: count }).readonly()).readonly(),
  observedAt,
});

const queues = z.object({
  byQueue: z
    .array(
      z
        .object({
          queue,
          messages: count.describe(
            'Approximately. Messages that are in work, or wait for another delivery, are included.',
          ),
          oldest: time
            .optional()
            .describe('When the first message that can be received was sent. Absent when there is none.'),
        })
        .readonly(),
    )
    .readonly(),
  observedAt,
});

const quotas = z.array(
  z
    .object({
      name: z.enum(Object.keys(capacities) as (keyof typeof capacities)[]).describe(
        `What is counted. ${Object.entries(capacities)
          .map(([name, { of }]) => `\`${name}\`: ${of}`)
          .join('; ')}.`,
      ),
      dps: z.string().optional().describe('The DPS instance whose sweep counted it. Absent: `default`.'),
      hub: z.string().optional().describe('Host name. Present with `hubIdentities`.'),
      used: count
        .optional()
        .describe(
          'Those of others included, except registrations in enrollment groups that are not ours. Absent: the hub did not answer.',
        ),
      limit: count.describe('The default of a new service. Azure support raises some of them.'),
      observedAt: time.describe(
        'When the sweep began that counted them; for `dpsCaCertificates`, when an operator asked DPS last (`fleet ca`).',
      ),
      source: z.url().describe("Microsoft's page of the limit."),
    })
    .readonly(),
);

const ofAll = 'Absent for a caller whose role is limited to enrollment groups.';

const getSummary = defineOperation({
  id: 'get-summary',
  method: 'GET',
  path: 'summary',
  summary: 'The state of the deployment at a glance',
  description:
    'Counts, each with the time at which it was read. An instance reads a count again after 5 seconds at the earliest and 15 ' +
    'minutes at the latest. In between, the time follows from the cost of the last reading, at 20 request units per second.',
  role: 'reader',
  perGroup: true,
  answers: {
    200: {
      description: "The counts. With a role that is limited to enrollment groups: those of the caller's groups.",
      schema: z
        .object({
          devices: devices.readonly(),
          jobs: jobs.readonly(),
          certificates: certificates.readonly().describe('Devices by the end of their certificate.'),
          groups: groups.readonly(),
          findings: findings.readonly().describe('Open findings. `GET /api/findings` has them.'),
          deadLetters: deadLetters.readonly().optional().describe(`Letters that wait. ${ofAll}`),
          queues: queues.readonly().optional().describe(ofAll),
          quotas: quotas
            .readonly()
            .optional()
            .describe(`How much of the limits of DPS and its hubs is used. Absent: not counted yet. ${ofAll}`),
        })
        .readonly()
        .meta({ id: 'Summary' }),
    },
  },
  async handle({ services }) {
    const isLimited = services.allowedGroups !== undefined;
    const [summary, used] = await Promise.all([
      knownCas(services).then((known) => readSummary(services, known)),
      isLimited ? [] : readQuotas({ ...services, dpsInstances: services.dps.instances.map(({ name }) => name) }),
    ]);
    return { status: 200, json: { ...summary, ...(used.length > 0 && { quotas: used }) } };
  },
});

export const summaryOperations = [getSummary];
