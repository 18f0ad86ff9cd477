import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RenewalPeriod } from '../../../lib/devices/device.ts';
import { createOverview, type OverviewSources } from '../../../lib/pipeline/overview.ts';
import { someGroup, someTime } from '../../factories.ts';

/* Which periods the counts of the whole deployment ask for, and how long they are used. */

const at = someTime.toISOString();
const day = (days: number) => new Date(someTime.getTime() + days * 86_400_000).toISOString();
const beginning = '0000-01-01T00:00:00.000Z';

/** An overview whose sources note what they are asked for. */
function noting({ requestUnits = 0 } = {}) {
  const asked: unknown[] = [];
  let seconds = 0;
  const counted = async (what: unknown) => {
    asked.push(what);
    return { value: [], requestUnits };
  };
  const group = (id: string, change: object = {}) => {
    return { value: { id, definition: someGroup(id, change), issuingCas: [] }, etag: '' } as never;
  };
  const sources: OverviewSources = {
    devices: {
      countByStatus: (period) => counted(period ?? 'all'),
      countRenewals: (period: RenewalPeriod) => counted(period),
      countEnding: async (period) => {
        asked.push(period);
        return [];
      },
    },
    groups: {
      directory: async () =>
        new Map([
          ['line7', group('line7', { validityDays: 365 })],
          ['line8', group('line8', { validityDays: 10 })],
          ['line9', group('line9', { est: { url: 'https://est.example.com', identity: true } })],
        ]),
    },
    jobs: { countByStatus: (since: string) => counted(since) },
    findings: { countOpen: () => counted('open findings') },
    deadLetters: { countByReason: () => counted('letters') },
    queue: () => ({ waiting: async () => 1, oldest: async () => undefined }),
    now: () => new Date(someTime.getTime() + seconds * 1000),
  };
  return {
    overview: createOverview(sources),
    asked,
    pass: (more: number) => {
      seconds += more;
    },
  };
}

describe('the overview', () => {
  it('counts certificates that have ended, end within 30 days, and within 90', async () => {
    const { overview, asked } = noting();
    await overview.certificates();
    assert.deepEqual(asked, [
      { from: beginning, before: at },
      { from: at, before: day(30) },
      { from: day(30), before: day(90) },
    ]);
  });

  it('counts renewals of 90 days back and ahead, and those without a registration for an hour', async () => {
    const { overview, asked } = noting();
    await overview.renewals();
    assert.deepEqual(asked[0], {
      ...{ from: day(-90).slice(0, 10), before: day(91).slice(0, 10), at },
      unconfirmedBefore: '2026-11-23T07:00:00.000Z',
    });
    // One question per notice; not for groups that another EST server renews.
    const endings = asked.slice(1) as { enrollmentGroups: string[]; from: string; byHand: boolean }[];
    assert.deepEqual(endings.map(({ enrollmentGroups }) => enrollmentGroups).sort(), [['line7'], ['line8']]);
    assert.deepEqual(
      endings.map(({ from, byHand }) => [from, byHand]),
      [
        [beginning, true],
        [beginning, true],
      ],
    );
  });

  it('counts jobs of 14 days, today and 13 before it', async () => {
    const { overview, asked } = noting();
    await overview.jobs();
    assert.deepEqual(asked, ['2026-11-10T00:00:00.000Z']);
  });

  it('asks again after 5 seconds, for renewals after a minute, and after 15 minutes at most', async () => {
    const { overview, asked, pass } = noting();
    const times = async (what: 'devices' | 'renewals', seconds: number) => {
      const before = asked.length;
      pass(seconds);
      await overview[what]();
      return asked.length - before;
    };
    assert.equal(await times('devices', 0), 1);
    assert.equal(await times('devices', 4), 0);
    assert.equal(await times('devices', 1), 1);
    assert.equal(await times('renewals', 0), 3);
    assert.equal(await times('renewals', 59), 0);
    assert.equal(await times('renewals', 1), 3);
    const dear = noting({ requestUnits: 1000 });
    await dear.overview.findings();
    dear.pass(49);
    await dear.overview.findings();
    assert.equal(dear.asked.length, 1, '20 request units per second');
    dear.pass(1);
    await dear.overview.findings();
    assert.equal(dear.asked.length, 2);
    const dearest = noting({ requestUnits: 1_000_000 });
    await dearest.overview.findings();
    dearest.pass(899);
    await dearest.overview.findings();
    assert.equal(dearest.asked.length, 1);
    dearest.pass(1);
    await dearest.overview.findings();
    assert.equal(dearest.asked.length, 2);
  });
});
