import * as z from 'zod';
import { bundleExpiry } from '../../lib/bundle/retention.ts';
import { type DeviceRecord, deviceStatuses } from '../../lib/devices/device.ts';
import type { Twin } from '../../lib/devices/twin.ts';
import { count, errorCode, time } from './schemas.ts';

const properties = z.record(z.string(), z.unknown()).readonly();

/** A device as the API shows it. */
export const deviceSchema = z
  .object({
    deviceId: z.string(),
    writtenId: z.string().optional().describe('The id as its manifest has it, where that has upper case.'),
    status: z.enum(deviceStatuses),
    statusSince: time,
    enrollmentGroup: z.string(),
    failure: z
      .object({ code: errorCode, message: z.string() })
      .readonly()
      .optional()
      .describe('Why the status is `failed`.'),
    certificate: z
      .object({
        serialNumber: z.string().describe('Hex. It is stored before anything is signed.'),
        sha1Thumbprint: z.string().optional().describe('Upper-case hex.'),
        sha256Thumbprint: z.string().optional().describe('Upper-case hex.'),
        notBefore: time.optional(),
        notAfter: time.optional(),
      })
      .describe('Without thumbprints and validity while nothing is issued.'),
    job: z.object({ jobId: z.string(), line: z.int().min(1), link: z.string() }).describe('The row that holds it.'),
    twin: z
      .object({ tags: properties, desired: properties })
      .readonly()
      .describe("In a list the device's own part, for one device its whole initial twin."),
    registration: z
      .object({
        status: z.enum(['unassigned', 'assigning', 'assigned', 'failed', 'disabled']),
        assignedHub: z.string().optional().describe('Host name of the hub.'),
        at: time.optional().describe('When DPS changed it last.'),
        errorCode: z.number().optional(),
        errorMessage: z.string().optional(),
        twinDeliveredAt: time.optional(),
      })
      .readonly()
      .describe('As DPS reported it last.'),
    bundle: z
      .object({
        fileName: z.string(),
        bytes: count,
        sha256: z.string().optional().describe('Lower-case hex.'),
        keptUntil: time.optional(),
        link: z.string().optional().describe('Path. Absent when its retention has ended.'),
      })
      .optional(),
    history: z
      .array(
        z.object({ at: time, event: z.string(), detail: z.string().optional().describe('For people.') }).readonly(),
      )
      .readonly()
      .describe('The latest 20 events, oldest first.'),
  })
  .meta({ id: 'Device' });

interface ViewOptions {
  /** A list shows the device's own part of its twin, a single device its whole initial twin. */
  readonly twin: Twin | undefined;
  readonly bundleRetentionDays: number | undefined;
  /** Now. */
  readonly at: Date;
}

/** A device as the API shows it. The link of a bundle is left out when its retention has ended. */
export function deviceView(
  record: DeviceRecord,
  { twin, bundleRetentionDays, at }: ViewOptions,
): z.input<typeof deviceSchema> {
  const { id, status, statusSince, enrollmentGroup, serialNumber, claim, bundle } = record;
  const expiry = bundleExpiry(record, bundleRetentionDays);
  return {
    deviceId: id,
    writtenId: record.writtenId,
    status,
    statusSince,
    enrollmentGroup,
    failure: record.failure,
    certificate: { serialNumber, ...record.identity },
    job: { jobId: claim.jobId, line: claim.line, link: `/api/jobs/${claim.jobId}` },
    twin: twin ?? { tags: {}, desired: {} },
    registration: record.registration ?? { status: 'unassigned' },
    bundle: bundle && {
      fileName: bundle.fileName,
      bytes: bundle.length,
      sha256: bundle.sha256,
      keptUntil: expiry?.toISOString(),
      link: expiry !== undefined && expiry <= at ? undefined : `/api/devices/${id}/bundle`,
    },
    history: record.history,
  };
}
