import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { twinIssues } from '../../lib/devices/twin.ts';
import { parseGroupDefinition } from '../../lib/groups/definition.ts';
import { canonicalJson, untrustedJsonIssue } from '../../lib/json.ts';
import { parseDeviceObject } from '../../lib/manifest/device-fields.ts';
import { createRepairCount } from '../../lib/manifest/repairs.ts';

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

describe('canonical JSON', () => {
  it('is the same for the same content in any order', () => {
    const [one, other] = [JSON.parse('{"b":[{"d":1,"c":2}],"a":null}'), JSON.parse('{"a":null,"b":[{"c":2,"d":1}]}')];
    assert.equal(canonicalJson(one), '{"a":null,"b":[{"c":2,"d":1}]}');
    assert.equal(canonicalJson(other), canonicalJson(one));
  });

  it('orders keys by UTF-16 code units, as RFC 8785 3.2.3 does', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const sorted = Object.keys(JSON.parse(canonicalJson(Object.fromEntries(keys.map((key) => [`k${key}`, 0])))));
    assert.deepEqual(sorted, ['k\r', 'k1', 'k\u0080', 'k\u00f6', 'k\u20ac', 'k\u{1f600}', 'k\ufb33']);
  });

  it('leaves out undefined members, and escapes lone surrogates', () => {
    assert.equal(canonicalJson({ a: undefined, b: '\ud800' }), '{"b":"\\ud800"}');
  });
});

describe('untrusted JSON', () => {
  it('is accepted up to 20 levels', () => {
    for (const value of [undefined, null, 1, 'x', [], {}, nested(20), { constructor: { prototype: 1 } }]) {
      assert.equal(untrustedJsonIssue(value), undefined);
    }
  });

  const refused: [what: string, value: unknown, path: RegExp][] = [
    ['nested one level too deep', nested(22), /^a(\.a){20}$/],
    ['nested 100,000 levels deep', nested(100_000), /^a\.a/],
    ['nested in arrays', JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), /^0\.0/],
    ['replacing a prototype', JSON.parse('{"a":[{"__proto__":{}}]}'), /^a\.0\.__proto__$/],
  ];
  for (const [what, value, path] of refused) {
    it(`is refused when it is ${what}, with the place`, () =>
      assert.match(untrustedJsonIssue(value)?.path ?? '', path));
  }

  it('is accepted up to 50,000 values, at any depth, and refused with one more', () => {
    const list = (length: number) => Array(length).fill(1);
    const spread = (length: number) => ({ a: list(length / 2 - 2), b: { c: list(length / 2 - 1) } });
    assert.equal(untrustedJsonIssue(list(50_000)), undefined);
    assert.equal(untrustedJsonIssue(spread(50_000)), undefined);
    assert.deepEqual(untrustedJsonIssue(list(50_001)), { path: '', message: 'more than 50000 values' });
    assert.deepEqual(untrustedJsonIssue({ ...spread(50_000), d: 1 }), {
      path: 'b.c',
      message: 'more than 50000 values',
    });
  });

  it('of millions of values is refused within milliseconds, and without a copy of them', () => {
    const wide = Object.fromEntries(Array.from({ length: 10 }, (_, key) => [key, Array(2_000_000).fill(0)]));
    const before = performance.now();
    for (let round = 0; round < 100; round++) assert.ok(untrustedJsonIssue(wide));
    assert.ok(performance.now() - before < 1000);
  });

  it('is refused as a group definition, a twin or a row when it has too many values', () => {
    const tags = { a: Array(50_001).fill(1) };
    const tooMany = { code: 'group-invalid', message: /^initialTwin\.tags\.a: more than 50000 values/ };
    assert.throws(() => parseGroupDefinition('line7', { keyCustody: 'plain', initialTwin: { tags } }), tooMany);
    assert.throws(() => parseGroupDefinition('line7', Array(50_001).fill(1)), { code: 'group-invalid' });
    assert.deepEqual(twinIssues({ tags, desired: {} }), [{ path: 'tags.a', message: 'more than 50000 values' }]);
    const row = parseDeviceObject(JSON.stringify({ deviceId: 'gw-1', tags }), createRepairCount());
    assert.ok('errors' in row);
    assert.deepEqual(
      row.errors.map(({ code, column }) => [code, column]),
      [['twin-invalid', 'tags.a']],
    );
  });

  it('is refused as a group definition before it is walked', () => {
    for (const tags of [nested(100_000), JSON.parse('{"__proto__":{"a":1}}')]) {
      const input = { keyCustody: 'plain', initialTwin: { tags } };
      assert.throws(() => parseGroupDefinition('line7', input), {
        code: 'group-invalid',
        message: /^initialTwin\.tags\./,
      });
    }
  });
});
