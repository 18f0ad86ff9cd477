import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { parseGroupDefinition } from '../../../lib/groups/definition.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import {
  jitterDaysOf,
  renewalPaceOf,
  renewalsPerMinute,
  sizeClassOf,
  withSize,
} from '../../../lib/groups/validity-jitter.ts';
import fc from '../../fast-check.ts';

const definition = (change: object = {}) => parseGroupDefinition('line7', { keyCustody: 'device', ...change });
const gateways = (threshold: string) =>
  definition({ est: { url: 'https://est.example.com/.well-known/est', identity: true, threshold } });

describe('the window of a group', () => {
  it('is a day for small groups, and then follows from their size', () => {
    assert.equal(jitterDaysOf(definition(), 1), 1);
    assert.equal(jitterDaysOf(definition(), 1000), 1);
    // 16,384 devices at 2,062.5 a day; renewals lie in 80 % of the window.
    assert.equal(jitterDaysOf(definition(), 10_000), 16_384 / 2062.5 / 0.8);
  });

  it('is a tenth of the life at most', () => {
    assert.equal(jitterDaysOf(definition(), 1_000_000), 36.5);
    assert.equal(jitterDaysOf(definition({ validityDays: 7 }), 1), 0.7000000000000001);
  });

  it('is what the group says', () => {
    assert.equal(jitterDaysOf(definition({ validityJitterDays: 100 }), 1), 100);
    assert.equal(jitterDaysOf(definition({ validityJitterDays: 0 }), 1_000_000), 0);
  });

  it('is wider where devices renew earlier in their life, and narrower where they renew a fixed time before its end', () => {
    const by = (threshold: string) => jitterDaysOf(gateways(threshold), 10_000) / jitterDaysOf(definition(), 10_000);
    assert.ok(Math.abs(by('40%') - 2) < 1e-9);
    assert.ok(Math.abs(by('30day') - 0.8) < 1e-9);
  });

  it('changes only when a group doubles, so that a repeated chunk has the same', () => {
    assert.equal(jitterDaysOf(definition(), 9000), jitterDaysOf(definition(), 16_384));
    assert.ok(jitterDaysOf(definition(), 16_385) > jitterDaysOf(definition(), 16_384));
    assert.deepEqual([0, 1, 2, 3, 1024, 1025].map(sizeClassOf), [0, 1, 2, 4, 1024, 2048]);
  });

  it('keeps renewals at half of the quota of DPS, for any group that one DPS can hold', () => {
    const size = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(size, fc.integer({ min: 20, max: 3650 }), (devices, validityDays) => {
        const { perMinute, perDay } = renewalPaceOf(definition({ validityDays }), devices);
        assert.ok(perMinute <= renewalsPerMinute, `${perMinute}`);
        assert.ok(perDay <= devices);
      }),
    );
  });

  it('that is 0 has all renewals in one minute', () => {
    const pace = renewalPaceOf(definition({ validityJitterDays: 0 }), 5000);
    assert.deepEqual(pace, { jitterDays: 0, perDay: 5000, perMinute: 5000 });
  });

  it('is refused if it is more than half of the life', () => {
    assert.throws(
      () => definition({ validityDays: 10, validityJitterDays: 5.1 }),
      (error) => {
        assert.ok(error instanceof FleetError);
        assert.match(error.message, /validityJitterDays.*expected at most 5/);
        return true;
      },
    );
    assert.equal(definition({ validityDays: 10, validityJitterDays: 5 }).validityJitterDays, 5);
  });
});

describe('the noted size of a group', () => {
  it('changes when the group has doubled or halved, and is not noted of small groups', () => {
    const at = '2026-11-28T00:00:00.000Z';
    const group: GroupRecord = { id: 'line7', definition: definition(), issuingCas: [], createdAt: at, updatedAt: at };
    assert.equal(withSize(group, 500), group);
    const large = withSize(group, 5000);
    assert.equal(large.deviceScale, 8192);
    assert.equal(withSize(large, 8000), large);
    assert.equal(withSize(large, 8200).deviceScale, 16_384);
    assert.ok(!('deviceScale' in withSize(large, 10)));
  });
});
