import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest, type HttpRequestInit } from '@azure/functions';
import * as z from 'zod';
import { defineOperation } from '../../../functions/http/operation.ts';
import { operations } from '../../../functions/http/operations.ts';
import type { Services } from '../../../functions/services.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

const caller = { name: 'Ada', id: '1', role: 'operator' } as const;

function call(world: World, id: string, init: Partial<HttpRequestInit>) {
  const dps = { instances: [{ name: 'default' }] };
  const services = { ...world.services(), groupStore: world.groupStore, dpsCas: createMemoryDpsCaStore(), dps };
  const request = new HttpRequest({ method: operation(id).method, url: 'http://localhost/api/x', ...init });
  return operation(id).answer(request, { services: services as unknown as Services, caller, requestId: 'r-1' });
}

const declare = (world: World) =>
  call(world, 'put-enrollment-group', {
    params: { id: 'line7' },
    url: 'http://localhost/api/enrollment-groups/line7?adopt=true',
    body: { string: '{"keyCustody": "plain"}' },
  });

describe('the audit trail of the HTTP API', () => {
  it('has who did what, on what, by which role, and what came of it', async () => {
    using world = createWorld();
    await declare(world);
    const [intent, result] = world.audit.entries.filter(({ action }) => action === 'put-enrollment-group');
    assert.deepEqual(intent, {
      phase: 'intent',
      id: '0',
      action: 'put-enrollment-group',
      by: 'Ada (1)',
      role: 'operator',
      subject: { id: 'line7' },
      why: undefined,
      trace: 'r-1',
      details: { query: { adopt: 'true' } },
    });
    assert.equal(result?.outcome, 'done');
    assert.match(String(result?.details?.['definitionSha256']), /^[0-9a-f]{64}$/);
    assert.equal(result?.details?.['caGeneration'], 1);
  });

  it('has no function key, which can be a parameter', async () => {
    using world = createWorld();
    await call(world, 'put-enrollment-group', {
      params: { id: 'line7' },
      url: 'http://localhost/api/enrollment-groups/line7?code=a-function-key&adopt=true',
      body: { string: '{"keyCustody": "plain"}' },
    });
    assert.notEqual(world.audit.entries.length, 0);
    assert.doesNotMatch(JSON.stringify(world.audit.entries), /a-function-key/);
  });

  it('has the code of an act that failed', async () => {
    using world = createWorld();
    await assert.rejects(call(world, 'delete-device', { params: { deviceId: 'gw-1' } }), { code: 'not-found' });
    assert.deepEqual(
      world.audit.entries.map(({ phase, outcome, code }) => [phase, outcome, code]),
      [
        ['intent', undefined, undefined],
        ['result', 'failed', 'not-found'],
      ],
    );
  });

  it('has the reason that the caller gave, and does not stop an act that takes rights away', async () => {
    using world = createWorld();
    const suspend = defineOperation({
      id: 'suspend-device',
      method: 'POST',
      path: 'devices/{deviceId}/suspend',
      summary: 'For this test',
      role: 'operator',
      perGroup: true,
      takesRightsAway: true,
      query: z.object({ reason: z.string() }),
      answers: { 200: { description: 'Done.' } },
      handle: async () => ({ status: 200 }),
    });
    const url = 'http://localhost/api/x?reason=ticket%2042';
    const request = () => new HttpRequest({ method: 'POST', url });
    const context = { services: world.services() as unknown as Services, caller, requestId: 'r-1' };
    await suspend.answer(request(), context);
    assert.equal(world.audit.entries[0]?.why, 'ticket 42');
    world.audit.stop();
    assert.equal((await suspend.answer(request(), context)).status, 200);
  });

  it('stops an act when it takes no entries', async () => {
    using world = createWorld();
    world.audit.stop();
    await assert.rejects(declare(world), { code: 'unavailable' });
    assert.equal(await world.groupStore.read('line7'), undefined);
  });

  it('has every operation that changes something or takes a key away, and no list', () => {
    const audited = operations.filter(({ method, audited = method !== 'GET' }) => audited).map(({ id }) => id);
    assert.ok(audited.includes('get-device-bundle'));
    for (const { id, method, role } of operations) {
      // A check changes nothing.
      const changes = method !== 'GET' && id !== 'create-check';
      if (changes) assert.ok(audited.includes(id) && role !== 'reader', id);
    }
  });
});
