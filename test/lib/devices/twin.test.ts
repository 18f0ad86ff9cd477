import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeTwins, twinIssues } from '../../../lib/devices/twin.ts';

const nested = (depth: number): Record<string, unknown> => (depth === 0 ? {} : { a: nested(depth - 1) });

describe('limits of a twin', () => {
  const fine: [string, Record<string, unknown>][] = [
    ['is empty', {}],
    ['is nested 10 deep', nested(10)],
    ['has a key with letters of any alphabet', { straße: 'x', 工場: 1 }],
    ['has a string of 4 KB', { a: 'x'.repeat(4096) }],
    ['has the largest integer', { a: 4503599627370495, b: -4503599627370496 }],
    ['has arrays, null and fractions', { a: [1, 2.5, null, { b: true }] }],
  ];
  for (const [what, tags] of fine) {
    it(`accepts a twin that ${what}`, () => assert.deepEqual(twinIssues({ tags, desired: {} }), []));
  }

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['is nested 11 deep', nested(11), /deeper than 10/],
    ['has a dot in a key', { 'a.b': 1 }, /key "a\.b"/],
    ['has a dollar in a key', { $version: 1 }, /key/],
    ['has a space in a key', { 'a b': 1 }, /key/],
    ['has a control character in a key', { 'a\u0007': 1 }, /key/],
    ['has an empty key', { '': 1 }, /key/],
    ['has a key of more than 1 KB', { ['k'.repeat(1025)]: 1 }, /key/],
    ['has a string of more than 4 KB', { a: 'ä'.repeat(2049) }, /longer than 4096/],
    ['has an integer that is too large', { a: 4503599627370496 }, /outside/],
    [
      'is larger than 8 KB in tags',
      { a: 'x'.repeat(4000), b: 'x'.repeat(4000), c: 'x'.repeat(400) },
      /bytes where IoT Hub takes 8192/,
    ],
  ];
  for (const [what, tags, reason] of refused) {
    it(`refuses a twin that ${what}, with the path`, () => {
      const [fault] = twinIssues({ tags, desired: {} });
      assert.match(fault?.path ?? '', /^tags/);
      assert.match(fault?.message ?? '', reason);
    });
  }

  it('accepts 32 KB of desired properties', () => {
    const desired = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`p${index}`, 'x'.repeat(4000)]));
    assert.deepEqual(twinIssues({ tags: {}, desired }), []);
    assert.equal(
      twinIssues({ tags: {}, desired: { ...desired, more: 'x'.repeat(4000), yet: 'x'.repeat(4000) } })[0]?.path,
      'desired',
    );
  });
});

describe('merging twins', () => {
  it('merges objects member by member and replaces any other value', () => {
    const base = { tags: { site: 'berlin', place: { hall: 1, row: 2 } }, desired: { list: [1, 2] } };
    const over = { tags: { place: { row: 3, slot: 4 }, site: { name: 'x' } }, desired: { list: [3] } };
    assert.deepEqual(mergeTwins(base, over), {
      tags: { site: { name: 'x' }, place: { hall: 1, row: 3, slot: 4 } },
      desired: { list: [3] },
    });
    assert.deepEqual(base.tags.place, { hall: 1, row: 2 });
  });
});
