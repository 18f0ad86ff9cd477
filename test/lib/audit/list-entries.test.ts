import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAbout } from '../../../lib/audit/about.ts';
import { type AuditEntry, encodeEntry } from '../../../lib/audit/entry.ts';
import { type EntryFilter, type LoggedEntry, listEntries } from '../../../lib/audit/list-entries.ts';
import { sequenceAudit } from '../../../lib/audit/sequencer.ts';
import { createLog } from './some-log.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const timeOf = (minute: number) => new Date(start + minute * 60_000).toISOString();

/** A log with one entry per minute, of the devices gw-0 to gw-9 in turn. It counts the bundles that are read. */
async function someLog(entries: number) {
  const trail = createLog();
  const lines = Array.from({ length: entries }, (_, minute) => {
    const act = { action: 'revoke-device', by: 'Ada (1)', subject: { deviceId: `gw-${minute % 10}` } };
    return `${encodeEntry({ v: 1, id: `id-${minute}`, phase: 'intent', at: timeOf(minute), ...act })}\n`;
  });
  // One block: 20,000 are slow in the memory of this test.
  if (entries > 0) await trail.segments.append('intake/000000', Buffer.from(lines.join('')));
  await sequenceAudit(trail.ports);
  let reads = 0;
  const counted = <T extends typeof trail.log>(store: T): T => ({
    ...store,
    read: (name: string) => {
      reads += 1;
      return store.read(name);
    },
  });
  const containers = { log: counted(trail.log), head: counted(trail.head) };
  const all = { matches: () => true };
  const page = (filter: Partial<EntryFilter>, size: number, continuation?: string) =>
    listEntries({ ...all, ...filter }, { size, continuation }, containers);
  async function everyPage(filter: Partial<EntryFilter>, size: number): Promise<LoggedEntry[]> {
    const found: LoggedEntry[] = [];
    let continuation: string | undefined;
    do {
      const { items, continuation: next } = await page(filter, size, continuation);
      found.push(...items);
      continuation = next;
    } while (continuation !== undefined);
    return found;
  }
  const readsOf = async (work: () => Promise<unknown>) => {
    reads = 0;
    await work();
    return reads;
  };
  return { ...trail, page, everyPage, readsOf };
}

const indexes = (found: readonly LoggedEntry[]) => found.map(({ index }) => index);
const downFrom = (first: number, last: number) => Array.from({ length: first - last + 1 }, (_, at) => first - at);

describe('a list of audit entries', () => {
  it('has each entry once, the newest first, whatever the size of the page', async () => {
    const trail = await someLog(700);
    for (const size of [1, 100, 256, 257, 1000])
      assert.deepEqual(indexes(await trail.everyPage({}, size)), downFrom(699, 0), `size ${size}`);
    assert.deepEqual(indexes(await (await someLog(512)).everyPage({}, 300)), downFrom(511, 0));
    assert.deepEqual(await (await someLog(0)).page({}, 10), { items: [] });
  });

  it('goes on at its place while the log grows', async () => {
    const trail = await someLog(300);
    const { continuation } = await trail.page({}, 50);
    await trail.grow(300);
    assert.deepEqual(indexes((await trail.page({}, 50, continuation)).items), downFrom(249, 200));
  });

  it('finds a time by halves, and ends at the other one', async () => {
    const trail = await someLog(20_000);
    const filter = { from: timeOf(1000), to: timeOf(1100) };
    assert.deepEqual(indexes(await trail.everyPage(filter, 1000)), downFrom(1099, 1000));
    const reads = await trail.readsOf(() => trail.page(filter, 1000));
    assert.ok(reads < 12, `${reads} reads of 79 bundles`);
  });

  it('reads 64 bundles per page at most, and then goes on', async () => {
    const trail = await someLog(20_000);
    const filter = { matches: ({ at }: AuditEntry) => at === timeOf(7) };
    const { items, continuation } = await trail.page(filter, 10);
    assert.deepEqual(items, []);
    assert.equal(await trail.readsOf(() => trail.page(filter, 10)), 64);
    assert.deepEqual(indexes((await trail.page(filter, 10, continuation)).items), [7]);
  });

  it('says when a bundle is missing', async () => {
    const trail = await someLog(300);
    trail.log.delete('tile/entries/000');
    await assert.rejects(trail.everyPage({}, 1000), { code: 'audit-damaged', message: /tile\/entries\/000 has 0/ });
  });
});

describe('an entry', () => {
  const entry = (more: Partial<AuditEntry>): AuditEntry => ({
    ...{ v: 1, id: '1', phase: 'result', at: timeOf(0), action: 'revoke-device', by: 'Ada (8c1f)', subject: {} },
    ...more,
  });
  const device = { deviceId: 'gw-1', archives: ['j1/chunk-00000.zip'] };

  for (const [what, given, query] of [
    ['the device that it was done to', { subject: { deviceId: 'gw-1' } }, { device }],
    [
      'the devices of its archive',
      { action: 'issue-certificates', details: { archive: 'j1/chunk-00000.zip' } },
      { device },
    ],
    ['the job that it made', { action: 'create-job', details: { jobId: 'j1' } }, { jobId: 'j1' }],
    ['the job of a chunk', { action: 'issue-certificates', subject: { jobId: 'j1' } }, { jobId: 'j1' }],
    ['its group', { action: 'put-enrollment-group', subject: { id: 'line7' } }, { enrollmentGroup: 'line7' }],
    [
      'the group of a CA',
      { action: 'create-issuing-ca', subject: { enrollmentGroup: 'line7' } },
      { enrollmentGroup: 'line7' },
    ],
    [
      'each group whose CA signs',
      { action: 'issue-certificates', details: { groups: [{ enrollmentGroup: 'a' }, { enrollmentGroup: 'line7' }] } },
      { enrollmentGroup: 'line7' },
    ],
    [
      'the group of an act on many',
      { action: 'begin-device-act', details: { group: 'line7' } },
      { enrollmentGroup: 'line7' },
    ],
    ['a user by name and id', {}, { by: 'Ada (8c1f)' }],
    ['a user by id', {}, { by: '8c1f' }],
    ['its action', {}, { action: 'revoke-device' }],
  ] as const) {
    it(`is about ${what}`, () => {
      assert.equal(isAbout(entry(given), query), true);
      assert.equal(isAbout(entry({ action: 'other', by: 'Ben', details: { jobId: 'x' } }), query), false);
    });
  }

  it('has to match every member of the query', () => {
    const about = entry({ subject: { deviceId: 'gw-1' } });
    assert.equal(isAbout(about, { device, by: '8c1f' }), true);
    assert.equal(isAbout(about, { device, by: '8c1' }), false);
  });
});
