import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest, type HttpRequestInit } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

/* Versions, adoption and deletion as a client of the API meets them. */

async function call(world: World, id: string, init: Partial<HttpRequestInit>) {
  const dps = { instances: [{ name: 'default' }] };
  const services = { ...world.services(), groupStore: world.groupStore, dpsCas: createMemoryDpsCaStore(), dps };
  const request = new HttpRequest({ method: operation(id).method, url: 'http://localhost/api/x', ...init });
  const context = { services: services as unknown as Services, caller: { name: 'Ann' }, requestId: 'r' };
  const { status, headers, body } = await operation(id).answer(request, context);
  const json: unknown = JSON.parse(String(body));
  const answer = operation(id).answers[status ?? 0];
  assert.ok(answer?.schema !== undefined, `${id} does not describe ${status}`);
  // Members that are undefined are not in the JSON.
  answer.schema.parse(json);
  return { status, etag: (headers as Record<string, string>)['etag'], json: json as Record<string, unknown> };
}

const line7 = { params: { id: 'line7' } };
const put = (world: World, more: Partial<HttpRequestInit> = {}) =>
  call(world, 'put-enrollment-group', { ...line7, body: { string: '{"keyCustody": "plain"}' }, ...more });

describe('an enrollment group over HTTP', () => {
  it('has an ETag, by which a change that comes late is refused', async () => {
    using world = createWorld();
    const created = await put(world, { headers: { 'if-none-match': '*' } });
    assert.equal(created.status, 201);
    assert.equal((await call(world, 'get-enrollment-group', line7)).etag, created.etag);
    const changed = await put(world, {
      headers: { 'if-match': created.etag ?? '' },
      body: { string: '{"keyCustody": "plain", "description": "changed"}' },
    });
    assert.notEqual(changed.etag, created.etag);
    await assert.rejects(put(world, { headers: { 'if-match': created.etag ?? '' } }), { code: 'precondition-failed' });
    await assert.rejects(put(world, { headers: { 'if-match': 'no tag' } }), { code: 'request-invalid' });
  });

  it('is pending, with the next step, while DPS is not known to trust its CA', async () => {
    using world = createWorld();
    await put(world);
    const { json } = await call(world, 'get-enrollment-group', line7);
    const { status, reason } = json['enrollment'] as { status: string; reason: { code: string } };
    assert.deepEqual([status, reason.code], ['pending', 'ca-unregistered']);
  });

  it('is deleted, and says what became of it in DPS', async () => {
    using world = createWorld();
    await put(world);
    const { status, json } = await call(world, 'delete-enrollment-group', line7);
    assert.deepEqual([status, json['id'], json['dps']], [200, 'line7', 'deleted']);
    assert.equal((json['formerCas'] as unknown[]).length, 1);
    await assert.rejects(call(world, 'get-enrollment-group', line7), { code: 'not-found' });
  });

  it('of someone else in DPS is taken over with adopt=true only', async () => {
    using world = createWorld();
    const theirs = {
      etag: '"x"',
      createdAt: '2026-01-01T00:00:00Z',
      attestation: 'x509',
      thumbprints: ['00'],
      caReferences: [],
    };
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(put(world), { code: 'group-exists' });
    const { json } = await put(world, { query: { adopt: 'true' } });
    assert.deepEqual((json['adoptedBy'] as { by: string }).by, 'Ann');
  });
});

describe('a device over HTTP', () => {
  it('is deleted, and can still be seen with its certificate and who deleted it', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    const gw1 = { params: { deviceId: 'gw-1' } };
    const { status, json } = await call(world, 'delete-device', gw1);
    assert.equal(status, 200);
    const seen = (await call(world, 'get-device', gw1)).json;
    assert.deepEqual(
      [seen['status'], (seen['deletion'] as { by: string }).by, seen['bundle']],
      ['deleted', 'Ann', undefined],
    );
    assert.deepEqual(seen['certificate'], json['certificate']);
    await assert.rejects(call(world, 'delete-device', { params: { deviceId: 'nobody' } }), { code: 'not-found' });
  });
});
