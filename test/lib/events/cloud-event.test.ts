import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cloudEvent, inMessages } from '../../../lib/events/cloud-event.ts';
import type { EventData, EventType } from '../../../lib/outbox.ts';
import { apiUrl } from './event-ports.ts';

const maxBytes = 48 * 1024;
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

function someEvent(
  data: EventData,
  {
    id = 'evt_1',
    at = 'known',
    type = 'fleet.job.ended',
  }: { id?: string; at?: 'known' | 'unknown'; type?: EventType } = {},
) {
  const time = '2026-11-23T08:00:00.000Z';
  return cloudEvent({ id, type, subject: 'jobs/1', time, data }, at === 'known' ? apiUrl : undefined);
}

describe('an event', () => {
  const data = { rows: 2, links: { job: '/api/jobs/1' } };

  it('comes from the address of the app, and its links go there', () => {
    const { source, data: sent } = someEvent(data);
    assert.equal(source, apiUrl);
    assert.deepEqual(sent, { rows: 2, links: { job: `${apiUrl}/api/jobs/1` } });
  });

  it('has paths as links where the app does not know its address', () => {
    const { source, data: sent } = someEvent(data, { at: 'unknown' });
    assert.equal(source, '/fleet');
    assert.deepEqual(sent, data);
  });

  it('needs no links', () => assert.deepEqual(someEvent({ rows: 2 }).data, { rows: 2 }));

  it('of more than 48 KiB has its links only, so that it does not stop the events behind it', () => {
    const sized = (bytes: number) => {
      const withText = (length: number) => ({ ...data, text: 'x'.repeat(length) });
      return someEvent(withText(bytes - bytesOf(someEvent(withText(0)))));
    };
    assert.equal(bytesOf(sized(maxBytes)), maxBytes);
    assert.deepEqual(sized(maxBytes + 1), {
      ...someEvent(data),
      data: { truncated: true, links: { job: `${apiUrl}/api/jobs/1` } },
    });
  });
});

describe('messages', () => {
  const device = (id: number, text = '') => someEvent({ text }, { id: `evt_${id}`, type: 'fleet.device.assigned' });
  const sizes = (events: Parameters<typeof inMessages>[0]) => inMessages(events).map(({ length }) => length);

  it('have one event, or up to 100 of single devices', () => {
    const devices = Array.from({ length: 201 }, (_, id) => device(id));
    assert.deepEqual(sizes(devices), [100, 100, 1]);
    assert.deepEqual(sizes([someEvent({}), someEvent({})]), [1, 1]);
    assert.deepEqual(sizes([device(1), someEvent({}), device(2)]), [2, 1]);
    assert.deepEqual(sizes([]), []);
  });

  it('are filled up to 48 KiB', () => {
    const frame = bytesOf(device(1)) + 1;
    const fits = 4;
    const text = 'x'.repeat(maxBytes / fits - frame);
    const devices = Array.from({ length: 9 }, (_, id) => device(id, text));
    assert.deepEqual(sizes(devices), [4, 4, 1]);
    const larger = Array.from({ length: 9 }, (_, id) => device(id, `${text}x`));
    assert.deepEqual(sizes(larger), [3, 3, 3]);
  });
});
