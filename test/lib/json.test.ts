import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGroupDefinition } from '../../lib/groups/definition.ts';
import { untrustedJsonIssue } from '../../lib/json.ts';

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

describe('JSON from outside', () => {
  it('is walked where it is no deeper than a message of ours', () => {
    for (const value of [undefined, null, 1, 'x', [], {}, nested(20), { constructor: { prototype: 1 } }]) {
      assert.equal(untrustedJsonIssue(value), undefined);
    }
  });

  const refused: [what: string, value: unknown, path: RegExp][] = [
    ['nested a level too deep', nested(22), /^a(\.a){20}$/],
    ['nested as deep as a body may be', nested(100_000), /^a\.a/],
    ['nested in lists', JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), /^0\.0/],
    ['about to replace a prototype', JSON.parse('{"a":[{"__proto__":{}}]}'), /^a\.0\.__proto__$/],
  ];
  for (const [what, value, path] of refused) {
    it(`is refused where it is ${what}, and the place is named`, () =>
      assert.match(untrustedJsonIssue(value)?.path ?? '', path));
  }

  it('is refused as a group before anything walks it', () => {
    for (const tags of [nested(100_000), JSON.parse('{"__proto__":{"a":1}}')]) {
      const input = { keyCustody: 'plain', initialTwin: { tags } };
      assert.throws(() => parseGroupDefinition('line7', input), {
        code: 'group-invalid',
        message: /^initialTwin\.tags\./,
      });
    }
  });
});
