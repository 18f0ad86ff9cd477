import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest, type HttpRequestInit } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

/* Delegated CAs as a client of the API meets them. */

interface Call extends Partial<HttpRequestInit> {
  /** Groups that the caller has the role for. Default: all. */
  readonly groups?: readonly string[];
}

async function call(world: World, id: string, { groups, ...init }: Call = {}) {
  const all = world.services();
  const services = groups === undefined ? all : limitToGroups(all, groups);
  const url = 'http://localhost/api/certificate-authorities';
  const request = new HttpRequest({ method: operation(id).method, url, ...init });
  const context = { services: services as unknown as Services, caller: { name: 'Ann' }, requestId: 'r' };
  const { status, body } = await operation(id).answer(request, context);
  const json = JSON.parse(String(body)) as Record<string, unknown>;
  operation(id).answers[status ?? 0]?.schema?.parse(json);
  return json;
}

const because = { body: { string: '{"reason":"memory was read"}' } };

/** Two devices with certificates of one delegated CA. */
async function provisioned(world: World): Promise<string> {
  await world.declare('line7', { keyCustody: 'plain', issuance: 'delegated' });
  await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n');
  await world.settle();
  const [ca] = world.delegatedCas.all();
  assert.ok(ca);
  return ca.id;
}

const cas = (json: Record<string, unknown>) =>
  (json['certificateAuthorities'] as { serialNumber: string }[]).map(({ serialNumber }) => serialNumber);
const devices = (json: Record<string, unknown>) =>
  (json['devices'] as { deviceId: string }[]).map(({ deviceId }) => deviceId);

describe('/api/certificate-authorities', () => {
  it('lists delegated CAs by group and state, and shows one, with its devices', async () => {
    using world = createWorld();
    const serial = await provisioned(world);
    const list = async (query: Record<string, string>) =>
      cas(await call(world, 'list-certificate-authorities', { query }));
    assert.deepEqual(await list({}), [serial]);
    assert.deepEqual(await list({ group: 'line7', state: 'open' }), [serial]);
    assert.deepEqual(await list({ group: 'line8' }), []);
    assert.deepEqual(await list({ state: 'blocked' }), []);
    // As copied from a tool that writes upper case.
    const params = { serial: serial.toUpperCase() };
    const shown = await call(world, 'get-certificate-authority', { params });
    assert.deepEqual([shown['serialNumber'], shown['state'], shown['worker']], [serial, 'open', 'test-host-1']);
    const listed = await call(world, 'list-certificate-authority-devices', { params, query: { limit: '1' } });
    assert.deepEqual([devices(listed), typeof listed['continuation']], [['gw-1'], 'string']);
  });

  it('blocks one, and answers the devices that have to be issued again', async () => {
    using world = createWorld();
    const serial = await provisioned(world);
    const blocked = await call(world, 'block-certificate-authority', { params: { serial }, ...because });
    assert.deepEqual(devices(blocked), ['gw-1', 'gw-2']);
    assert.equal(blocked['reissueList'], `/api/certificate-authorities/${serial}/reissue-list`);
    const { state, blocked: block } = blocked['certificateAuthority'] as Record<string, unknown>;
    assert.equal(state, 'blocked');
    assert.equal((block as Record<string, unknown>)['reason'], 'memory was read');
    assert.equal(world.enrollments.entries.groups.get(`blocked-ca-${serial}`)?.disabled, true);
    const entry = world.audit.entries.findLast(({ action }) => action === 'block-certificate-authority');
    assert.deepEqual([entry?.subject, entry?.details?.['enrollmentGroup']], [{ serial }, 'line7']);
  });

  it('is for callers with a role for the group', async () => {
    using world = createWorld();
    const serial = await provisioned(world);
    const groups = ['line8'];
    const params = { serial };
    assert.deepEqual(cas(await call(world, 'list-certificate-authorities', { groups })), []);
    for (const [id, init] of [
      ['get-certificate-authority', {}],
      ['list-certificate-authority-devices', {}],
      ['block-certificate-authority', because],
    ] as const)
      await assert.rejects(call(world, id, { groups, params, ...init }), { code: 'forbidden' }, id);
    const query = { group: 'line7' };
    await assert.rejects(call(world, 'list-certificate-authorities', { groups, query }), { code: 'forbidden' });
    assert.equal((await world.delegatedCas.read(serial))?.value.blocked, undefined);
  });

  it('has no CA of another serial number, and takes no text that is none', async () => {
    using world = createWorld();
    for (const serial of ['0'.repeat(32), 'line7', '../x'])
      await assert.rejects(call(world, 'get-certificate-authority', { params: { serial } }), { code: 'not-found' });
  });
});
