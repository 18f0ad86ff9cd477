import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cloudEvent, inMessages } from '../../lib/events/cloud-event.ts';
import { currentStatus, type Job, jobStatuses, type RowCounts, waiting } from '../../lib/jobs/job.ts';
import { withOwedEvents } from '../../lib/jobs/job-events.ts';
import { eventId, eventTypes, type OwedEvent, owe } from '../../lib/outbox.ts';
import { assertEvery } from '../assert-every.ts';
import { someJob } from '../factories.ts';
import fc from '../fast-check.ts';

const type = fc.constantFrom(...eventTypes);
const fact = fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(undefined), fc.string({ unit: 'binary' })), {
  maxLength: 5,
});
const some = <T>(value: T): fc.Arbitrary<T> => fc.constant(value);

describe('the id of an event', () => {
  it('follows from its type and its fact, and from nothing else', () => {
    fc.assert(
      fc.property(type, fact, type, fact, (type, fact, otherType, otherFact) => {
        const id = eventId(type, ...fact);
        assert.match(id, /^evt_[0-9a-f]{32}$/);
        assert.equal(eventId(type, ...structuredClone(fact)), id);
        const same = type === otherType && JSON.stringify(fact) === JSON.stringify(otherFact);
        assert.equal(eventId(otherType, ...otherFact) === id, same);
      }),
    );
  });
});

describe('a document that owes events', () => {
  it('owes each of them once, in the order in which they came', () => {
    const event = fc.nat({ max: 6 }).map((n): OwedEvent => {
      const type = 'fleet.job.ended';
      return { id: eventId(type, n), type, subject: `jobs/${n}`, time: '2026-11-27T00:00:00.000Z', data: {} };
    });
    fc.assert(
      fc.property(fc.array(fc.array(event)), (rounds) => {
        let document = owe({ name: 'some' });
        for (const round of rounds) document = owe(document, ...round);
        const wanted = [...new Map(rounds.flat().map((each) => [each.id, each])).values()];
        assert.deepEqual(document.outbox ?? [], wanted);
        assert.equal(document.owedSince === undefined, wanted.length === 0);
      }),
    );
  });
});

const counts = fc
  .record({ provisioned: fc.nat(3), unchanged: some(0), rejected: fc.nat(2), failed: fc.nat(2), cancelled: fc.nat(1) })
  .chain((done) =>
    fc.nat(2).map((open): RowCounts => ({ ...done, total: open + Object.values(done).reduce((a, b) => a + b) })),
  );

/** Any version of a job that a store could be given. */
const version = fc.record({
  status: fc.constantFrom(...jobStatuses),
  counts,
  retrying: fc.integer({ min: -1, max: 2 }),
});

describe('the ends of a job', () => {
  it('are announced with revisions 1, 2, 3, each with other ids, and never while a row waits', () => {
    fc.assert(
      fc.property(
        fc.array(version, { minLength: 1, maxLength: 12 }),
        fc.constantFrom('order', 'http'),
        (versions, source) => {
          let job: Job = withOwedEvents(undefined, someJob({ source, status: 'received' }));
          const told: OwedEvent[] = [];
          for (const change of versions) {
            const { outbox: _outbox, owedSince: _owedSince, ...sent } = job;
            const next = withOwedEvents(sent, { ...sent, ...change });
            const events = next.outbox ?? [];
            if (events.length > 0) {
              assert.equal(next.status, currentStatus(next));
              assert.ok(next.status === 'failed' || waiting(next.counts) === 0);
            }
            // Written again, it is the same end.
            assert.deepEqual(withOwedEvents(next, next).outbox, next.outbox);
            told.push(...events);
            job = next;
          }
          const revisions = told.filter(({ type }) => type === 'fleet.job.ended').map(({ data }) => data['revision']);
          assert.deepEqual(
            revisions,
            revisions.map((_, index) => index + 1),
          );
          assert.equal(new Set(told.map(({ id }) => id)).size, told.length);
          const finished = told.filter(({ type }) => type === 'fleet.order.finished').length;
          assert.equal(finished, source === 'order' ? revisions.length : 0);
        },
      ),
    );
  });
});

describe('events in messages', () => {
  it('are all there, in order, in messages that a queue takes', () => {
    const event = fc.record({ type, size: fc.oneof(fc.nat(200), fc.nat(70_000)) }).map(({ type, size }) => {
      const data = { text: 'ä'.repeat(size), links: { job: '/api/jobs/1' } };
      return cloudEvent(
        { id: eventId(type, size), type, subject: 's', time: '2026-11-27T00:00:00.000Z', data },
        undefined,
      );
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const messages = inMessages(events);
        const isPerDevice = ({ type }: { type: string }) => type === 'fleet.device.assigned';
        for (const wanted of [isPerDevice, (each: { type: string }) => !isPerDevice(each)]) {
          assert.deepEqual(messages.flat().filter(wanted), events.filter(wanted));
        }
        for (const message of messages) {
          if (message.length !== 1) assertEvery(message, isPerDevice);
          assert.ok(Buffer.byteLength(JSON.stringify(message)) < 64 * 1024);
        }
      }),
      { numRuns: 30 },
    );
  });
});
