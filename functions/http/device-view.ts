import * as z from 'zod';
import { bundleExpiry } from '../../lib/bundle/retention.ts';
import { type BlockDoor, blockKinds } from '../../lib/devices/block.ts';
import { certificateKinds, certificateStates } from '../../lib/devices/certificate.ts';
import { certificatesOf, formerIdentities } from '../../lib/devices/certificates.ts';
import { type DeviceRecord, deviceStatuses } from '../../lib/devices/device.ts';
import { holderOf, inUse } from '../../lib/devices/reissue.ts';
import type { Twin } from '../../lib/devices/twin.ts';
import { isRenewedElsewhere } from '../../lib/groups/definition.ts';
import { type GroupRecord, inForce } from '../../lib/groups/group.ts';
import { renewalWays } from '../../lib/pipeline/renewals.ts';
import { act, count, errorCode, time } from './schemas.ts';

const properties = z.record(z.string(), z.unknown()).readonly();

const door = z
  .object({
    state: z.enum(['closed', 'not yet', 'open']),
    at: time.optional().describe('When it was read back as closed.'),
    why: z.string().optional().describe('Why it is not closed yet.'),
  })
  .meta({ id: 'Door', description: 'One way by which a device or a caller gets in.' });

/** A device as the API shows it. */
/** Of a certificate that a device asked the EST server for. */
export const answeredRequest = z
  .object({ sha256: z.string().describe('SHA-256 of the PKCS#10 request, hex.'), at: time })
  .describe('The request to the EST server that it answers.');

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
    failedReissue: z
      .object({ code: errorCode, message: z.string(), at: time, jobId: z.string(), line: z.int().min(1) })
      .optional()
      .describe('The latest row that was to issue the device again failed. The device keeps what it had.'),
    certificate: z
      .object({
        serialNumber: z.string().describe('Hex. It is stored before anything is signed.'),
        sha1Thumbprint: z.string().optional().describe('Upper-case hex.'),
        sha256Thumbprint: z.string().optional().describe('Upper-case hex.'),
        notBefore: time.optional(),
        notAfter: time.optional(),
      })
      .describe('Without thumbprints and validity while nothing is issued.'),
    renewal: z
      .object({
        renewsItself: z.boolean(),
        by: time.optional().describe('When it renews, or when its certificate ends if it does not renew by itself.'),
        lateAt: time.optional().describe('It is late from then on: two retries have failed.'),
        how: z
          .enum(renewalWays)
          .describe(
            '`est`: by the EST server of this deployment. `elsewhere`: by another one, so `by` is not known. `reissue`: submit its row again with onConflict=reissue, and install the bundle.',
          ),
        unconfirmedSince: time
          .optional()
          .describe('Since when it has a renewed certificate with which no registration was seen.'),
      })
      .optional()
      .describe('How it gets its next certificate. Absent while the device is not in use.'),
    job: z.object({ jobId: z.string(), line: z.int().min(1), link: z.string() }).describe('The row that holds it.'),
    twin: z
      .object({ tags: properties, desired: properties })
      .readonly()
      .describe("In a list the device's own part, for one device its whole initial twin."),
    registration: z
      .object({
        status: z.enum(['unassigned', 'assigning', 'assigned', 'failed', 'disabled']),
        assignedHub: z.string().optional().describe('Host name of the hub.'),
        substatus: z.string().optional().describe('How DPS assigned it, such as `deviceDataReset`.'),
        at: time.optional().describe('When DPS changed it last.'),
        errorCode: z.number().optional(),
        errorMessage: z.string().optional(),
        twinDeliveredAt: time.optional(),
        seenAt: time.optional().describe('When it was read so first.'),
        sha256Thumbprint: z.string().optional().describe('The present certificate when it was read.'),
      })
      .readonly()
      .describe('As DPS reported it last.'),
    enrolled: z
      .object({
        seenAt: time,
        sha256Thumbprint: z.string(),
        provisioningStatus: z.enum(['enabled', 'disabled']).optional(),
        missingSince: time.optional().describe('Since when DPS does not have it.'),
      })
      .readonly()
      .optional()
      .describe('Its individual enrollment as DPS had it, seen last.'),
    deletion: z
      .object({ by: z.string(), at: time })
      .optional()
      .describe('Who deletes it, while the status is `deleting`, or deleted it. Its certificate is revoked.'),
    formerCertificates: z
      .array(
        z.object({
          serialNumber: z.string().describe('Hex.'),
          sha1Thumbprint: z.string(),
          sha256Thumbprint: z.string(),
          notBefore: time,
          notAfter: time,
          status: z.enum(['superseded', 'revoked']),
          since: time,
          assignedHub: z.string().optional(),
        }),
      )
      .readonly()
      .optional()
      .describe('Earlier certificates of kind `identity` among `certificates`, newest first.'),
    unconfirmedSince: time
      .optional()
      .describe(
        'Since when it has a renewed identity with which no registration was seen. The one before is good until then.',
      ),
    certificates: z
      .array(
        z
          .object({
            kind: z.enum(certificateKinds),
            serialNumber: z.string().describe('Hex.'),
            sha1Thumbprint: z.string().describe('Upper-case hex.'),
            sha256Thumbprint: z.string().describe('Upper-case hex.'),
            notBefore: time,
            notAfter: time,
            enrollmentGroup: z.string().describe('The group whose CA issued it.'),
            caGeneration: z.int().min(0).optional().describe('Generation of that CA. 0: the CA for est-ids only.'),
            delegatedCa: z
              .string()
              .optional()
              .describe('Serial number of the delegated CA that signed it, below that CA. Hex.'),
            request: answeredRequest.optional(),
            keyMadeBy: z.enum(['device', 'service']).optional(),
            state: z
              .enum(certificateStates)
              .describe('A `superseded` certificate was replaced. DPS can still accept it until it expires.'),
            since: time.describe('When `state` became so.'),
            confirmedAt: time.optional().describe('When a registration was first seen that is younger than it.'),
            registeredAt: time.optional().describe('When DPS registered the device last while it was the present one.'),
            assignedHub: z.string().optional().describe('The hub that the device was assigned to with it.'),
          })
          .readonly(),
      )
      .readonly()
      .describe('Every certificate that has not expired, and the latest 20, newest first.'),
    block: z
      .object({
        kind: z.enum(blockKinds),
        by: z.string(),
        at: time,
        reason: z.string(),
        doors: z
          .object({ record: door, enrollment: door, hub: door, bundle: door, renewal: door })
          .describe(
            '`record`: reissue. `enrollment`: registration with DPS. `hub`: connection. `bundle`: download. `renewal`: new certificates.',
          ),
        checkedAgainAt: time
          .optional()
          .describe('When the doors are looked at a second time. Absent once they were found as they should be.'),
        restore: act.extend({ reason: z.string() }).optional().describe('The restore that opens the doors.'),
      })
      .optional()
      .describe('Why the device has no access. It stays for a minute after a restore.'),
    bundle: z
      .object({
        fileName: z.string(),
        bytes: count,
        sha256: z.string().optional().describe('Lower-case hex.'),
        keptUntil: time.optional(),
        link: z.string().optional().describe('Path. Absent when its retention has ended.'),
      })
      .optional(),
    audit: z.string().describe('Path of its entries in the audit trail. The history is a summary.'),
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
  /** Its group. Undefined when there is none. */
  readonly group: GroupRecord | undefined;
  readonly bundleRetentionDays: number | undefined;
  /** Now. */
  readonly at: Date;
}

/** A device as the API shows it. The link of a bundle is left out when its retention has ended. */
export function deviceView(
  record: DeviceRecord,
  { twin, group, bundleRetentionDays, at }: ViewOptions,
): z.input<typeof deviceSchema> {
  const { id, status, statusSince, enrollmentGroup, serialNumber } = record;
  const device = inUse(record);
  const holder = holderOf(record);
  const { bundle, registration } = device;
  const expiry = bundleExpiry(device, bundleRetentionDays);
  return {
    deviceId: id,
    writtenId: record.writtenId,
    status,
    statusSince,
    enrollmentGroup,
    failure: record.failure,
    failedReissue: shownFailedReissue(record),
    certificate: { serialNumber, ...record.identity },
    renewal: shownRenewal(device, group),
    job: { jobId: holder.jobId, line: holder.line, link: `/api/jobs/${holder.jobId}` },
    twin: twin ?? { tags: {}, desired: {} },
    registration: registration ?? { status: 'unassigned' },
    enrolled: record.enrolled,
    deletion: shownDeletion(record),
    formerCertificates: formerCertificates(record),
    unconfirmedSince: device.unconfirmedSince,
    certificates: certificatesOf(record).map(({ unusedBundle: _unusedBundle, ...each }) => each),
    block: shownBlock(record),
    bundle: bundle && {
      fileName: bundle.fileName,
      bytes: bundle.length,
      sha256: bundle.sha256,
      keptUntil: expiry?.toISOString(),
      link: expiry !== undefined && expiry <= at ? undefined : `/api/devices/${id}/bundle`,
    },
    audit: `/api/audit?device=${id}`,
    history: record.history,
  };
}

/** A device whose bundle renews by our EST server has a plan, whatever is declared of its group since. */
function shownRenewal(
  { status, identity, renewal, unconfirmedSince }: DeviceRecord,
  group: GroupRecord | undefined,
): z.input<typeof deviceSchema>['renewal'] {
  if (identity === undefined || (status !== 'assigned' && status !== 'provisioned')) return undefined;
  if (renewal !== undefined)
    return { renewsItself: true, how: 'est', by: renewal.renewsAt, lateAt: renewal.lateAt, unconfirmedSince };
  const isElsewhere = group !== undefined && isRenewedElsewhere(inForce(group).definition);
  if (isElsewhere) return { renewsItself: true, how: 'elsewhere' };
  return { renewsItself: false, how: 'reissue', by: identity.notAfter };
}

function shownFailedReissue({ failedReissue, claim }: DeviceRecord) {
  if (failedReissue === undefined) return undefined;
  const { code, message, at } = failedReissue;
  return { code, message, at, jobId: claim.jobId, line: claim.line };
}

/** @returns undefined when the device had none before */
function formerCertificates(record: DeviceRecord) {
  const former = formerIdentities(record);
  if (former.length === 0) return undefined;
  return former.map(({ state, serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter, ...rest }) => {
    const { since, assignedHub } = rest;
    const identity = { serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter };
    return { ...identity, status: state === 'live' ? ('superseded' as const) : state, since, assignedHub };
  });
}

/** The deletion of the device that is shown; not that of an earlier one with its id. */
function shownDeletion({ status, deletion }: DeviceRecord) {
  if (deletion === undefined || (status !== 'deleting' && status !== 'deleted')) return undefined;
  return { by: deletion.by, at: deletion.at };
}

function shownBlock({ block }: DeviceRecord) {
  if (block === undefined) return undefined;
  const { kind, by, at, reason, doors, notYet = {}, undo, lookAgainAt } = block;
  // A restore opens the doors: those that are not read back as closed are open, or are being opened.
  const otherwise = undo === undefined ? 'not yet' : 'open';
  const doorOf = (name: BlockDoor): z.input<typeof door> => ({
    state: doors[name] === undefined ? otherwise : 'closed',
    at: doors[name],
    why: notYet[name],
  });
  return {
    ...{ kind, by, at, reason },
    doors: {
      record: doorOf('record'),
      enrollment: doorOf('enrollment'),
      hub: doorOf('hub'),
      bundle: doorOf('bundle'),
      renewal: doorOf('renewal'),
    },
    checkedAgainAt: lookAgainAt,
    restore: undo && { by: undo.by, at: undo.at, reason: undo.reason },
  };
}
