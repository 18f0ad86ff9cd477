import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { createLog } from '../../lib/audit/some-log.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

const caller = { name: 'Ada', id: '1', role: 'reader' } as const;

async function list(world: World, trail: ReturnType<typeof createLog>, query = '') {
  const services = { ...world.services(), auditLog: trail.ports } as unknown as Services;
  const request = new HttpRequest({ method: 'GET', url: `http://localhost/api/audit${query}` });
  const { body } = await operation('list-audit-entries').answer(request, { services, caller, requestId: 'r-1' });
  return JSON.parse(String(body)) as { entries: { index: number; action: string }[]; next?: string };
}

describe('GET /api/audit', () => {
  it('lists entries of the log by pages, with filters', async () => {
    using world = createWorld();
    const trail = createLog();
    await trail.grow(5);
    const { entries, next } = await list(world, trail, '?limit=2');
    assert.deepEqual(entries[0], {
      ...{ index: 4, id: 'id-5', phase: 'intent', at: '2026-11-27T10:00:00.000Z', action: 'delete-device' },
      ...{ by: 'Ada (1)', subject: { deviceId: 'gw-4' } },
    });
    const second = await list(world, trail, next?.replace('/api/audit', ''));
    assert.deepEqual(
      second.entries.map(({ index }) => index),
      [2, 1],
    );
    const ofOne = await list(world, trail, '?device=gw-3&by=1&action=delete-device&from=2026-11-27');
    assert.deepEqual(
      ofOne.entries.map(({ index }) => index),
      [3],
    );
    assert.deepEqual((await list(world, trail, '?to=2026-11-27')).entries, []);
  });

  it('lists the chunk in which a device got its certificate', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\n');
    await world.settle();
    const trail = createLog();
    for (const { phase, id: _id, outcome = 'done', code, details, ...act } of world.audit.entries) {
      if (phase === 'result') await trail.audit.result({ id: 'x', act }, { outcome, code, details });
    }
    await trail.grow(1);
    const { entries } = await list(world, trail, '?device=gw-1');
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['issue-certificates'],
    );
  });

  it('refuses an action that no entry has', async () => {
    using world = createWorld();
    await assert.rejects(list(world, createLog(), '?action=revoke-devices'), {
      code: 'request-invalid',
      message: 'No entry has the action "revoke-devices". Did you mean revoke-device?',
    });
  });
});
