import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ago,
  bytes,
  daysUntil,
  decimal,
  duration,
  fullTime,
  grouped,
  number,
  plural,
  shortTime,
  words,
  zoneName,
} from '../../../console/format.ts';

const now = new Date('2026-11-27T22:00:00Z');

describe('numbers and times of the console', () => {
  it('writes numbers with separators, and their nouns in the right number', () => {
    assert.deepEqual([number(1_234_567), decimal(12.345), decimal(3)], ['1,234,567', '12.3', '3']);
    assert.deepEqual(
      [plural(1, 'device'), plural(0, 'device'), plural(1200, 'entry', 'entries')],
      ['1 device', '0 devices', '1,200 entries'],
    );
  });

  it('shows the same moment in the chosen zone, and names the zone', () => {
    const iso = '2026-11-27T21:54:32Z';
    assert.equal(shortTime(iso, { utc: true, now }), '27 Nov, 21:54');
    assert.equal(shortTime('2025-01-05T00:00:00Z', { utc: true, now }), '5 Jan 2025, 00:00');
    assert.equal(fullTime(iso, true), '27 Nov 2026, 21:54:32 UTC');
    assert.equal(zoneName(true, now), 'UTC');
  });

  it('says how long ago and how long something takes', () => {
    assert.equal(ago('2026-11-27T21:00:00Z', now), '1 hour ago');
    assert.equal(ago('2026-11-30T22:00:00Z', now), 'in 3 days');
    assert.equal(ago('2026-11-27T22:00:00Z', now), 'now');
    assert.deepEqual([0.4, 59, 600, 3_725, 90_000].map(duration), [
      'less than 1 s',
      '59 s',
      '10 min',
      '1 h 2 min',
      '1 d 1 h',
    ]);
  });

  it('counts whole days, and negative ones once a time has passed', () => {
    assert.equal(daysUntil('2026-11-28T21:00:00Z', now), 0);
    assert.equal(daysUntil('2026-12-28T22:00:00Z', now), 31);
    assert.equal(daysUntil('2026-11-27T21:00:00Z', now), -1);
  });

  it('writes sizes, digests and names for people', () => {
    assert.deepEqual([bytes(512), bytes(1_536), bytes(3 * 1_048_576)], ['512 B', '1.5 KB', '3 MB']);
    assert.equal(grouped('0123456789'), '0123 4567 89');
    assert.equal(words('completedWithErrors'), 'completed with errors');
    assert.equal(words('manifest-uploads'), 'manifest uploads');
  });
});
