import * as z from 'zod';
import { repairsAndWarnings } from '../../lib/manifest/repairs.ts';
import type { CheckedList } from '../../lib/pipeline/checked-list.ts';
import { count, errorCode, readerNotes, time } from './schemas.ts';

const outcomes = z
  .object({
    new: count.describe('Devices that would be provisioned for the first time, or again after a failure.'),
    unchanged: count.describe('Provisioned already with the same content: nothing would be issued.'),
    replaced: count.describe('Provisioned already with other content: a new certificate and bundle.'),
    reissued: count.describe('Provisioned already with the same content, and issued again (`onConflict=reissue`).'),
    refused: count.describe('Rows with a fault.'),
  })
  .readonly()
  .describe('Rows by what a job would make of them.');

const faultGroup = z.object({
  code: errorCode,
  rows: count,
  first: z
    .array(
      z
        .object({
          line: z.int().min(0).describe('Line of the list on which the row begins, from 1.'),
          message: z.string(),
          column: z.string().optional(),
          value: z.string().optional(),
        })
        .readonly(),
    )
    .readonly()
    .describe('The first rows, 5 at most.'),
});

const service = z.enum(['dps', 'hub', 'keyVault', 'cosmos']);
const figure = { of: z.string(), source: z.string(), date: z.string().describe('When the figure was entered.') };

const quota = z
  .object({
    ...figure,
    service,
    dps: z.string().optional().describe('The DPS instance that has the quota. Absent: `default`, or no quota of DPS.'),
    operations: count,
    perMinute: z.number().min(0),
    minutes: z.number().min(0),
  })
  .readonly();

const phase = z
  .object({
    phase: z.enum(['issue', 'register']),
    minutes: z.number().min(0),
    binding: service.optional().describe('The quota that takes longest.'),
    quotas: z.array(quota).readonly(),
  })
  .readonly();

const priceItem = z
  .object({ ...figure, when: z.enum(['once', 'perMonth']), count: z.number().min(0), dollars: z.number().min(0) })
  .readonly();

const renewals = z
  .object({
    enrollmentGroup: z.string(),
    ofDevices: count.describe('Rows of the list, or the size of the group if that is larger.'),
    jitterDays: z.number().min(0).describe('Days over which the ends of their certificates are spread.'),
    perDay: count,
    perMinute: count,
    aboveHalfOfQuota: z.boolean().describe('More per minute than half of what DPS takes: set `validityJitterDays`.'),
  })
  .readonly();

const estimate = z
  .object({
    devices: count.describe('Devices for which something would be issued.'),
    certificates: count,
    binding: service.optional().describe('The quota that takes longest, over both phases.'),
    phases: z
      .array(phase)
      .readonly()
      .describe('`issue`: until bundles are ready. `register`: until all devices have registered.'),
    renewals: z
      .array(renewals)
      .readonly()
      .optional()
      .describe('How fast the devices of each group renew later if all of them are issued at once.'),
    issuance: z
      .array(
        z
          .object({
            enrollmentGroup: z.string(),
            by: z.enum(['delegated', 'direct']),
            reason: z.string().optional().describe('Why it is `direct` although the group is for `delegated`.'),
          })
          .readonly(),
      )
      .readonly()
      .optional()
      .describe('Who signs the identities of each group: a CA that a worker makes for itself, or the issuing CA.'),
    price: z
      .object({
        currency: z.literal('USD'),
        once: z.number().min(0),
        perMonth: z.number().min(0),
        items: z.array(priceItem).readonly(),
      })
      .readonly(),
    assumptions: z.array(z.string()).readonly(),
    figuresOf: z.string().describe('The day of the newest figure.'),
  })
  .readonly()
  .meta({ id: 'Estimate', description: 'Time and price by published limits and list prices (docs/check.md).' });

const summary = {
  digest: z
    .string()
    .describe('Name it in `POST /api/jobs?check=`, so that the list is submitted only as it was checked.'),
  checkedAt: time,
  outcomes,
  faults: z.array(faultGroup.readonly()).readonly().describe('One per error code, most rows first.'),
  estimate,
};

/** What a dry run found. */
export const checkSummarySchema = z.object(summary).meta({ id: 'CheckSummary', description: 'What a dry run found.' });

/** A list that was checked at once. */
export const checkSchema = z
  .object({
    rows: count,
    ...summary,
    ...readerNotes,
  })
  .meta({ id: 'Check', description: 'What a job would make of a list. Nothing was stored.' });

export function checkView({ repairs, ...checked }: CheckedList): z.input<typeof checkSchema> {
  return { ...checked, ...repairsAndWarnings(repairs) };
}
