import type { DeviceRecord } from '../lib/devices/device.ts';
import { type GroupInput, parseGroupDefinition } from '../lib/groups/definition.ts';
import { type Job, noRows } from '../lib/jobs/job.ts';

/*
 * Things that tests need and do not care about; a test names only what it is about.
 */

export const someTime = new Date('2026-11-23T08:00:00.000Z');

export function someDevice(change: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    id: 'gw-1',
    enrollmentGroup: 'line7',
    status: 'claimed',
    statusSince: someTime.toISOString(),
    claim: { jobId: '0123456789abcdef01234567', chunk: 0, line: 2, attempt: 1 },
    contentHash: 'a'.repeat(64),
    serialNumber: '01'.repeat(16),
    history: [],
    ...change,
  };
}

export function someJob(change: Partial<Job> = {}): Job {
  return {
    jobId: '0123456789abcdef01234567',
    source: 'blob',
    name: 'line7/list.csv',
    manifest: { blob: 'line7/list.csv', etag: '0x8D0000000000001' },
    format: 'csv',
    onConflict: 'reject',
    status: 'received',
    chunks: 0,
    counts: noRows,
    receivedAt: someTime.toISOString(),
    ...change,
  };
}

export function someGroup(id = 'line7', change: Partial<GroupInput> = {}) {
  return parseGroupDefinition(id, { keyCustody: 'plain', initialTwin: { tags: { site: 'berlin' } }, ...change });
}
