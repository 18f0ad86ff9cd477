import * as z from 'zod';
import { enrollmentGroupId } from '../../lib/devices/ids.ts';
import { maxListed, reissueList } from '../../lib/pipeline/reissue-list.ts';
import { readRenewals, renewalWays } from '../../lib/pipeline/renewals.ts';
import { defineOperation } from './operation.ts';
import { moment } from './parameters.ts';
import { streamed } from './response-stream.ts';
import { count, time } from './schemas.ts';

const defaultDays = 30;

const days = (which: string) =>
  z
    .string()
    .regex(/^(?:[0-9]|[1-8][0-9]|90)$/, '0 to 90')
    .transform(Number)
    .optional()
    .meta({
      description: `Days ${which} today.`,
      override: { type: 'integer', minimum: 0, maximum: 90, default: defaultDays },
    });

const day = z.iso.date();
const ofDay = {
  due: count.describe('Devices that renew then. In the past: those that did not renew since.'),
  waiting: count.describe('The same of devices that have not registered yet.'),
  done: count.describe('Devices whose latest renewal was confirmed by a registration then.'),
};

const group = z.object({
  enrollmentGroup: z.string(),
  by: z
    .enum(renewalWays)
    .describe(
      '`est`: devices renew by the EST server of this deployment. `elsewhere`: by another one, which the records do not show. ' +
        '`reissue`: they do not renew by themselves. Devices keep what their bundle has when the group is declared differently.',
    ),
  ...ofDay,
  failed: count.describe('Devices with a renewed certificate and no registration with it for an hour or longer, now.'),
  late: count.describe('Devices that have not renewed although two retries have failed, now.'),
  days: z
    .array(z.object({ day, ...ofDay }).readonly())
    .readonly()
    .describe('Days of the period with a count above 0, oldest first. UTC.'),
  reissue: z
    .object({
      devices: count,
      earliest: time.describe('When the first of them ends, or ended.'),
      before: time.describe('All of them end before this.'),
      needsCsr: z.boolean().describe('True: each row needs a new `csr`, since devices of the group make their keys.'),
      list: z.string().describe('Path of their rows. Submit them to `POST /api/jobs` with onConflict=reissue.'),
    })
    .optional()
    .describe('Devices that do not renew by themselves, and that have ended or end before long.'),
});

const getRenewals = defineOperation({
  id: 'get-renewals',
  method: 'GET',
  path: 'renewals',
  summary: 'Renewals by group and day',
  description:
    'Devices by the day on which they renew, and what became of it. An instance reads the counts again after a minute at the ' +
    'earliest and 15 minutes at the latest.',
  role: 'reader',
  perGroup: true,
  query: z.object({ past: days('before'), ahead: days('after') }),
  answers: {
    200: {
      description: 'The counts of every group that the caller may see.',
      schema: z
        .object({
          from: day.describe('First day of the period, UTC.'),
          until: day.describe('Last day of the period, UTC.'),
          observedAt: time.describe('When these counts were read.'),
          groups: z.array(group.readonly()).readonly(),
        })
        .meta({ id: 'Renewals' }),
    },
  },
  async handle({ query: { past = defaultDays, ahead = defaultDays }, services }) {
    const { groups, ...report } = await readRenewals({ past, ahead }, services);
    const shown = groups.map(({ reissue, ...each }) => ({
      ...each,
      reissue: reissue && {
        ...{ devices: reissue.devices, earliest: reissue.earliest, before: reissue.before, needsCsr: reissue.needsCsr },
        list: `/api/renewals/list?enrollmentGroup=${each.enrollmentGroup}&before=${reissue.before}`,
      },
    }));
    return { status: 200, json: { ...report, groups: shown } };
  },
});

const getReissueList = defineOperation({
  id: 'get-reissue-list',
  method: 'GET',
  path: 'renewals/list',
  summary: 'The rows of devices that have to be issued again',
  description:
    'Devices in use that do not renew by themselves and whose certificate ends before a time, as a manifest (NDJSON): id, group, tags ' +
    `and desired properties of their latest rows. Submit it to \`POST /api/jobs\` with onConflict=reissue. At most ${maxListed.toLocaleString('en')} rows. ` +
    'In a group with keyCustody "device", `csr` is empty: fill it in first.',
  role: 'reader',
  perGroup: true,
  query: z.object({
    enrollmentGroup: z.string().regex(enrollmentGroupId, 'the id of an enrollment group'),
    before: moment.describe('Devices whose certificate ends before this.'),
  }),
  answers: { 200: { description: 'The list. It can be empty.', mediaTypes: ['application/x-ndjson'] } },
  errors: ['not-found'],
  async handle({ query: { enrollmentGroup, before }, services, requestId }) {
    const rows = reissueList({ enrollmentGroup, before: before(services.now()).toISOString() }, services);
    const body = await streamed(requestId, rows);
    return {
      status: 200,
      file: { name: `${enrollmentGroup}-reissue.ndjson`, mediaType: 'application/x-ndjson', body },
    };
  },
});

export const renewalOperations = [getRenewals, getReissueList];
