import { certificateSha256, certificatesDigest, issueAction } from '../../audit/certificates.ts';
import type { AuditAct, AuditOutcome } from '../../audit/entry.ts';
import type { PackedArchive } from '../../bundle/archive.ts';
import type { Job } from '../../jobs/job.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import { currentTraceId } from '../../telemetry.ts';
import type { Issuance } from '../issuance.ts';
import type { ClaimedRow } from './claim.ts';
import type { Issued } from './issue.ts';

/**
 * What the audit trail gets before the certificates of a chunk are signed: how many, in which groups, and by which CAs.
 * @returns undefined when nothing will be signed
 */
export function issueAct(
  job: Job,
  { jobId, chunk, attempt }: ChunkAttempt,
  rows: readonly ClaimedRow[],
  issuances: ReadonlyMap<string, Issuance>,
): AuditAct | undefined {
  const byGroup = Map.groupBy(rows, ({ request }) => request.enrollmentGroup);
  const groups = [...byGroup].flatMap(([enrollmentGroup, { length }]) => {
    const { group, delegatedCa } = issuances.get(enrollmentGroup) ?? {};
    const [ca] = group?.issuingCas ?? [];
    if (ca === undefined) return [];
    const { generation: caGeneration, certificatePem } = ca;
    const named = { enrollmentGroup, rows: length, caGeneration, caSha256: certificateSha256(certificatePem) };
    return [delegatedCa === undefined ? named : { ...named, delegatedCa: delegatedCa.id }];
  });
  if (groups.length === 0) return undefined;
  return {
    action: issueAction,
    by: job.submittedBy?.by ?? job.source,
    subject: { jobId, chunk, attempt },
    trace: currentTraceId(),
    details: { groups },
  };
}

/**
 * What the audit trail gets after they are signed and before their archive is stored: no certificate leaves the process that
 * the trail does not name.
 */
export function issueOutcome(archive: string, { index, indexSha256 }: PackedArchive<Issued>): AuditOutcome {
  const certificates = index.map(({ info }) => info);
  return {
    outcome: 'done',
    details: {
      archive,
      indexSha256,
      certificates: certificates.length,
      certificatesSha256: certificatesDigest(certificates),
    },
  };
}
