import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { InvocationContext } from '@azure/functions';
import { onPoisonMessage } from '../../functions/on-message.ts';
import type { Services } from '../../functions/services.ts';
import { FleetError } from '../../lib/errors.ts';

/** Services whose clock moves only while something waits. */
function pausedServices() {
  let time = Date.parse('2026-11-28T10:00:00.000Z');
  const waits: number[] = [];
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds / 1000);
    time += milliseconds;
  };
  const given = { retry: { maxWaitSeconds: 300, sleep }, now: () => new Date(time) };
  return { given: given as unknown as Services, waits };
}

/** Fails so many times, then succeeds. */
function failing(times: number, error: Error) {
  const bodies: string[] = [];
  const handle = async (body: string) => {
    bodies.push(body);
    if (bodies.length <= times) throw error;
  };
  return { handle, bodies };
}

const context = () => ({ info() {}, warn() {}, error() {} }) as unknown as InvocationContext;

describe('a message of a poison queue', () => {
  // The host would deliver it again only when its lease of ten minutes has ended.
  it('is handled in the same run after a write was lost', async () => {
    const { given, waits } = pausedServices();
    const { handle, bodies } = failing(2, new FleetError('unavailable', 'Cosmos DB did not answer.'));
    await onPoisonMessage(handle, () => given)({ jobId: 'a', chunk: 1 }, context());
    assert.deepEqual(bodies, Array(3).fill('{"jobId":"a","chunk":1}'));
    assert.deepEqual(waits, [1, 2]);
  });

  it('waits as long as the service asks', async () => {
    const { given, waits } = pausedServices();
    const { handle } = failing(1, new FleetError('throttled', 'Too many requests.', { retryAfter: 40 }));
    await onPoisonMessage(handle, () => given)('text', context());
    assert.deepEqual(waits, [40]);
  });

  it('is left to the host when its error does not pass within five minutes, long before functionTimeout', async () => {
    const { given, waits } = pausedServices();
    const error = new FleetError('unavailable', 'Cosmos DB did not answer.');
    const { handle } = failing(Number.POSITIVE_INFINITY, error);
    await assert.rejects(onPoisonMessage(handle, () => given)('text', context()), error);
    const waited = waits.reduce((sum, each) => sum + each, 0);
    assert.ok(waited > 240 && waited <= 300, `${waited} s`);
    const { functionTimeout } = JSON.parse(readFileSync(new URL('../../host.json', import.meta.url), 'utf8'));
    assert.equal(functionTimeout, '00:30:00');
  });

  it('is left to the host at once when repeating does not help', async () => {
    const { given, waits } = pausedServices();
    const error = new Error('A fault of the app.');
    const { handle, bodies } = failing(Number.POSITIVE_INFINITY, error);
    await assert.rejects(onPoisonMessage(handle, () => given)('text', context()), error);
    assert.deepEqual([bodies.length, waits], [1, []]);
  });
});
