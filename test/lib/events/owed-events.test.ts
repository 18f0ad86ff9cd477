import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caEnding } from '../../../lib/authorities/expiry.ts';
import { blocked, closed } from '../../../lib/devices/blocking.ts';
import { findingId } from '../../../lib/findings/finding.ts';
import { keepFindings } from '../../../lib/pipeline/keep-findings.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createMemoryFindingStore } from '../../memory/finding-store.ts';

describe('a CA certificate that ends', () => {
  it('is announced once at 60, 30, 7 days and 1 day, and when it has ended', () => {
    const idAt = (days: number) =>
      caEnding({ group: 'line7', certificate: 'chain', notAfter: '2027-01-20T12:00:00.000Z', days }, someTime).id;
    const ids = Array.from({ length: 70 }, (_, index) => idAt(59 - index));
    assert.equal(new Set(ids).size, 5);
    const firstOf = [...new Set(ids)].map((id) => 59 - ids.indexOf(id));
    assert.deepEqual(firstOf, [59, 29, 6, 0, -1]);
  });
});

describe('a finding', () => {
  const subject = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;
  const difference = { kind: 'other-hub', subject, expected: { hub: 'a' }, seen: { hub: 'b' } } as const;
  const comparison = (seen: boolean) => {
    return [{ subject, differences: seen ? [difference] : [], decided: ['other-hub'] as const }];
  };
  const at = (minute: number) => new Date(someTime.getTime() + minute * 60_000).toISOString();

  it('owes an event in the write that opens it, none while it stays, and another one when it comes back', async () => {
    const store = createMemoryFindingStore();
    const owed = async () =>
      (await store.read(findingId('other-hub', subject)))?.value.outbox?.map(({ id }) => id) ?? [];
    await keepFindings(comparison(true), at(1), store);
    const [first, ...others] = await owed();
    assert.deepEqual([typeof first, others], ['string', []]);
    await keepFindings(comparison(true), at(2), store);
    assert.deepEqual(await owed(), [first]);
    await keepFindings(comparison(false), at(3), store);
    await keepFindings(comparison(true), at(4), store);
    const again = await owed();
    assert.deepEqual([again.length, again[0] === first, again[1] === first], [2, true, false]);
  });
});

describe('a revoked device', () => {
  it('owes its event once every door is closed, and not before', () => {
    const act = { by: 'ada', at: someTime.toISOString(), reason: 'stolen', mark: 'mark-1' };
    const closing = blocked(someDevice({ status: 'assigned' }), { kind: 'revoked', ...act });
    assert.equal(closing.outbox, undefined);
    const revoked = closed(closing, closing.block ?? assert.fail(), someTime.toISOString());
    assert.deepEqual(
      revoked.outbox?.map(({ type }) => type),
      ['fleet.device.revoked'],
    );
    // A door that was found open and closed again is the same fact.
    const again = closed({ ...revoked, status: 'closing' }, closing.block ?? assert.fail(), someTime.toISOString());
    assert.deepEqual(again.outbox, revoked.outbox);
  });
});
