import pMap from 'p-map';
import { type ArchiveEntry, type PackedArchive, packArchive } from '../../bundle/archive.ts';
import type { Bundler } from '../../bundle/bundler.ts';
import type { DeviceCertificate, DeviceIdentity, RenewalPolicy } from '../../devices/certificate.ts';

import { FleetError } from '../../errors.ts';
import { renewalPolicyOf } from '../../groups/definition.ts';
import { jitterDaysOf } from '../../groups/validity-jitter.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import { type DeviceRequest, type RowError, rowError } from '../../manifest/manifest.ts';
import { eraseKeys, type IssuedCertificate, type DeviceIdentity as IssuedIdentity } from '../../pki/device-issuer.ts';
import { metrics, step } from '../../telemetry.ts';
import { yieldToEventLoop } from '../../yield-to-event-loop.ts';
import type { Issuance } from '../issuance.ts';
import type { ClaimedRow } from './claim.ts';

/** One device in the index of an archive: enough to record the device without opening its bundle. */
export interface Issued {
  readonly deviceId: string;
  readonly line: number;
  readonly enrollmentGroup: string;
  readonly serialNumber: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly mediaType: string;
  /** Generation of the issuing CA. Archives of earlier versions do not have it, nor the next two. */
  readonly caGeneration?: number;
  /** Serial number of the delegated CA that signed it, below that CA: lower-case hex. Absent where that CA signed it. */
  readonly delegatedCa?: string;
  readonly keyMadeBy?: DeviceCertificate['keyMadeBy'];
  /** When the device renews its identity by our EST server. Absent where its bundle does not. */
  readonly renewal?: RenewalPolicy;
  /** The CA of an IoT Edge device for its modules, where the group has one. */
  readonly edgeCa?: DeviceIdentity & { readonly serialNumber: string };
  /** Only for individual enrollments: they carry the certificate itself, and DPS may still refuse the row. */
  readonly individual?: { readonly certificatePem: string; readonly source: string };
}

/** The certificates of one device, as its record names them. @param at when they are recorded: ISO 8601, UTC */
export function certificatesIn(issued: Issued, at: string): readonly DeviceCertificate[] {
  const { serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter } = issued;
  const { enrollmentGroup, caGeneration, delegatedCa, keyMadeBy, edgeCa } = issued;
  const issuance = {
    enrollmentGroup,
    ...(caGeneration !== undefined && { caGeneration }),
    ...(delegatedCa !== undefined && { delegatedCa }),
    state: 'live',
    since: at,
  } as const;
  const identity: DeviceCertificate = {
    kind: 'identity',
    serialNumber,
    sha1Thumbprint,
    sha256Thumbprint,
    notBefore,
    notAfter,
    ...issuance,
    ...(keyMadeBy !== undefined && { keyMadeBy }),
  };
  if (edgeCa === undefined) return [identity];
  // The key of an Edge CA is always made here.
  return [identity, { kind: 'edge-ca', ...edgeCa, issuedWith: serialNumber, ...issuance, keyMadeBy: 'service' }];
}

/** An attempt on a chunk, and the rows of its job: a group is at least as large as the job that fills it. */
export interface IssueAttempt extends ChunkAttempt {
  readonly jobRows: number;
}

/**
 * Step 5: issues the rows and packs their bundles into one archive. The bundles are zeroed and released when the archive is
 * packed, so that each is in memory once while the archive is being stored.
 * @returns the archive, and the error of each row that nothing was issued for
 * @throws FleetError where trying the whole chunk again can help: a signer that fails or throttles
 */
export function issueArchive(
  rows: readonly ClaimedRow[],
  issuances: ReadonlyMap<string, Issuance>,
  { jobRows, ...attempt }: IssueAttempt,
): Promise<{ readonly archive: PackedArchive<Issued>; readonly errors: readonly RowError[] }> {
  return step('5 issue', attempt, async () => {
    const { entries, errors } = await issueRows(rows, issuances, jobRows);
    try {
      return { archive: packArchive(entries), errors };
    } finally {
      erase(entries);
    }
  });
}

/**
 * Rows at work at once, for CA keys in a vault, where a signature is a request of some 20 ms. Eight keep one worker near the
 * 200 signatures per second that a vault grants (P-256 keys in HSMs: 2,000 in 10 seconds,
 * learn.microsoft.com/azure/key-vault/general/service-limits) and not far above. A key in this process signs at once.
 */
const rowsAtOnce = 8;

/**
 * Issues an identity and makes a bundle for each claimed row whose group is open.
 * @param jobRows rows of the whole job, which has devices of one or more groups
 * @returns entries and errors in the order of the rows
 * @throws FleetError where trying again can help
 */
export async function issueRows(
  rows: readonly ClaimedRow[],
  issuances: ReadonlyMap<string, Issuance>,
  jobRows: number,
): Promise<{ readonly entries: ArchiveEntry<Issued>[]; readonly errors: RowError[] }> {
  const entries: ArchiveEntry<Issued>[] = [];
  const errors: RowError[] = [];
  const failures: unknown[] = [];
  const outcomes = await pMap(
    rows,
    async (row) => {
      await yieldToEventLoop();
      if (failures.length > 0) return undefined;
      // Not thrown here: the bundles of the rows at work would be lost before they are zeroed.
      return issueRow(row, issuances, jobRows).catch((error: unknown) => void failures.push(error));
    },
    { concurrency: rowsAtOnce },
  );
  for (const { issuer } of issuances.values()) issuer.forgetKeys();
  for (const outcome of outcomes) {
    if (outcome === undefined) continue;
    if ('code' in outcome) errors.push(outcome);
    else entries.push(outcome);
  }
  if (failures.length > 0) {
    erase(entries);
    throw failures[0];
  }
  for (const [group, { length }] of Map.groupBy(entries, ({ info }) => info.enrollmentGroup)) {
    metrics.certificates.add(length, { group });
  }
  return { entries, errors };
}

/** Overwrites bundles, which hold private keys. */
function erase(entries: readonly ArchiveEntry<Issued>[]): void {
  for (const { body } of entries) body.fill(0);
}

/** @returns undefined when the row's group is not open; its refusal is known already */
async function issueRow(
  { request, record }: ClaimedRow,
  issuances: ReadonlyMap<string, Issuance>,
  jobRows: number,
): Promise<ArchiveEntry<Issued> | RowError | undefined> {
  const { deviceId, csr, line, source, enrollmentGroup } = request;
  const issuance = issuances.get(enrollmentGroup);
  if (issuance === undefined) return undefined;
  const { issuer, bundler, group, delegatedCa } = issuance;
  try {
    const identity = await issuer.issue({
      ...{ deviceId, csr, serialNumber: record.value.serialNumber },
      jitterDays: jitterDaysOf(group.definition, Math.max(jobRows, group.deviceScale ?? 0)),
    });
    const body = bundleAndErase(bundler, deviceId, identity);
    const individual = group.definition.enrollment === 'individual';
    const renewal = renewalPolicyOf(group.definition);
    const info: Issued = {
      deviceId,
      line,
      enrollmentGroup,
      ...namesOf(identity),
      mediaType: bundler.mediaType,
      caGeneration: group.issuingCas[0]?.generation,
      ...(delegatedCa !== undefined && { delegatedCa: delegatedCa.id }),
      keyMadeBy: csr === undefined ? 'service' : 'device',
      ...(renewal !== undefined && { renewal }),
      ...(identity.edgeCa !== undefined && { edgeCa: namesOf(identity.edgeCa) }),
      ...(individual && { individual: { certificatePem: identity.certificatePem, source } }),
    };
    return { name: `${deviceId}${bundler.fileExtension}`, body, info };
  } catch (error) {
    return issueError(request, error);
  }
}

/** The error of a row for which nothing can be issued. @throws an error that trying again can help against */
export function issueError(row: DeviceRequest, error: unknown): RowError {
  if (!(error instanceof FleetError) || error.retry) throw error;
  const { code, message, details } = error;
  const { column = 'deviceId', expected, value } = details;
  return rowError(row, { code, message, column, value, expected });
}

function namesOf({ serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter }: IssuedCertificate) {
  return {
    serialNumber,
    sha1Thumbprint,
    sha256Thumbprint,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
  };
}

function bundleAndErase(bundler: Bundler, deviceId: string, identity: IssuedIdentity): Buffer {
  try {
    return bundler.bundle({ deviceId, identity });
  } finally {
    eraseKeys(identity);
  }
}
