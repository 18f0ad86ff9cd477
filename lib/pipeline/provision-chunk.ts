import { FleetError } from '../errors.ts';
import { countPart, finishIfDone } from '../jobs/count-part.ts';
import { archiveName, type Job, partName } from '../jobs/job.ts';
import type { ChunkAttempt, ChunkMessage } from '../jobs/messages.ts';
import type { DeviceRequest, RowError } from '../manifest/manifest.ts';
import { queues } from '../resource-names.ts';
import { metrics } from '../telemetry.ts';
import type { Ports } from './ports.ts';
import { issueAct, issueOutcome } from './steps/audit-issue.ts';
import { type ClaimedRow, type Claims, claimOptions, claimRows, deviceError, lookUpClaims } from './steps/claim.ts';
import { type Committed, commitArchive, findArchive } from './steps/commit.ts';
import { type EnsuredGroups, ensureGroups, refusal } from './steps/ensure-groups.ts';
import { fenceIssuances } from './steps/fence.ts';
import { issueArchive } from './steps/issue.ts';
import { nameLost } from './steps/name-unused.ts';
import { readRows } from './steps/read.ts';
import { recordOutcome, settleRows } from './steps/record.ts';
import { unblockDevices } from './steps/unblock.ts';

export type ProvisionPorts = Pick<
  Ports,
  | 'jobs'
  | 'devices'
  | 'groups'
  | 'manifests'
  | 'bundles'
  | 'reports'
  | 'enrollments'
  | 'retry'
  | 'enrollmentQueue'
  | 'openIssuance'
  | 'delegatedCas'
  | 'endDelegatedCa'
  | 'audit'
  | 'now'
>;

/**
 * Provisions the rows of one chunk, by the seven steps of docs/LIFECYCLE.md. A crash between any two lines, a second
 * delivery or a second worker leads to the same end: each accepted row has one live certificate and is counted once.
 * @throws FleetError `message-invalid` for a job that does not exist, `manifest-gone`, `archive-damaged`; and where trying
 * again can help: `throttled`, `unavailable`, `concurrent-change`
 */
export async function provisionChunk(message: ChunkMessage, ports: ProvisionPorts): Promise<void> {
  const { jobs, now } = ports;
  const { jobId, chunk, attempt } = message;
  const startedAt = performance.now();
  const part = partName(chunk, attempt);
  const { job, part: counted } = await jobs.readWithPart(jobId, part);
  if (job === undefined)
    throw new FleetError('message-invalid', `Queue "${queues.chunks}" names a job that does not exist: ${jobId}.`);
  if (counted !== undefined) return finishIfDone(ports, job, now());
  if (job.dryRun === true)
    throw new FleetError('message-invalid', `Queue "${queues.chunks}" names job ${jobId}, which is a dry run.`);

  // Step 1: read and validate. A bad row becomes an error of its own and never stops its neighbours.
  const rows = await readRows(job, message, ports);
  // A chunk that an earlier delivery began is finished, or its claims would hold the devices forever.
  if (isStopped(job) && !(await hasBegun(rows.requests, job, message, ports))) return dropChunk(job, message, ports);

  // Steps 2 and 3: claim the devices, and compare with the records that exist.
  const claims = await claimRows(rows.requests, claimOptions(job, message), ports);

  // Step 4: make sure that DPS holds each group and its issuing CA as declared.
  const groups = await ensureGroups(claims.claimed, { jobId, chunk, attempt }, ports);
  await unblockDevices(claims.claimed, groups, ports);

  // Steps 5 and 6: issue and commit. Certificates that an earlier delivery committed are not issued again.
  const archive = archiveName(jobId, part);
  // An earlier delivery has stored an archive only if it claimed devices. Its rows can be refused now.
  const mayHaveArchive = claims.hasPriorClaims || claims.errors.length > 0 || rows.faults.length > 0;
  const work = { job, jobId, chunk, attempt, mayHaveArchive };
  const { committed, errors } = await issueAndCommit(archive, claims, groups, work, ports);

  // Step 7: record. Devices first, then the chunk and the job's counters together.
  const errorOf = new Map(errors.map((error) => [error.line, error]));
  const outcome = settleRows({
    claimed: claims.claimed,
    unchanged: claims.unchanged,
    errors: [...rows.faults, ...claims.errors],
    committed,
    unissued: (row) => errorOf.get(row.request.line) ?? refusal(row, groups) ?? superseded(row),
    archive,
    at: now().toISOString(),
  });
  await nameLost(claims.lost, ports);
  await recordOutcome(message, { ...outcome, repairs: rows.repairs }, ports);
  metrics.chunkDuration.record((performance.now() - startedAt) / 1000);
}

/**
 * A function of its own, so that the bundles are released once they are stored: they are most of a chunk's memory.
 *
 * Nothing is signed without an entry in the audit trail, and nothing that was signed is stored without one. An intent without
 * a result is a delivery that stored nothing.
 */
async function issueAndCommit(
  archive: string,
  { claimed }: Claims,
  { issuances }: EnsuredGroups,
  { job, mayHaveArchive, ...attempt }: ChunkAttempt & { readonly job: Job; readonly mayHaveArchive: boolean },
  ports: Pick<Ports, 'bundles' | 'audit' | 'groups' | 'delegatedCas' | 'endDelegatedCa'>,
): Promise<{ readonly committed: Committed; readonly errors: readonly RowError[] }> {
  const { bundles, audit } = ports;
  // A row that lost its device since an earlier delivery committed its certificate is refused now. That one is named.
  const earlier = mayHaveArchive ? await findArchive(archive, bundles) : undefined;
  const toIssue = claimed.filter(({ request }) => !earlier?.has(request.deviceId));
  const act = issueAct(job, attempt, toIssue, issuances);
  const intent = act && (await audit.intent(act));
  const issued = await issueArchive(toIssue, issuances, { ...attempt, jobRows: job.counts.total });
  try {
    if (intent !== undefined) await audit.result(intent, issueOutcome(archive, issued.archive));
    if (earlier === undefined) await fenceIssuances(issuances, ports);
    const committed = earlier ?? (await commitArchive(archive, issued.archive, attempt, bundles));
    return { committed, errors: issued.errors };
  } finally {
    // It holds private keys. An upload that has failed or was aborted sends nothing more.
    issued.archive.body.fill(0);
  }
}

function superseded({ request }: ClaimedRow): RowError {
  return deviceError(request, 'chunk-superseded', 'Another delivery of the chunk was committed without this row.');
}

/** The job begins no more chunks. */
function isStopped({ status }: Job): boolean {
  return status === 'cancelled' || status === 'failed';
}

/** Whether an earlier delivery of the message has claimed any of its devices. */
async function hasBegun(
  requests: readonly DeviceRequest[],
  job: Job,
  message: ChunkMessage,
  ports: ProvisionPorts,
): Promise<boolean> {
  return (await lookUpClaims(requests, claimOptions(job, message), ports)).hasPriorClaims;
}

/**
 * Counts the rows of a chunk that a cancelled job no longer begins. Rows that were to be tried again stay failed. A job that
 * failed as a whole counts nothing: a redrive begins it again.
 */
async function dropChunk(job: Job, message: ChunkMessage, ports: ProvisionPorts): Promise<void> {
  if (job.status === 'failed') return;
  const { chunk, attempt, rows, lines } = message;
  const cancelled = lines === undefined ? rows : 0;
  const outcome = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled };
  const at = ports.now();
  const retried = lines === undefined ? {} : { retried: lines.length };
  const part = { part: partName(chunk, attempt), chunk, outcome, ...retried, finishedAt: at.toISOString() };
  await countPart(ports, job.jobId, part, [], at);
}
