import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differenceDigest, eventsOf, type FindingAct, findingId, withAct } from '../../../lib/findings/finding.ts';
import { someFinding } from '../../contract/finding-store.ts';

const at = '2026-11-27T00:00:00.000Z';
const subject = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;

describe('a finding', () => {
  it('has an id that follows from its kind and its subject', () => {
    const id = findingId('other-hub', subject);
    assert.match(id, /^other-hub\.[0-9a-f]{32}$/);
    assert.equal(findingId('other-hub', { type: 'device', id: 'gw-1' }), id);
    assert.notEqual(findingId('other-hub', { type: 'group', id: 'gw-1' }), id);
    assert.notEqual(findingId('other-hub', { type: 'device', id: 'gw-2' }).slice(-32), id.slice(-32));
  });

  it('keeps the latest 20 acts', () => {
    const acts = Array.from({ length: 25 }, (_, index) => ({ act: 'gone', by: String(index), at }) as FindingAct);
    const kept = acts.reduce<readonly FindingAct[]>((all, act) => withAct(all, act), []);
    assert.deepEqual(
      kept.map(({ by }) => Number(by)),
      Array.from({ length: 20 }, (_, index) => index + 5),
    );
  });

  it('has a digest that changes with what was expected and what was seen', () => {
    const digest = differenceDigest({ expected: { a: 1, b: 2 }, seen: { c: 3 } });
    assert.match(digest, /^[0-9a-f]{16}$/);
    assert.equal(differenceDigest({ expected: { b: 2, a: 1 }, seen: { c: 3 } }), digest);
    assert.notEqual(differenceDigest({ expected: { a: 1, b: 2 }, seen: { c: 4 } }), digest);
    assert.notEqual(differenceDigest({ expected: { a: 2, b: 2 }, seen: { c: 3 } }), digest);
  });

  it('owes one event when it is opened, with all that a reader needs', () => {
    const finding = someFinding('other-hub', subject);
    const [event, ...others] = eventsOf(finding, at);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [event?.type, event?.subject, event?.time],
      ['fleet.finding.opened', `findings/${finding.id}`, at],
    );
    assert.deepEqual(event?.data, {
      ...{ findingId: finding.id, kind: 'other-hub', severity: 'high', about: subject },
      ...{ expected: finding.expected, seen: finding.seen, firstSeen: finding.firstSeen },
      links: { finding: `/api/findings/${finding.id}` },
    });
    // Opened again, it is another event.
    assert.notEqual(eventsOf(finding, '2026-11-28T00:00:00.000Z')[0]?.id, event?.id);
  });

  it('of a device that is late owes its event besides, once per certificate and time', () => {
    const seen = { serialNumber: '01', notAfter: at, lateSince: at };
    const late = (more: object = {}) =>
      eventsOf(someFinding('renewal-late', subject, { seen: { ...seen, ...more } }), at)[1];
    assert.deepEqual([late()?.type, late()?.subject, late()?.time], ['fleet.device.late', 'devices/gw-1', at]);
    assert.equal(late()?.id, late({ notAfter: 'later' })?.id);
    assert.notEqual(late()?.id, late({ serialNumber: '02' })?.id);
    assert.notEqual(late()?.id, late({ lateSince: '2026-11-28T00:00:00.000Z' })?.id);
  });
});
