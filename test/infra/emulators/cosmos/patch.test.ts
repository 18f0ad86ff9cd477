import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CosmosError } from '../../../../infra/emulators/cosmos/errors.ts';
import { applyPatch, type PatchOperation } from '../../../../infra/emulators/cosmos/patch.ts';

const before = { id: 'a', n: 1, list: ['x', 'y'], deep: { er: 'v' }, 'a/b': 1 };
const patch = (...operations: PatchOperation[]) => applyPatch(before, { operations });

test('each operation has the documented effect', () => {
  assert.deepEqual(patch({ op: 'set', path: '/new', value: 1 })['new'], 1);
  assert.deepEqual(patch({ op: 'set', path: '/list/0', value: 'z' })['list'], ['z', 'y']);
  assert.deepEqual(patch({ op: 'add', path: '/list/0', value: 'z' })['list'], ['z', 'x', 'y']);
  assert.deepEqual(patch({ op: 'add', path: '/list/-', value: 'z' })['list'], ['x', 'y', 'z']);
  assert.deepEqual(patch({ op: 'add', path: '/list/2', value: 'z' })['list'], ['x', 'y', 'z']);
  assert.deepEqual(patch({ op: 'replace', path: '/deep/er', value: null })['deep'], { er: null });
  assert.deepEqual(patch({ op: 'remove', path: '/list/0' })['list'], ['y']);
  assert.deepEqual(patch({ op: 'remove', path: '/deep/er' })['deep'], {});
  assert.deepEqual(patch({ op: 'incr', path: '/n', value: -3 })['n'], -2);
  assert.deepEqual(patch({ op: 'incr', path: '/fresh', value: 2 })['fresh'], 2);
  assert.deepEqual(patch({ op: 'set', path: '/a~1b', value: 2 })['a/b'], 2);
  const moved = patch({ op: 'move', from: '/deep/er', path: '/n' });
  assert.deepEqual([moved['n'], moved['deep']], ['v', {}]);
  assert.deepEqual(patch({ op: 'move', from: '/list/0', path: '/list/-' })['list'], ['y', 'x']);
  assert.deepEqual(before.list, ['x', 'y'], 'what was given stays as it was');
});

test('an invalid operation is refused with its name and path', () => {
  const refused: PatchOperation[] = [
    { op: 'set', path: '/list/3', value: 1 },
    { op: 'set', path: '/list/x', value: 1 },
    { op: 'add', path: '/list/-1', value: 1 },
    { op: 'remove', path: '/list/2' },
    { op: 'remove', path: '/list/-' },
    { op: 'set', path: '/new' },
    { op: 'set', path: '', value: 1 },
    { op: 'set', path: '/n/below', value: 1 },
    { op: 'set', path: '/__proto__', value: {} },
    { op: 'set', path: '/constructor/prototype/x', value: 1 },
    { op: 'incr', path: '/list', value: 1 },
    { op: 'incr', path: '/n', value: '1' },
    { op: 'move', from: '/nothing', path: '/n' },
    { op: 'move', from: '/deep', path: '/deep/er' },
    { op: 'drop', path: '/n' },
  ];
  for (const operation of refused) {
    const isRefusal = (error: unknown) => error instanceof CosmosError && error.status === 400;
    assert.throws(() => patch(operation), isRefusal, JSON.stringify(operation));
  }
});
