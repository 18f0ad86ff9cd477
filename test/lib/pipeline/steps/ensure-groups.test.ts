import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../../lib/errors.ts';
import type { GroupInput } from '../../../../lib/groups/definition.ts';
import type { GroupRecord } from '../../../../lib/groups/group.ts';
import type { ClaimedRow } from '../../../../lib/pipeline/steps/claim.ts';
import { ensureGroups, refusal } from '../../../../lib/pipeline/steps/ensure-groups.ts';
import type { Versioned } from '../../../../lib/storage.ts';
import { someDevice, someGroup, someTime } from '../../../factories.ts';

const attempt = { jobId: '0123456789abcdef01234567', chunk: 0, attempt: 1 };
const at = someTime.toISOString();

function group(id: string, change: Partial<GroupInput> = {}, more: Partial<GroupRecord> = {}): Versioned<GroupRecord> {
  const value = { id, definition: someGroup(id, change), issuingCas: [], createdAt: at, updatedAt: at, ...more };
  return { etag: '1', value };
}

function row(enrollmentGroup: string, line = 2): ClaimedRow {
  const request = { deviceId: `gw-${line}`, enrollmentGroup, line, source: '', tags: {}, desired: {} };
  return { request, record: { value: someDevice({ id: request.deviceId, enrollmentGroup }) } };
}

/** Ensures a row of each id. @param failures errors of DPS, by the id of the group */
async function ensure(
  ids: readonly string[],
  known: readonly Versioned<GroupRecord>[],
  failures: Readonly<Record<string, Error>> = {},
) {
  const groups = {
    directory: async () => new Map(known.map((each) => [each.value.id, each])),
    ensure: async (each: Versioned<GroupRecord>) => {
      const failure = failures[each.value.id];
      if (failure !== undefined) throw failure;
      return each;
    },
  };
  const rows = ids.map((id, index) => row(id, index + 2));
  const { issuances, refusals } = await ensureGroups(rows, attempt, {
    groups,
    openIssuance: async ({ value }) => value.id,
  });
  return { open: [...issuances.values()], refused: [...refusals].map(([id, { code }]) => [id, code]), refusals };
}

describe('the groups of a chunk', () => {
  it('are open but for the one that DPS refuses, whose rows have the reason', async () => {
    const failures = { b: new FleetError('group-refused', 'No such hub.') };
    const { open, refused, refusals } = await ensure(['a', 'b', 'c'], [group('a'), group('b'), group('c')], failures);
    assert.deepEqual([open, refused], [['a', 'c'], [['b', 'group-refused']]]);
    const error = refusal(row('b', 7), { refusals });
    assert.deepEqual(
      [error?.line, error?.code, error?.message, error?.column, error?.value],
      [7, 'group-refused', 'No such hub.', 'enrollmentGroup', 'b'],
    );
    assert.equal(refusal(row('a'), { refusals }), undefined);
  });

  it('that are gone or being deleted stop no others', async () => {
    const leaving = group('leaving', {}, { deleting: { by: 'Ann', at } });
    const { open, refused } = await ensure(['gone', 'leaving', 'a'], [leaving, group('a')]);
    assert.deepEqual(open, ['a']);
    assert.deepEqual(refused, [
      ['gone', 'group-unknown'],
      ['leaving', 'group-unknown'],
    ]);
  });

  it('are read again where they are gone or being deleted, since another process may have declared them a moment ago', async () => {
    const declared = ['new', 'again'].map((id) => [id, group(id)] as const);
    const cached = new Map([['again', group('again', {}, { deleting: { by: 'Ann', at } })]]);
    const directory = async ({ maxAgeSeconds = 10 } = {}) => (maxAgeSeconds === 0 ? new Map(declared) : cached);
    const { issuances, refusals } = await ensureGroups([row('new'), row('again')], attempt, {
      groups: { directory, ensure: async (each) => each },
      openIssuance: async ({ value }) => value.deleting,
    });
    assert.deepEqual([[...issuances], [...refusals]], [declared.map(([id]) => [id, undefined]), []]);
  });

  it('leave the whole chunk to be tried again where that can help', async () => {
    const throttled = new FleetError('throttled', 'Busy.');
    await assert.rejects(ensure(['a', 'b'], [group('a'), group('b')], { b: throttled }), throttled);
  });

  it('do not hide an error that is not of a service', async () => {
    const fault = new TypeError('a fault of the program');
    const known = [group('a'), group('b', { dps: 'west' })];
    await assert.rejects(ensure(['a', 'b'], known, { b: fault }), fault);
  });
});

describe('the groups of a chunk in two DPS instances', () => {
  const known = [group('a'), group('b', { dps: 'west' }), group('c', { dps: 'west' }), group('d', { dps: 'west' })];
  const away = new FleetError('unavailable', 'west is away');

  it('are open in the one that answers; each group of the other has a reason', async () => {
    const failures = { b: new FleetError('group-refused', 'No such hub.'), c: away };
    const { open, refused } = await ensure(['a', 'b', 'c', 'd'], known, failures);
    assert.deepEqual(open, ['a']);
    assert.deepEqual(refused, [
      ['b', 'group-refused'],
      ['c', 'unavailable'],
      ['d', 'unavailable'],
    ]);
  });

  it('stay open where they were opened before their instance failed', async () => {
    const { open, refused } = await ensure(['a', 'b', 'c'], known, { c: away });
    assert.deepEqual([open.toSorted(), refused], [['a', 'b'], [['c', 'unavailable']]]);
  });

  it('leave the whole chunk to be tried again where neither answers', async () => {
    await assert.rejects(ensure(['a', 'b'], known, { a: away, b: away }), away);
  });
});
