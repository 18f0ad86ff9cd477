import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { routeMatcher, specificFirst } from '../../../../infra/emulators/functions-host/routes.ts';

describe('a route', () => {
  const cases: readonly [prefix: string, route: string, path: string, values: Record<string, string> | undefined][] = [
    ['api', 'things', '/api/things', {}],
    ['api', 'things', '/API/Things/', {}],
    ['api', 'things', '/api/things//', undefined],
    ['api', 'things', '/api/things/a', undefined],
    ['api', 'things', '/things', undefined],
    ['', 'things.json', '/thingsxjson', undefined],
    ['', 'a/{id}/b', '/A/Some%20Id/B', { id: 'Some Id' }],
    ['', 'a/{id}/b', '/a//b', undefined],
    ['', 'a/{id}/b', '/a/x/y/b', undefined],
    ['', 'a/{id}', '/a/x%2Fy', { id: 'x/y' }],
    ['', 'a/{id}', '/a/100%', { id: '100%' }],
    ['', 'a/{id?}', '/a', {}],
    ['', 'a/{id?}', '/a/1', { id: '1' }],
    ['', 'a/{id:int}', '/a/-12', { id: '-12' }],
    ['', 'a/{id:int}', '/a/x', undefined],
    ['', 'a/{*rest}', '/a', {}],
    ['', 'a/{*rest}', '/a/', {}],
    ['', 'a/{*rest}', '/a/b/C.js', { rest: 'b/C.js' }],
    ['', '{ignored:maxlength(0)?}', '/', {}],
    ['', '{ignored:maxlength(0)?}', '/a', undefined],
  ];
  for (const [prefix, route, path, values] of cases) {
    it(`${route} ${values === undefined ? 'does not match' : 'matches'} ${path}`, () => {
      assert.deepEqual(routeMatcher(prefix, route)(path), values);
    });
  }

  it('with literal segments comes before one with parameters, and a catch-all last', () => {
    const routes = ['{*rest}', 'a/{id}', '{id}/b', 'a/b'];
    assert.deepEqual(routes.sort(specificFirst), ['a/b', 'a/{id}', '{id}/b', '{*rest}']);
  });
});
