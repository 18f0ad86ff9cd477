import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest, type HttpRequestInit } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { type Finding, findingId } from '../../../lib/findings/finding.ts';
import { definitionOf, type FindingKind } from '../../../lib/findings/kinds.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

/* Findings as a client of the API meets them. */

interface Call extends Partial<HttpRequestInit> {
  /** Groups that the caller has the role for. Default: all. */
  readonly groups?: readonly string[];
}

async function call(world: World, id: string, { groups, ...init }: Call = {}) {
  const all = world.services();
  const services = groups === undefined ? all : limitToGroups(all, groups);
  const url = 'http://localhost/api/findings';
  const request = new HttpRequest({ method: operation(id).method, url, ...init });
  const context = { services: services as unknown as Services, caller: { name: 'Ann' }, requestId: 'r' };
  const { status, body } = await operation(id).answer(request, context);
  const json = JSON.parse(String(body)) as Record<string, unknown>;
  operation(id).answers[status ?? 0]?.schema?.parse(json);
  return { status, json };
}

async function find(world: World, kind: FindingKind, id: string, enrollmentGroup = 'line7'): Promise<Finding> {
  const subject = { type: definitionOf(kind).subject, id, enrollmentGroup };
  const at = '2027-01-01T01:00:00.000Z';
  const facts = { expected: { a: 1 }, seen: { a: 2 }, digest: 'd'.repeat(16), firstSeen: at, lastSeen: at, acts: [] };
  const { severity } = definitionOf(kind);
  const finding: Finding = { id: findingId(kind, subject), kind, subject, severity, state: 'open', ...facts };
  await world.findings.create(finding);
  return finding;
}

const idsIn = ({ json }: { json: Record<string, unknown> }) => (json['findings'] as Finding[]).map(({ id }) => id);
const because = (reason: unknown) => ({ body: { string: JSON.stringify({ reason }) } });

describe('GET /api/findings', () => {
  it('lists by kind, severity, state and group, in pages', async () => {
    using world = createWorld();
    const first = await find(world, 'tags-differ', 'gw-1');
    const second = await find(world, 'identity-disabled', 'gw-2');
    const other = await find(world, 'tags-differ', 'gw-3', 'line8');
    const list = async (query: Record<string, string>) => idsIn(await call(world, 'list-findings', { query }));
    assert.deepEqual((await list({})).sort(), [first.id, second.id, other.id].sort());
    assert.deepEqual(await list({ severity: 'high' }), [second.id]);
    assert.deepEqual((await list({ kind: 'tags-differ' })).sort(), [first.id, other.id].sort());
    assert.deepEqual(await list({ group: 'line8' }), [other.id]);
    assert.deepEqual(await list({ state: 'accepted' }), []);
    const page = await call(world, 'list-findings', { query: { limit: '2' } });
    assert.equal(idsIn(page).length, 2);
    const continuation = String(page.json['continuation']);
    const rest = await call(world, 'list-findings', {
      query: { limit: '2', continuation },
      url: `http://localhost/api/findings?limit=2&continuation=${continuation}`,
    });
    assert.equal(new Set([...idsIn(page), ...idsIn(rest)]).size, 3);
  });

  it('refuses values that it does not know', async () => {
    using world = createWorld();
    for (const [name, value] of Object.entries({
      kind: 'x',
      severity: 'worst',
      state: 'closed',
      limit: '1001',
      page: '1',
    })) {
      const query = { [name]: value };
      await assert.rejects(call(world, 'list-findings', { query }), { code: 'request-invalid' }, name);
    }
  });

  it('shows a caller the findings of its groups', async () => {
    using world = createWorld();
    const own = await find(world, 'tags-differ', 'gw-1');
    const other = await find(world, 'tags-differ', 'gw-3', 'line8');
    assert.deepEqual(idsIn(await call(world, 'list-findings', { groups: ['line7'] })), [own.id]);
    for (const id of ['get-finding', 'repair-finding', 'accept-finding']) {
      const init = { params: { findingId: other.id }, groups: ['line7'], ...(id !== 'get-finding' && because('x')) };
      await assert.rejects(call(world, id, init), { code: 'forbidden' }, id);
    }
  });
});

describe('an act on a finding over HTTP', () => {
  it('needs a reason of a bounded length, and a finding that there is', async () => {
    using world = createWorld();
    const { id } = await find(world, 'tags-differ', 'gw-1');
    const unknown = findingId('tags-differ', { type: 'device', id: 'nowhere' });
    for (const act of ['repair-finding', 'accept-finding']) {
      const on = (findingId: string, init: Call) => call(world, act, { params: { findingId }, ...init });
      for (const reason of [undefined, '', 'x'.repeat(5000), 7])
        await assert.rejects(on(id, because(reason)), ({ code }: { code: string }) => /^(request|body)-/.test(code));
      await assert.rejects(on(unknown, because('why')), { code: 'not-found' });
      await assert.rejects(on('../jobs', because('why')), { code: 'not-found' });
    }
    assert.deepEqual((await world.findings.read(id))?.value.acts, []);
  });

  it('accepts one that a person decides on, and not one that the sweep repairs', async () => {
    using world = createWorld();
    const { id: findingIdOfTags } = await find(world, 'tags-differ', 'gw-1');
    const accepted = await call(world, 'accept-finding', {
      params: { findingId: findingIdOfTags },
      ...because('meant so'),
    });
    assert.equal(accepted.json['state'], 'accepted');
    const [act] = accepted.json['acts'] as Finding['acts'];
    assert.deepEqual([act?.act, act?.reason], ['accepted', 'meant so']);
    const { id } = await find(world, 'block-missing', 'gw-2');
    const refused = call(world, 'accept-finding', { params: { findingId: id }, ...because('meant so') });
    await assert.rejects(refused, { code: 'method-conflict' });
  });

  it('repairs what can be repaired, and says who has to act otherwise', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    world.enrollments.entries.groups.delete('line7');
    const { id } = await find(world, 'group-missing', 'line7');
    const repaired = await call(world, 'repair-finding', { params: { findingId: id }, ...because('at once') });
    assert.equal(repaired.json['state'], 'repaired');
    assert.ok(world.enrollments.entries.groups.has('line7'));
    const { id: none } = await find(world, 'identity-missing', 'gw-1');
    const refused = call(world, 'repair-finding', { params: { findingId: none }, ...because('at once') });
    await assert.rejects(refused, { code: 'method-conflict', message: /Let the device register again/ });
  });
});
