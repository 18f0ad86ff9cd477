import { type ExpiringCertificate, expiringCertificates } from '../authorities/expiry.ts';
import { type DeviceCount, type DeviceStatus, deviceStatuses } from '../devices/device.ts';
import { type EnrollmentStatus, groupStatus, type KnownCas } from '../enrollment/group-status.ts';
import type { FindingCount } from '../findings/finding.ts';
import { type Severity, severities } from '../findings/kinds.ts';
import type { GroupRecord } from '../groups/group.ts';
import type { LetterCount } from '../jobs/dead-letters.ts';
import { isFinished, type JobCount, type JobStatus, jobStatuses } from '../jobs/job.ts';
import type { Observed } from '../observation.ts';
import { type EndingCertificates, jobDays, type QueueState } from './overview.ts';
import type { Ports } from './ports.ts';

/** The state of a deployment at a glance, as far as the caller's enrollment groups reach. */
export interface Summary {
  readonly devices: Timed<{
    readonly total: number;
    readonly byStatus: StatusCounts<DeviceStatus>;
    /** By id of the group, ascending. Groups without devices are not here. */
    readonly byGroup: readonly GroupDevices[];
  }>;
  readonly jobs: Timed<{
    /** Jobs that have not ended, of any age. */
    readonly running: number;
    /** Jobs that were received since `lastDay.since`, by status: those of the last 24 hours and the hour before. */
    readonly lastDay: JobsOfPeriod & { readonly since: string };
    /** The last 14 days, UTC, oldest first. */
    readonly days: readonly (JobsOfPeriod & { readonly day: string })[];
  }>;
  readonly certificates: Timed<EndingDevices & { readonly byGroup: readonly (EndingDevices & InGroup)[] }>;
  readonly groups: {
    readonly enrolled: number;
    readonly pending: readonly string[];
    readonly refused: readonly string[];
    readonly deleting: readonly string[];
    /** CA certificates that have ended or end within 90 days, soonest first. */
    readonly endingCas: readonly ExpiringCertificate[];
  };
  readonly findings: Timed<{
    /** Open findings. */
    readonly total: number;
    readonly bySeverity: Readonly<Record<Severity, number>>;
  }>;
  /** Absent for a caller whose role is limited to enrollment groups: letters and messages are of all groups. */
  readonly deadLetters?: Timed<{ readonly total: number; readonly byReason: readonly LetterCount[] }>;
  /** Absent likewise. */
  readonly queues?: Timed<{ readonly byQueue: readonly QueueState[] }>;
}

/** With the time at which the counts were read: ISO 8601, UTC. */
type Timed<T> = T & { readonly observedAt: string };

type StatusCounts<Status extends string> = Readonly<Record<Status, number>>;

interface InGroup {
  readonly enrollmentGroup: string;
}

export interface GroupDevices extends InGroup {
  readonly total: number;
  readonly byStatus: StatusCounts<DeviceStatus>;
}

export interface JobsOfPeriod {
  readonly byStatus: StatusCounts<JobStatus>;
}

/** Devices by the end of their certificate. */
export interface EndingDevices {
  readonly ended: number;
  /** Within 30 days. */
  readonly within30Days: number;
  /** Within 90 days, those within 30 included. */
  readonly within90Days: number;
}

/** Days before its end at which a CA certificate is named. */
const caDays = 90;

/**
 * @param known the CAs that DPS has verified; absent: whether DPS trusts the CA of a group is not checked
 * @throws FleetError `throttled`, `unavailable`
 */
export async function readSummary(
  { overview, groups, allowedGroups, now }: Pick<Ports, 'overview' | 'groups' | 'allowedGroups' | 'now'>,
  known?: KnownCas,
): Promise<Summary> {
  const isLimited = allowedGroups !== undefined;
  const [devices, jobs, certificates, directory, findings, deadLetters, queues] = await Promise.all([
    overview.devices(),
    overview.jobs(),
    overview.certificates(),
    groups.directory(),
    overview.findings(),
    isLimited ? undefined : overview.deadLetters(),
    isLimited ? undefined : overview.queues(),
  ]);
  const records = [...directory.values()].map(({ value }) => value);
  return {
    devices: timed(devices, summarizeDevices),
    jobs: timed(jobs, (counts) => summarizeJobs(counts, new Date(jobs.observedAt))),
    certificates: timed(certificates, summarizeCertificates),
    groups: summarizeGroups(records, known, now()),
    findings: timed(findings, summarizeFindings),
    ...(deadLetters && {
      deadLetters: timed(deadLetters, (byReason) => ({ total: total(byReason, 'letters'), byReason })),
    }),
    ...(queues && { queues: timed(queues, (byQueue) => ({ byQueue })) }),
  };
}

function summarizeGroups(records: readonly GroupRecord[], known: KnownCas | undefined, at: Date): Summary['groups'] {
  const withStatus = Map.groupBy(records, (group) => groupStatus(group, known).status);
  const idsOf = (status: EnrollmentStatus) => (withStatus.get(status) ?? []).map(({ id }) => id).sort();
  return {
    enrolled: idsOf('enrolled').length,
    pending: idsOf('pending'),
    refused: idsOf('refused'),
    deleting: idsOf('deleting'),
    endingCas: expiringCertificates(records, at, caDays).sort((a, b) => (a.notAfter < b.notAfter ? -1 : 1)),
  };
}

function summarizeFindings(counts: readonly FindingCount[]) {
  const of = (severity: Severity) => counts.filter((each) => each.severity === severity);
  const bySeverity = severities.map((severity) => [severity, total(of(severity), 'findings')]);
  return {
    total: total(counts, 'findings'),
    bySeverity: Object.fromEntries(bySeverity) as Readonly<Record<Severity, number>>,
  };
}

function timed<T, Shown>({ value, observedAt }: Observed<T>, show: (value: T) => Shown): Timed<Shown> {
  return { ...show(value), observedAt };
}

function summarizeDevices(counts: readonly DeviceCount[]) {
  const byGroup = [...Map.groupBy(counts, ({ enrollmentGroup }) => enrollmentGroup)].map(([enrollmentGroup, own]) => {
    return { enrollmentGroup, total: total(own, 'devices'), byStatus: byStatus(deviceStatuses, own, 'devices') };
  });
  return {
    total: total(counts, 'devices'),
    byStatus: byStatus(deviceStatuses, counts, 'devices'),
    byGroup: byGroup.sort(byGroupId),
  };
}

const hourMilliseconds = 60 * 60 * 1000;
const dayMilliseconds = 24 * hourMilliseconds;

function summarizeJobs(counts: readonly JobCount[], at: Date) {
  // Counts are per hour. A list with `since` at the begin of an hour has the same jobs.
  const firstHour = new Date(at.getTime() - dayMilliseconds).toISOString().slice(0, hourLength);
  const lastDay = counts.filter(({ hour }) => hour >= firstHour);
  const days = Array.from({ length: jobDays }, (_, index) => {
    const day = new Date(at.getTime() - (jobDays - 1 - index) * dayMilliseconds).toISOString().slice(0, dayLength);
    return {
      day,
      byStatus: byStatus(
        jobStatuses,
        counts.filter(({ hour }) => hour.startsWith(day)),
        'jobs',
      ),
    };
  });
  return {
    running: total(
      counts.filter(({ status }) => !isFinished(status)),
      'jobs',
    ),
    lastDay: { since: `${firstHour}:00:00.000Z`, byStatus: byStatus(jobStatuses, lastDay, 'jobs') },
    days,
  };
}

const dayLength = 'yyyy-mm-dd'.length;
const hourLength = 'yyyy-mm-ddThh'.length;

function summarizeCertificates({ ended, days30, days90 }: EndingCertificates) {
  const groups = new Set([...ended, ...days30, ...days90].map(({ enrollmentGroup }) => enrollmentGroup));
  const endingOf = (isShown: (count: DeviceCount) => boolean) => {
    const [past, soon, later] = [ended, days30, days90].map((counts) => total(counts.filter(isShown), 'devices'));
    return { ended: past ?? 0, within30Days: soon ?? 0, within90Days: (soon ?? 0) + (later ?? 0) };
  };
  const byGroup = [...groups].map((enrollmentGroup) => {
    return { enrollmentGroup, ...endingOf((count) => count.enrollmentGroup === enrollmentGroup) };
  });
  return { ...endingOf(() => true), byGroup: byGroup.sort(byGroupId) };
}

/** The sum of one member. */
function total<Member extends string>(rows: readonly Readonly<Record<Member, number>>[], member: Member): number {
  return rows.reduce((sum, row) => sum + row[member], 0);
}

/** Every status has a count, 0 included: a screen need not know which can be missing. */
function byStatus<Status extends string, Member extends string>(
  statuses: readonly Status[],
  rows: readonly (Readonly<Record<Member, number>> & { readonly status: Status })[],
  member: Member,
): StatusCounts<Status> {
  const counts = statuses.map((status) => {
    const own = rows.filter((row) => row.status === status);
    return [status, total(own, member)];
  });
  return Object.fromEntries(counts) as StatusCounts<Status>;
}

const byGroupId = (a: InGroup, b: InGroup) => (a.enrollmentGroup < b.enrollmentGroup ? -1 : 1);
