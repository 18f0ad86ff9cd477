import type { DelegatedCaStore } from '../authorities/delegated-ca.ts';
import type { DeviceCount, DeviceFilter, DeviceRecord, DeviceStore } from '../devices/device.ts';
import type { Groups } from '../enrollment/groups.ts';
import { excerpt, FleetError } from '../errors.ts';
import type { Finding, FindingStore } from '../findings/finding.ts';
import type { Job, JobStore } from '../jobs/job.ts';
import type { Page } from '../storage.ts';
import type { Overview } from './overview.ts';
import type { Ports } from './ports.ts';

/*
 * The ports of a caller whose role is limited to enrollment groups. The handlers of such a caller get these ports, so no
 * handler can forget a check. Each port lists its methods: a new method does not compile until its limit is decided.
 */

/** @throws FleetError `forbidden` when `allowed` is given and lacks the group */
export function requireGroup(group: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined || allowed.includes(group)) return;
  const message = `The caller has no role for the enrollment group "${excerpt(group)}".`;
  throw new FleetError('forbidden', message, { column: 'enrollmentGroup', value: excerpt(group) });
}

/**
 * The same ports, limited to enrollment groups. They throw FleetError `forbidden` for a job, a device or a group that the
 * caller may not use, and leave it out of lists. Jobs that are submitted through them carry the limit on to their rows.
 * @param allowed ids of enrollment groups; the caller has the role of the operation for them
 */
export function limitToGroups<
  Limited extends Pick<Ports, 'jobs' | 'devices' | 'groups' | 'delegatedCas' | 'findings' | 'overview'>,
>(ports: Limited, allowed: readonly string[]): Limited {
  const jobs = limitedJobs(ports.jobs, allowed);
  const devices = limitedDevices(ports.devices, allowed);
  const groups = limitedGroups(ports.groups, allowed);
  const delegatedCas = limitedDelegatedCas(ports.delegatedCas, allowed);
  const findings = limitedFindings(ports.findings, allowed);
  const overview = limitedOverview(ports.overview, allowed);
  return { ...ports, jobs, devices, groups, delegatedCas, findings, overview, allowedGroups: allowed };
}

/**
 * A job without a limit of its own can hold rows of any group, also if its manifest lies in the folder of one group. So a
 * limited caller reaches the jobs whose limit lies within the caller's.
 */
function limitedJobs(jobs: JobStore, allowed: readonly string[]): JobStore {
  const isWithin = (job: Pick<Job, 'allowedGroups'>) => isWithinLimit(job, allowed);
  const refuse = ({ jobId }: Job): never => {
    const message = `Job ${jobId} can have rows of enrollment groups for which the caller has no role.`;
    throw new FleetError('forbidden', message);
  };
  async function read(jobId: string): Promise<Job | undefined> {
    const job = await jobs.read(jobId);
    return job === undefined || isWithin(job) ? job : refuse(job);
  }
  return {
    read,
    create: async (job) => (isWithin(job) ? jobs.create(job) : refuse(job)),
    async readWithPart(jobId, part) {
      await read(jobId);
      return jobs.readWithPart(jobId, part);
    },
    async update(jobId, from, change) {
      await read(jobId);
      return jobs.update(jobId, from, change);
    },
    async readVersion(jobId) {
      const found = await jobs.readVersion(jobId);
      return found === undefined || isWithin(found.value) ? found : refuse(found.value);
    },
    async updateVersion(version, change) {
      return isWithin(version.value) ? jobs.updateVersion(version, change) : refuse(version.value);
    },
    async count(jobId, part) {
      await read(jobId);
      return jobs.count(jobId, part);
    },
    async claim(jobId, part, serialNumbers) {
      await read(jobId);
      return jobs.claim(jobId, part, serialNumbers);
    },
    async claimed(jobId, part) {
      await read(jobId);
      return jobs.claimed(jobId, part);
    },
    async *parts(jobId, from) {
      await read(jobId);
      yield* jobs.parts(jobId, from);
    },
    // A page can be shorter than its size, and empty before the last one.
    async list(page) {
      const { items, ...rest } = await jobs.list(page);
      return { ...rest, items: items.filter(isWithin) };
    },
    async removeEnded() {
      throw new FleetError('forbidden', 'Jobs are deleted by the deployment itself, and by no caller.');
    },
    async unsettled(page) {
      const { items, ...rest } = await jobs.unsettled(page);
      return { ...rest, items: items.filter(isWithin) };
    },
    async countByStatus(since) {
      const { value, requestUnits } = await jobs.countByStatus(since);
      return { value: value.filter(isWithin), requestUnits };
    },
  };
}

function limitedDevices(devices: DeviceStore, allowed: readonly string[]): DeviceStore {
  const requireAll = (records: Iterable<DeviceRecord>) => {
    for (const { enrollmentGroup } of records) requireGroup(enrollmentGroup, allowed);
  };
  return {
    async create(records) {
      requireAll(records);
      return devices.create(records);
    },
    async read(ids) {
      const found = await devices.read(ids);
      for (const { value } of found.values()) {
        if (allowed.includes(value.enrollmentGroup)) continue;
        // The answer does not name the group of a device that the caller may not see.
        throw new FleetError('forbidden', `The caller has no role for the enrollment group of device "${value.id}".`);
      }
      return found;
    },
    async replace(records) {
      requireAll(records.map(({ value }) => value));
      return devices.replace(records);
    },
    async remove(records) {
      requireAll(records.map(({ value }) => value));
      return devices.remove(records);
    },
    async list(filter, page): Promise<Page<DeviceRecord>> {
      return devices.list({ ...filter, enrollmentGroup: groupOf(filter, allowed) }, page);
    },
    async countEnding({ enrollmentGroups, ...period }) {
      const permitted = enrollmentGroups.filter((group) => allowed.includes(group));
      return devices.countEnding({ ...period, enrollmentGroups: permitted });
    },
    async countRenewals(period) {
      const { value, requestUnits } = await devices.countRenewals(period);
      return { value: value.filter(({ enrollmentGroup }) => allowed.includes(enrollmentGroup)), requestUnits };
    },
    async countByStatus(period) {
      const { value, requestUnits } = await devices.countByStatus(period);
      return { value: value.filter(({ enrollmentGroup }) => allowed.includes(enrollmentGroup)), requestUnits };
    },
    async dueLooks(before, limit) {
      const ids = await devices.dueLooks(before, limit);
      const records = (await devices.read(ids)).values();
      return [...records].filter(({ value }) => allowed.includes(value.enrollmentGroup)).map(({ value }) => value.id);
    },
    async countUnderCa(ca) {
      requireGroup(ca.enrollmentGroup, allowed);
      return devices.countUnderCa(ca);
    },
    async waitingIds(enrollmentGroup, limit) {
      requireGroup(enrollmentGroup, allowed);
      return devices.waitingIds(enrollmentGroup, limit);
    },
  };
}

/** The group that a list of devices is of. A caller with several groups names one, so that each page is full. */
function groupOf({ enrollmentGroup }: DeviceFilter, allowed: readonly string[]): string {
  const [first, ...more] = allowed;
  const group = enrollmentGroup ?? (more.length === 0 ? first : undefined);
  if (group === undefined) {
    const expected = `one of ${allowed.join(', ')}`;
    const message = `The parameter group is missing. The caller has a role for some enrollment groups; expected ${expected}.`;
    throw new FleetError('request-invalid', message, { column: 'group', expected: excerpt(expected) });
  }
  requireGroup(group, allowed);
  return group;
}

/** Whether work that is limited to groups has rows of these groups only. Work without a limit can have rows of any group. */
export function isWithinLimit(
  { allowedGroups }: { readonly allowedGroups?: readonly string[] | undefined },
  allowed: readonly string[],
): boolean {
  return allowedGroups?.every((group) => allowed.includes(group)) ?? false;
}

/** A finding about something that belongs to no group that is known is nothing for a limited caller. */
function limitedFindings(findings: FindingStore, allowed: readonly string[]): FindingStore {
  const isWithin = ({ subject: { enrollmentGroup } }: Finding) =>
    enrollmentGroup !== undefined && allowed.includes(enrollmentGroup);
  const requireWithin = (finding: Finding) => {
    if (isWithin(finding)) return;
    throw new FleetError('forbidden', `The caller has no role for the enrollment group of finding "${finding.id}".`);
  };
  return {
    async create(finding) {
      requireWithin(finding);
      return findings.create(finding);
    },
    async replace(finding) {
      requireWithin(finding.value);
      return findings.replace(finding);
    },
    async read(id) {
      const found = await findings.read(id);
      if (found !== undefined) requireWithin(found.value);
      return found;
    },
    async ofSubjects(subjects) {
      return (await findings.ofSubjects(subjects)).filter(({ value }) => isWithin(value));
    },
    async list({ enrollmentGroups = allowed, ...filter }, page) {
      for (const group of enrollmentGroups) requireGroup(group, allowed);
      return findings.list({ ...filter, enrollmentGroups }, page);
    },
    async countOpen() {
      const { value, requestUnits } = await findings.countOpen();
      const own = value.filter(({ enrollmentGroup = '' }) => allowed.includes(enrollmentGroup));
      return { value: own, requestUnits };
    },
  };
}

function limitedDelegatedCas(delegatedCas: DelegatedCaStore, allowed: readonly string[]): DelegatedCaStore {
  return {
    async create(ca) {
      requireGroup(ca.enrollmentGroup, allowed);
      return delegatedCas.create(ca);
    },
    async replace(ca) {
      requireGroup(ca.value.enrollmentGroup, allowed);
      return delegatedCas.replace(ca);
    },
    async read(id) {
      const found = await delegatedCas.read(id);
      if (found === undefined || allowed.includes(found.value.enrollmentGroup)) return found;
      // The answer does not name the group of a CA that the caller may not see.
      throw new FleetError('forbidden', `The caller has no role for the enrollment group of delegated CA "${id}".`);
    },
    async list({ enrollmentGroups = allowed, ...filter }, page) {
      for (const group of enrollmentGroups) requireGroup(group, allowed);
      return delegatedCas.list({ ...filter, enrollmentGroups }, page);
    },
  };
}

/** Counts of the caller's groups. Dead letters and messages are of all groups. */
function limitedOverview(overview: Overview, allowed: readonly string[]): Overview {
  const own = (counts: readonly DeviceCount[]) => counts.filter((each) => allowed.includes(each.enrollmentGroup));
  const refuse = async (): Promise<never> => {
    throw new FleetError('forbidden', 'Dead letters and queues are of all enrollment groups.');
  };
  return {
    async devices() {
      const { value, observedAt } = await overview.devices();
      return { value: own(value), observedAt };
    },
    async certificates() {
      const { value, observedAt } = await overview.certificates();
      const { ended, days30, days90 } = value;
      return { value: { ended: own(ended), days30: own(days30), days90: own(days90) }, observedAt };
    },
    async renewals() {
      const { value, observedAt } = await overview.renewals();
      const isOwn = ({ enrollmentGroup }: { readonly enrollmentGroup: string }) => allowed.includes(enrollmentGroup);
      return { value: { counts: value.counts.filter(isOwn), byHand: value.byHand.filter(isOwn) }, observedAt };
    },
    async jobs() {
      const { value, observedAt } = await overview.jobs();
      return { value: value.filter((job) => isWithinLimit(job, allowed)), observedAt };
    },
    async findings() {
      const { value, observedAt } = await overview.findings();
      return { value: value.filter(({ enrollmentGroup = '' }) => allowed.includes(enrollmentGroup)), observedAt };
    },
    deadLetters: refuse,
    queues: refuse,
  };
}

function limitedGroups(groups: Groups, allowed: readonly string[]): Groups {
  return {
    async directory(options) {
      const all = await groups.directory(options);
      return new Map([...all].filter(([id]) => allowed.includes(id)));
    },
    async declare(id, input, by, options) {
      requireGroup(id, allowed);
      return groups.declare(id, input, by, options);
    },
    async markDeleting(id, by, precondition) {
      requireGroup(id, allowed);
      return groups.markDeleting(id, by, precondition);
    },
    async unmarkDeleting(id) {
      requireGroup(id, allowed);
      return groups.unmarkDeleting(id);
    },
    async finishDeletion(id) {
      requireGroup(id, allowed);
      return groups.finishDeletion(id);
    },
    async latest(id) {
      requireGroup(id, allowed);
      return groups.latest(id);
    },
    async markRemoving(id, generation, by) {
      requireGroup(id, allowed);
      return groups.markRemoving(id, generation, by);
    },
    async unmarkRemoving(id, generation) {
      requireGroup(id, allowed);
      return groups.unmarkRemoving(id, generation);
    },
    async finishRemoval(id, generation) {
      requireGroup(id, allowed);
      return groups.finishRemoval(id, generation);
    },
    async ensure(group) {
      requireGroup(group.value.id, allowed);
      return groups.ensure(group);
    },
    async rotateAllocationKey(id) {
      requireGroup(id, allowed);
      return groups.rotateAllocationKey(id);
    },
    async foresee(group) {
      requireGroup(group.value.id, allowed);
      return groups.foresee(group);
    },
    async rollOver(id, options, by) {
      requireGroup(id, allowed);
      return groups.rollOver(id, options, by);
    },
    async ensureEstCa(id) {
      requireGroup(id, allowed);
      return groups.ensureEstCa(id);
    },
    async writeAgain(id) {
      requireGroup(id, allowed);
      return groups.writeAgain(id);
    },
    async suspend(id, suspension) {
      requireGroup(id, allowed);
      return groups.suspend(id, suspension);
    },
    async resume(id) {
      requireGroup(id, allowed);
      return groups.resume(id);
    },
    async noteReached(id, status) {
      requireGroup(id, allowed);
      return groups.noteReached(id, status);
    },
    async noteSize(id, devices) {
      requireGroup(id, allowed);
      return groups.noteSize(id, devices);
    },
    async requestIssuingCa(id) {
      requireGroup(id, allowed);
      return groups.requestIssuingCa(id);
    },
    async importIssuingCa(id, ca, options) {
      requireGroup(id, allowed);
      return groups.importIssuingCa(id, ca, options);
    },
    async noteRegistration(id, ca, name) {
      requireGroup(id, allowed);
      return groups.noteRegistration(id, ca, name);
    },
  };
}
