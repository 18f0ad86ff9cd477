import { createHash } from 'node:crypto';
import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import type { GroupsById } from '../enrollment/group-directory.ts';
import type { Groups } from '../enrollment/groups.ts';
import { isRetriable } from '../errors.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import { addOutcomes, noOutcomes, type RowOutcome, type RowOutcomes } from '../jobs/check.ts';
import type { Deployment, GroupWork } from '../jobs/estimate.ts';
import type { Job, Part } from '../jobs/job.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { type ChunkReport, resultRow } from '../jobs/reports.ts';
import { canonicalJson } from '../json.ts';
import type { DeviceRequest, RowError } from '../manifest/manifest.ts';
import type { Repairs } from '../manifest/repairs.ts';
import type { ResultRow } from '../manifest/report.ts';
import { yieldToEventLoop } from '../yield-to-event-loop.ts';
import { createClaimTable, createForeseenDevices, type ForeseenDevices } from './check-claims.ts';
import { type CheckedGroup, createGroupChecks } from './check-groups.ts';
import { type ClaimedRow, type ClaimPorts, claimOptions, claimRows } from './steps/claim.ts';
import { type EnsuredGroups, ensureGroups, refusal } from './steps/ensure-groups.ts';
import { issueError } from './steps/issue.ts';
import { type ReadPorts, readRows } from './steps/read.ts';

/** What a check reads. It has no port that writes. */
export interface CheckPorts {
  readonly groups: Pick<Groups, 'directory' | 'foresee'>;
  readonly devices: Pick<DeviceStore, 'read'>;
  readonly deployment: Deployment;
  readonly now: () => Date;
}

/** What a check found in one chunk. It is JSON, and a report of a chunk (lib/jobs/reports.ts). */
export interface CheckedChunk extends ChunkReport {
  readonly check: {
    readonly outcomes: RowOutcomes;
    /** SHA-256, hex: the outcome of each row, the record of its device, and the groups of the rows. */
    readonly digest: string;
    /** What would be issued, per group. */
    readonly work: readonly GroupWork[];
    readonly repairs: Repairs;
    /** Claims of rows that failed afterwards, and of ids with upper case. `results` has all others. */
    readonly claims: readonly SpecialClaim[];
    /** The keys in requests of devices: group, device, and identifier of the key as base64. */
    readonly keys: readonly (readonly [group: string, deviceId: string, identifier: string])[];
  };
}

/** A claim that does not follow from the results of its chunk. */
interface SpecialClaim {
  readonly deviceId: string;
  readonly line: number;
  /** The row failed after it had claimed its device. */
  readonly released?: boolean | undefined;
  readonly writtenId?: string | undefined;
}

/** The check of one list, chunk after chunk, in the order of the list. */
export interface ListCheck {
  /**
   * Checks the next chunk by the steps of a job (provision-chunk.ts), up to the point where a job begins to issue.
   * @throws FleetError `manifest-gone`, `throttled`, `unavailable`
   */
  check(message: ChunkMessage): Promise<CheckedChunk>;
  /** Takes over the next chunk as an earlier delivery has checked it. */
  resume(chunk: CheckedChunk): void;
}

/**
 * @param job the job that would provision the list; its shape is known
 * @param list.rows how many rows the whole list has
 */
export function createListCheck(
  job: Job,
  { rows: listRows }: { readonly rows: number },
  { groups, devices, manifests, reports, deployment, now }: CheckPorts & ReadPorts,
): ListCheck {
  const claims = createClaimTable();
  const groupChecks = createGroupChecks({ listRows, usesKeyVault: deployment.usesKeyVault, now });
  const { jobId, allowedGroups: [enrollmentGroup = ''] = [] } = job;
  const foreseeing = { directory: groups.directory, ensure: groups.foresee };

  /** What issuing would refuse, and the keys of requests. */
  async function checkRows(rows: readonly ClaimedRow[], { issuances }: EnsuredGroups<CheckedGroup>) {
    const errors = new Map<number, RowError>();
    const keys: (readonly [string, string, string])[] = [];
    for (const { request, record } of rows) {
      await yieldToEventLoop();
      const { deviceId, csr, line, enrollmentGroup: group } = request;
      try {
        const { serialNumber } = record.value;
        const key = await issuances.get(group)?.check({ deviceId, csr, serialNumber });
        if (key !== undefined) keys.push([group, deviceId, key.toString('base64')]);
      } catch (error) {
        errors.set(line, issueError(request, error));
      }
    }
    return { errors, keys };
  }

  return {
    async check(message) {
      const rows = await readRows(job, message, { groups, manifests, reports });
      const foreseen = createForeseenDevices({ devices, claims, jobId, enrollmentGroup });
      const claimed = await claimRows(rows.requests, claimOptions(job, message), {
        devices: foreseen,
        jobs: unclaimed,
        now,
      });
      const ensured = await ensureGroups(claimed.claimed, message, {
        groups: foreseeing,
        openIssuance: groupChecks.open,
      });
      const { errors, keys } = await checkRows(claimed.claimed, ensured);

      const faults = [...rows.faults, ...claimed.errors];
      const results = claimed.unchanged.map(({ request, record }) => resultRow(request.line, record, 'unchanged'));
      const special: SpecialClaim[] = [];
      for (const row of claimed.claimed) {
        const { deviceId, line, writtenId } = row.request;
        const error = errors.get(line) ?? refusal(row, ensured);
        if (error !== undefined) faults.push(error);
        else results.push(foreseenResult(row, foreseen));
        // Of JSON: a member that is undefined is left out.
        const released = error === undefined ? undefined : true;
        if (released || writtenId !== undefined) special.push({ deviceId, line, released, writtenId });
      }
      results.sort(byLine);
      faults.sort(byLine);
      const chunk: CheckedChunk = {
        results,
        faults,
        check: {
          outcomes: outcomesOf(results, faults),
          digest: digestOf({ results, faults }, rows.requests, foreseen, await groups.directory()),
          work: workOf(results, ensured),
          repairs: rows.repairs,
          claims: special,
          keys,
        },
      };
      noteClaims(chunk);
      return chunk;
    },

    resume(chunk) {
      noteClaims(chunk);
      for (const [group, deviceId, key] of chunk.check.keys) {
        groupChecks.noteKey(group, deviceId, Buffer.from(key, 'base64'));
      }
    },
  };

  function noteClaims({ results, check }: CheckedChunk): void {
    for (const { deviceId, line, status } of results) {
      if (status !== 'unchanged') claims.set(deviceId, { line, released: false });
    }
    for (const { deviceId, line, released = false, writtenId } of check.claims) {
      claims.set(deviceId, { line, released, writtenId });
    }
  }
}

/** A check fixes no serial numbers. */
const unclaimed: ClaimPorts['jobs'] = {
  claimed: async () => undefined,
  claim: async (_jobId, _part, serialNumbers) => ({ serialNumbers, hasPriorClaims: false }),
};

const byLine = (a: { readonly line: number }, b: { readonly line: number }) => a.line - b.line;

/** What the job's counters move by: rows that a job would provision count as `checked`. */
export function countsOf({ results, faults }: ChunkReport): Part['outcome'] {
  const unchanged = results.filter(({ status }) => status === 'unchanged').length;
  const failed = faults.filter(({ code }) => isRetriable(code)).length;
  const checked = results.length - unchanged;
  return { provisioned: 0, unchanged, rejected: faults.length - failed, failed, cancelled: 0, checked };
}

/** The row as a job would provision it. It has no certificate, so the columns for one are empty. */
function foreseenResult({ request, record }: ClaimedRow, foreseen: ForeseenDevices): ResultRow {
  const { line, deviceId, enrollmentGroup } = request;
  const nothing = { serialNumber: '', sha256Thumbprint: '', notAfter: '' };
  return { line, deviceId, status: outcomeOver(foreseen.stored(deviceId), record.value), enrollmentGroup, ...nothing };
}

function outcomeOver(stored: DeviceRecord | undefined, claim: DeviceRecord): 'new' | 'replaced' | 'reissued' {
  if (stored === undefined || stored.status === 'failed' || stored.status === 'deleted') return 'new';
  return stored.contentHash === claim.contentHash ? 'reissued' : 'replaced';
}

function outcomesOf(results: readonly ResultRow[], faults: readonly RowError[]): RowOutcomes {
  const one = (status: ResultRow['status']) => ({ ...noOutcomes, [status as RowOutcome]: 1 });
  const found = results.reduce((sum, { status }) => addOutcomes(sum, one(status)), noOutcomes);
  return { ...found, refused: faults.length };
}

function workOf(results: readonly ResultRow[], { issuances }: EnsuredGroups<CheckedGroup>): GroupWork[] {
  const issued = results.filter(({ status }) => status !== 'unchanged');
  return [...Map.groupBy(issued, ({ enrollmentGroup }) => enrollmentGroup)].flatMap(([id, rows]) => {
    const group = issuances.get(id);
    const newDevices = rows.filter(({ status }) => status === 'new').length;
    return group === undefined ? [] : [{ devices: rows.length, newDevices, ...group.perDevice }];
  });
}

/** Covers what decided: the outcome of each row, the record of its device, and each group as it is in force. */
function digestOf(
  { results, faults }: ChunkReport,
  requests: readonly DeviceRequest[],
  foreseen: ForeseenDevices,
  directory: GroupsById,
): string {
  const digest = createHash('sha256');
  const deviceOn = new Map(requests.map(({ line, deviceId }) => [line, deviceId]));
  const found = [
    ...results.map(({ line, status }) => ({ line, outcome: status as string })),
    ...faults.map(({ line, code }) => ({ line, outcome: code as string })),
  ].sort(byLine);
  for (const { line, outcome } of found) {
    const deviceId = deviceOn.get(line);
    const stored = deviceId === undefined ? undefined : foreseen.stored(deviceId);
    digest.update(`${line} ${outcome} ${stored === undefined ? '-' : revisionOf(stored)}\n`);
  }
  for (const id of [...new Set(requests.map(({ enrollmentGroup }) => enrollmentGroup))].sort()) {
    const group = directory.get(id)?.value;
    digest.update(`${id} ${group === undefined ? '-' : groupRevision(inForce(group))}\n`);
  }
  return digest.digest('hex');
}

/** All of a record that decides about a row. An event in its history, such as a download, decides nothing. */
function revisionOf({ claim, status, contentHash }: DeviceRecord): string {
  return `${claim.jobId} ${claim.line} ${claim.attempt} ${status} ${contentHash}`;
}

/** The first CA of a group is made by its first job, so a group without one counts as a group with the first one. */
function groupRevision({ definition, issuingCas: [ca] }: GroupRecord): string {
  return createHash('sha256')
    .update(canonicalJson({ definition, ca: ca?.generation ?? 1 }))
    .digest('hex');
}
