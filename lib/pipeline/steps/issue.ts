import pMap from 'p-map';
import type { CertificateAuthority } from '../../authorities/certificate-authority.ts';
import { type ArchiveEntry, type PackedArchive, packArchive } from '../../bundle/archive.ts';
import { type Bundler, createBundler } from '../../bundle/bundler.ts';
import { FleetError } from '../../errors.ts';
import { edgeCaOf } from '../../groups/definition.ts';
import type { GroupRecord } from '../../groups/group.ts';
import type { RowError } from '../../manifest/manifest.ts';
import { createDeviceIssuer, type DeviceIssuer } from '../../pki/device-issuer.ts';
import type { Versioned } from '../../storage.ts';
import { metrics } from '../../telemetry.ts';
import { yieldToEventLoop } from '../../yield-to-event-loop.ts';
import type { ClaimedRow } from './claim.ts';

/** What it takes to issue for one group: its CA ready to sign, and what its bundles share. */
export interface Issuance {
  readonly group: GroupRecord;
  readonly issuer: DeviceIssuer;
  readonly bundler: Bundler;
}

export interface IssuanceOptions {
  readonly authority: CertificateAuthority;
  readonly dps: { readonly idScope: string; readonly globalEndpoint: string };
  readonly now: () => Date;
}

/** An issuer fixes validity when it is made; a new one every 5 minutes keeps that as good as exact beside the backdating. */
const maxAgeMilliseconds = 5 * 60 * 1000;

/** Opens groups for issuing, and keeps them open for a while: templates are worth more than one chunk. */
export function createIssuances({
  authority,
  dps,
  now,
}: IssuanceOptions): (group: Versioned<GroupRecord>) => Promise<Issuance> {
  const open = new Map<string, { etag: string; at: number; issuance: Promise<Issuance> }>();

  async function make(group: GroupRecord): Promise<Issuance> {
    const [ca] = group.issuingCas;
    if (ca === undefined) throw new FleetError('internal', `Enrollment group "${group.id}" has no issuing CA.`);
    const { definition } = group;
    const issuer = await authority.open(ca);
    const { keyType, validityDays } = definition;
    const rootPem = ca.chainPem.at(-1) ?? ca.certificatePem;
    const chainPem = [ca.certificatePem, ...ca.chainPem.slice(0, -1)];
    return {
      group,
      issuer: createDeviceIssuer({ issuer, keyType, validityDays, now: now(), edgeCa: edgeCaOf(definition) }),
      bundler: await createBundler({ group: definition, chainPem, rootPem, dps, now: now() }),
    };
  }

  return (group) => {
    const { id } = group.value;
    const at = now().getTime();
    const known = open.get(id);
    if (known !== undefined && known.etag === group.etag && at - known.at < maxAgeMilliseconds) return known.issuance;
    const issuance = make(group.value);
    open.set(id, { etag: group.etag, at, issuance });
    issuance.catch(() => open.delete(id));
    return issuance;
  };
}

/** What an archive's index says of each device in it; enough to record the device without opening its bundle. */
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
  /** Only for individual enrollments: they hold the certificate itself, and may yet be refused, row and all. */
  readonly individual?: { readonly certificatePem: string; readonly source: string };
}

/** A row that nothing was issued for, and why. */
export interface FaultyRow {
  readonly row: ClaimedRow;
  readonly fault: RowError;
}

export interface Issues {
  readonly entries: readonly ArchiveEntry<Issued>[];
  readonly faults: readonly FaultyRow[];
}

/**
 * Issues the rows and lays their bundles into one archive. What it is made of is let go of at once, so that each bundle
 * is in memory once, not twice, while the archive is on its way.
 */
export async function issueArchive(
  rows: readonly ClaimedRow[],
  issuances: ReadonlyMap<string, Issuance>,
): Promise<{ readonly archive: PackedArchive<Issued>; readonly faults: Issues['faults'] }> {
  const { entries, faults } = await issueRows(rows, issuances);
  return { archive: packArchive(entries), faults };
}

/**
 * Rows at work at once, for the sake of keys that are elsewhere, where a signature is a request of some 20 ms: this many
 * keep one worker near the 200 signatures a second that a vault grants (P-256 keys in HSMs, 2,000 in 10 seconds,
 * learn.microsoft.com/azure/key-vault/general/service-limits) and not far above. A key in this process signs at once.
 */
const rowsAtOnce = 8;

/**
 * Issues an identity and makes a bundle for each claimed row. What is wrong with one row (its request, a certificate
 * rule) is that row's fault; a signer that fails or throttles throws, and the chunk is tried again as a whole.
 */
export async function issueRows(
  rows: readonly ClaimedRow[],
  issuances: ReadonlyMap<string, Issuance>,
): Promise<Issues> {
  const entries: ArchiveEntry<Issued>[] = [];
  const faults: FaultyRow[] = [];
  const issueInTurn = async (row: ClaimedRow) => {
    await yieldToEventLoop();
    return issueRow(row, issuances);
  };
  const outcomes = await pMap(rows, issueInTurn, { concurrency: rowsAtOnce });
  for (const outcome of outcomes) {
    if (outcome === undefined) continue;
    if ('fault' in outcome) faults.push(outcome);
    else entries.push(outcome);
  }
  for (const [group, { length }] of Map.groupBy(entries, ({ info }) => info.enrollmentGroup)) {
    metrics.certificates.add(length, { group });
  }
  return { entries, faults };
}

async function issueRow(
  row: ClaimedRow,
  issuances: ReadonlyMap<string, Issuance>,
): Promise<ArchiveEntry<Issued> | FaultyRow | undefined> {
  const { request, record } = row;
  const issuance = issuances.get(request.enrollmentGroup);
  if (issuance === undefined) return undefined;
  try {
    const { deviceId, csr } = request;
    const identity = await issuance.issuer.issue({ deviceId, csr, serialNumber: record.value.serialNumber });
    const body = await issuance.bundler.bundle({ deviceId, identity });
    const individual = issuance.group.definition.enrollment === 'individual';
    const info: Issued = {
      ...{ deviceId, line: request.line, enrollmentGroup: request.enrollmentGroup },
      serialNumber: identity.serialNumber,
      sha1Thumbprint: identity.sha1Thumbprint,
      sha256Thumbprint: identity.sha256Thumbprint,
      notBefore: identity.notBefore.toISOString(),
      notAfter: identity.notAfter.toISOString(),
      mediaType: issuance.bundler.mediaType,
      ...(individual ? { individual: { certificatePem: identity.certificatePem, source: request.source } } : {}),
    };
    return { name: `${deviceId}${issuance.bundler.fileExtension}`, body, info };
  } catch (error) {
    if (!(error instanceof FleetError) || error.retry) throw error;
    const { column = 'deviceId', expected, value } = error.details;
    const { line, source } = request;
    return { row, fault: { line, source, column, expected, value, code: error.code, message: error.message } };
  }
}
