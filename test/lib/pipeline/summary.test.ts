import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deviceStatuses } from '../../../lib/devices/device.ts';
import type { Job } from '../../../lib/jobs/job.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { createOverview } from '../../../lib/pipeline/overview.ts';
import { readSummary } from '../../../lib/pipeline/summary.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { someFinding } from '../../contract/finding-store.ts';
import { someDevice, someJob, someTime } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createMemoryDeviceStore } from '../../memory/device-store.ts';
import { createMemoryFindingStore } from '../../memory/finding-store.ts';
import { createMemoryJobStore } from '../../memory/job-store.ts';
import { createWorld } from '../../world.ts';

const day = (days: number) => new Date(someTime.getTime() + days * 24 * 60 * 60 * 1000).toISOString();
const endingAt = (notAfter: string) => ({
  ...{ sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64) },
  ...{ notBefore: '2026-01-01T00:00:00.000Z', notAfter },
});

async function somePorts(world: ReturnType<typeof createWorld>) {
  const now = () => someTime;
  const [devices, jobs, deadLetters] = [
    createMemoryDeviceStore(),
    createMemoryJobStore(),
    createMemoryDeadLetterStore(),
  ];
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain', enrollment: 'individual' });
  await devices.create([
    someDevice({ id: 'a', enrollmentGroup: 'line7', status: 'assigned', identity: endingAt(day(-1)) }),
    someDevice({ id: 'b', enrollmentGroup: 'line7', status: 'assigned', identity: endingAt(day(29)) }),
    someDevice({ id: 'c', enrollmentGroup: 'line7', status: 'failed' }),
    someDevice({ id: 'd', enrollmentGroup: 'line8', status: 'provisioned', identity: endingAt(day(60)) }),
    someDevice({ id: 'e', enrollmentGroup: 'line8', status: 'provisioned', identity: endingAt(day(91)) }),
  ]);
  const job = (jobId: string, receivedAt: string, change: Partial<Job>) =>
    jobs.create(someJob({ jobId, receivedAt, ...change }));
  await job('1', day(0), { status: 'failed' });
  await job('2', day(-0.5), { status: 'completed', allowedGroups: ['line7'] });
  await job('3', day(-2), { status: 'failed', allowedGroups: ['line8'] });
  await job('4', day(-20), { status: 'splitting', allowedGroups: ['line7'] });
  await job('5', day(-20), { status: 'failed', allowedGroups: ['line7'] });
  await deadLetters.put(someLetter('x', 'orders'));
  await deadLetters.put(someLetter('y', 'orders'));
  const findings = createMemoryFindingStore();
  for (const [enrollmentGroup, severity] of [
    ['line7', 'critical'],
    ['line7', 'low'],
    ['line8', 'low'],
  ] as const) {
    const subject = { type: 'device', id: `${enrollmentGroup}-${severity}`, enrollmentGroup } as const;
    await findings.create(someFinding('other-hub', subject, { severity }));
  }
  await findings.create(someFinding('other-hub', { type: 'device', id: 'quiet' }, { state: 'accepted' }));
  const queue = (name: string) => ({
    waiting: async () => (name === 'chunks' ? 3 : 0),
    oldest: async () => (name === 'chunks' ? someTime : undefined),
  });
  const overview = createOverview({
    devices,
    groups: world.services().groups,
    jobs,
    findings,
    deadLetters,
    queue,
    now,
  });
  return { ...world.services(), devices, jobs, overview, now };
}

describe('the summary', () => {
  it('counts devices, jobs, ending certificates, groups, dead letters and messages', async () => {
    using world = createWorld();
    const summary = await readSummary(await somePorts(world));
    const observedAt = someTime.toISOString();
    assert.equal(summary.devices.observedAt, observedAt);
    assert.equal(summary.devices.total, 5);
    const noDevices = Object.fromEntries(deviceStatuses.map((status) => [status, 0]));
    assert.deepEqual(summary.devices.byStatus, { ...noDevices, provisioned: 2, assigned: 2, failed: 1 });
    assert.deepEqual(
      summary.devices.byGroup.map(({ enrollmentGroup, total }) => [enrollmentGroup, total]),
      [
        ['line7', 3],
        ['line8', 2],
      ],
    );
    const { running, lastDay, days } = summary.jobs;
    assert.equal(running, 1);
    assert.equal(lastDay.since, '2026-11-22T08:00:00.000Z');
    assert.deepEqual([lastDay.byStatus.failed, lastDay.byStatus.completed], [1, 1]);
    assert.equal(days.length, 14);
    assert.deepEqual([days[0]?.day, days.at(-1)?.day], ['2026-11-10', '2026-11-23']);
    assert.deepEqual(
      days.filter(({ byStatus }) => byStatus.failed > 0).map((each) => each.day),
      ['2026-11-21', '2026-11-23'],
    );
    const { ended, within30Days, within90Days, byGroup } = summary.certificates;
    assert.deepEqual([ended, within30Days, within90Days], [1, 1, 2]);
    assert.deepEqual(byGroup, [
      { enrollmentGroup: 'line7', ended: 1, within30Days: 1, within90Days: 1 },
      { enrollmentGroup: 'line8', ended: 0, within30Days: 0, within90Days: 1 },
    ]);
    assert.deepEqual(summary.groups, { enrolled: 2, pending: [], refused: [], deleting: [], endingCas: [] });
    assert.deepEqual(summary.findings, {
      ...{ total: 3, observedAt },
      bySeverity: { critical: 1, high: 0, medium: 0, low: 2 },
    });
    assert.equal(summary.deadLetters?.total, 2);
    assert.deepEqual(summary.deadLetters?.byReason, [{ queue: 'orders', code: 'unavailable', letters: 2 }]);
    const chunks = summary.queues?.byQueue.find(({ queue }) => queue === 'chunks');
    assert.deepEqual(chunks, { queue: 'chunks', messages: 3, oldest: observedAt });
  });

  it('has the caller’s groups only, and neither dead letters nor messages, for a limited role', async () => {
    using world = createWorld();
    const summary = await readSummary(limitToGroups(await somePorts(world), ['line7']));
    assert.equal(summary.devices.total, 3);
    assert.deepEqual(summary.findings.bySeverity, { critical: 1, high: 0, medium: 0, low: 1 });
    assert.deepEqual(
      summary.devices.byGroup.map(({ enrollmentGroup }) => enrollmentGroup),
      ['line7'],
    );
    assert.equal(summary.jobs.running, 1);
    const { byStatus } = summary.jobs.lastDay;
    assert.deepEqual([byStatus.failed, byStatus.completed], [0, 1]);
    assert.equal(summary.certificates.within90Days, 1);
    assert.equal(summary.groups.enrolled, 1);
    assert.equal('deadLetters' in summary, false);
    assert.equal('queues' in summary, false);
    assert.ok(!JSON.stringify(summary).includes('line8'));
  });

  it('is read once for callers with different limits', async () => {
    using world = createWorld();
    const ports = await somePorts(world);
    let reads = 0;
    const devices = {
      ...world.devices,
      countByStatus: async () => {
        reads += 1;
        return { value: [], requestUnits: 0 };
      },
    };
    const queue = () => ({ waiting: async () => 0, oldest: async () => undefined });
    const overview = createOverview({ ...ports, deadLetters: createMemoryDeadLetterStore(), devices, queue });
    const services = { ...ports, overview };
    await readSummary(services);
    await readSummary(limitToGroups(services, ['line7']));
    await readSummary(limitToGroups(services, ['line8']));
    // Devices, and three periods of certificates.
    assert.equal(reads, 4);
  });
});
