import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseBlockMessage, parseChunkMessage, parseEnrollmentMessage, placeOf } from '../../../lib/jobs/messages.ts';
import { queues } from '../../../lib/resource-names.ts';

const jobId = '0123456789abcdef01234567';
const chunk = { jobId, chunk: 0, start: 0, end: 0, firstLine: 1, rows: 1, attempt: 1 };
const enrollment = { jobId, chunk: 0, attempt: 1 };

const refusedBy = (queue: string) => ({ code: 'message-invalid', message: new RegExp(queue) });

describe('a message of a chunk', () => {
  it('is taken with each number at its least, and has its place', () => {
    assert.deepEqual(parseChunkMessage(chunk), chunk);
    assert.deepEqual(placeOf(parseChunkMessage(chunk)), { start: 0, end: 0, firstLine: 1, rows: 1 });
  });

  for (const [member, value] of [
    ...[['chunk', -1] as const, ['start', -1] as const, ['end', -1] as const],
    ...[['firstLine', 0] as const, ['rows', 0] as const, ['attempt', 0] as const, ['attempt', 1.5] as const],
    ...[['jobId', jobId.slice(1)] as const, ['jobId', `${jobId}0`] as const, ['adopt', false] as const],
  ]) {
    it(`is refused with ${member} ${value}`, () => {
      assert.throws(() => parseChunkMessage({ ...chunk, [member]: value }), refusedBy(queues.chunks));
    });
  }

  it('names 1,000 lines of a retry, from 1, and no more', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
    assert.equal(parseChunkMessage({ ...chunk, lines: lines(1000) }).lines?.length, 1000);
    assert.throws(() => parseChunkMessage({ ...chunk, lines: lines(1001) }), refusedBy(queues.chunks));
    assert.throws(() => parseChunkMessage({ ...chunk, lines: [0] }), refusedBy(queues.chunks));
  });

  it('is refused with a member that is not known: a later version wrote it', () => {
    assert.throws(() => parseChunkMessage({ ...chunk, more: 1 }), refusedBy(queues.chunks));
  });
});

describe('a message of individual enrollments', () => {
  it('is taken for one DPS instance, for several, and for the only one', () => {
    for (const dps of ['west', '*']) assert.equal(parseEnrollmentMessage({ ...enrollment, dps }).dps, dps);
    assert.equal(parseEnrollmentMessage(enrollment).dps, undefined);
  });

  for (const [member, value] of [
    ['chunk', -1],
    ['attempt', 0],
    ['dps', 'West side'],
  ] as const) {
    it(`is refused with ${member} ${value}`, () => {
      assert.throws(() => parseEnrollmentMessage({ ...enrollment, [member]: value }), refusedBy(queues.enrollments));
    });
  }
});

describe('a message of a block', () => {
  it('names a device or an act, and not both', () => {
    assert.deepEqual(parseBlockMessage({ deviceId: 'gw-1' }), { deviceId: 'gw-1' });
    assert.deepEqual(parseBlockMessage({ actId: jobId }), { actId: jobId });
    assert.throws(() => parseBlockMessage({ deviceId: 'gw-1', actId: jobId }), refusedBy(queues.blocks));
    assert.throws(() => parseBlockMessage({ deviceId: '../gw' }), refusedBy(queues.blocks));
  });
});
