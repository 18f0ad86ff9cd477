import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergePatch } from '../../../infra/emulators/dps/hub/hub-device.ts';
import { twinViolation } from '../../../infra/emulators/dps/twin-limits.ts';
import { mergeTwins, type Twin, twinIssues, twinPatch } from '../../../lib/devices/twin.ts';
import fc from '../../fast-check.ts';

/** Objects nested `depth` deep; the innermost one has `value` as a member. */
const nested = (depth: number, value?: unknown): Record<string, unknown> =>
  depth === 0 ? (value === undefined ? {} : { a: value }) : { a: nested(depth - 1, value) };

describe('limits of a twin', () => {
  const fine: [string, Record<string, unknown>][] = [
    ['is empty', {}],
    ['is nested 10 deep', nested(10)],
    ['has a key with letters of any alphabet', { straße: 'x', 工場: 1 }],
    ['has a string of 4 KB', { a: 'x'.repeat(4096) }],
    ['has the largest integer', { a: 4503599627370495, b: -4503599627370496 }],
    ['has a key of 1 KB', { ['k'.repeat(1024)]: 1 }],
    ['has arrays and fractions', { a: [1, 2.5, { b: true }] }],
    ['has a value in the tenth nested object', nested(10, 'value')],
    ['has 1000 numbers of many digits, which are 8 bytes each', { a: Array.from({ length: 1000 }, () => 1234567.891) }],
    ['is 8 KB without the quotes and commas of its JSON', { a: 'x'.repeat(4096), b: 'x'.repeat(4094) }],
    ['has control characters, which do not count', { a: 'x'.repeat(4095), b: '\n'.repeat(4096), c: 'y'.repeat(4094) }],
  ];
  for (const [what, tags] of fine) {
    it(`accepts a twin that ${what}`, () => assert.deepEqual(twinIssues({ tags, desired: {} }), []));
  }

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['is nested 11 deep', nested(11), /deeper than 10/],
    ['has a dot in a key', { 'a.b': 1 }, /key "a\.b"/],
    ['has a dollar in a key', { $other: 1 }, /key "\$other" is empty/],
    ['has a member of IoT Hub', { $version: 1 }, /^key "\$version" is written by IoT Hub; leave it out$/],
    ['has a space in a key', { 'a b': 1 }, /key/],
    ['has a control character in a key', { 'a\u0007': 1 }, /key/],
    ['has an empty key', { '': 1 }, /key/],
    ['has a key of more than 1 KB', { ['k'.repeat(1025)]: 1 }, /key/],
    ['has a string of more than 4 KB', { a: 'ä'.repeat(2049) }, /longer than 4096/],
    ['has a string of 4 KB and a byte', { a: 'x'.repeat(4097) }, /longer than 4096/],
    ['has an integer that is too large', { a: 4503599627370496 }, /outside .*; write it as text$/],
    ['has an integer that is too small', { a: -4503599627370497 }, /outside .*; write it as text$/],
    ['has null', { a: { b: null } }, /^null, which no twin can hold/],
    ['has null in an array', { a: [1, [2, null]] }, /^null, which no twin can hold/],
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

describe('the limits of a twin, to the byte', () => {
  // Ten keys of 2 bytes, and a number and a boolean of 8 and 4 bytes with keys of 1 byte.
  const filled = (bytes: number) => {
    const texts = Array.from({ length: 10 }, (_, index) => {
      const rest = bytes - 20 - 14 - index * 4096;
      return [`t${index}`, 'x'.repeat(Math.max(0, Math.min(4096, rest)))] as const;
    });
    return { ...Object.fromEntries(texts), n: 1, b: true };
  };
  const sections: [section: 'tags' | 'desired', bytes: number][] = [
    ['tags', 8 * 1024],
    ['desired', 32 * 1024],
  ];
  for (const [section, bytes] of sections)
    it(`are ${bytes} bytes in ${section}`, () => {
      const issuesOf = (size: number) => twinIssues({ tags: {}, desired: {}, [section]: filled(size) });
      assert.deepEqual(issuesOf(bytes), []);
      assert.deepEqual(issuesOf(bytes + 1), [
        { path: section, message: `${bytes + 1} bytes where IoT Hub takes ${bytes}` },
      ]);
    });

  it('are 50,000 values in a section, counted in all of its lists', () => {
    const issuesOf = (more: number) => {
      const lists = { a: Array(25_000).fill(''), b: Array(24_998 + more).fill('') };
      return twinIssues({ tags: {}, desired: lists });
    };
    assert.deepEqual(issuesOf(0), []);
    assert.deepEqual(issuesOf(1), [{ path: 'desired.b', message: 'more than 50000 values' }]);
  });
});

describe('the two readings of the limits', () => {
  // The app and the emulator read the documentation independently. Keys that only the app refuses are left out.
  const key = fc.oneof(
    fc.constantFrom('a', 'straße', 'a.b', '$x', 'a b', '\u0085', 'k'.repeat(1025)),
    fc.string({ minLength: 1 }),
  );
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.nat(4200).map((length) => 'x'.repeat(length)),
    fc.nat(2100).map((length) => 'ä\n'.repeat(length)),
  );
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.constantFrom(4503599627370495, 4503599627370496),
  );
  const { twin } = fc.letrec<{ value: unknown; section: Record<string, unknown>; twin: Twin }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 14, depthSize: 'max', withCrossShrink: true },
      fc.oneof(text, number, fc.boolean(), fc.constant(null)),
      tie('section'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    section: fc.dictionary(
      key.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ) as fc.Arbitrary<Record<string, unknown>>,
    twin: fc.record({ tags: tie('section'), desired: tie('section') }) as fc.Arbitrary<Twin>,
  }));

  it('agree on every twin', () => {
    const outcomes = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(twin, ({ tags, desired }) => {
        const emulator = twinViolation(tags, desired);
        outcomes[emulator === undefined ? 'taken' : 'refused'] += 1;
        assert.equal(twinIssues({ tags, desired }).length === 0, emulator === undefined, emulator);
      }),
      { numRuns: 2000 },
    );
    assert.ok(outcomes.taken > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
  });

  it('agree on the size, to the byte', () => {
    const values = fc.array(
      fc.oneof(
        text,
        number.filter((value) => Math.abs(value) < 1e15),
        fc.boolean(),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(values, fc.integer({ min: -3, max: 3 }), (given, off) => {
        const members = Object.fromEntries(given.map((value, index) => [`k${index}`, value]));
        const limit = Number(
          / (\d+) bytes where/.exec(
            twinIssues({ tags: { ...members, z: 'y'.repeat(4096), zz: 'y'.repeat(4096) }, desired: {} })[0]?.message ??
              '',
          )?.[1] ?? 0,
        );
        const used = limit - 8192 - 3;
        const rest = 8192 - used - 2 + off;
        if (limit === 0 || rest < 0 || rest > 8192) return;
        const tags = {
          ...members,
          y: 'y'.repeat(Math.min(rest, 4096)),
          ...(rest > 4096 ? { w: 'y'.repeat(rest - 4096) } : {}),
        };
        assert.equal(twinIssues({ tags, desired: {} }).length === 0, twinViolation(tags) === undefined);
      }),
      { numRuns: 500 },
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

  it('leaves out null, which groups and records of earlier versions have', () => {
    const base = { tags: { site: null, place: { hall: null, row: 2 } }, desired: {} };
    const over = { tags: { row: 1, place: { row: null } }, desired: { a: null } };
    assert.deepEqual(mergeTwins(base, over), { tags: { place: { row: 2 }, row: 1 }, desired: {} });
  });

  it('keeps null for a check that names it', () => {
    const base = { tags: { place: { hall: 1, row: 2 } }, desired: {} };
    const over = { tags: { place: { row: null } }, desired: { a: null } };
    const merged = mergeTwins(base, over, { keepNull: true });
    assert.deepEqual(merged, { tags: { place: { hall: 1, row: null } }, desired: { a: null } });
  });
});

describe('the patch of a twin whose row was replaced', () => {
  const ofTags = (tags: Record<string, unknown>): Twin => ({ tags, desired: {} });
  const patchOf = (former: object, row: object, initial: object = {}) =>
    twinPatch(ofTags({ ...row }), { former: ofTags({ ...former }), initial: ofTags({ ...initial }) }).tags;

  it('removes what only the former row had', () => {
    assert.deepEqual(patchOf({ site: 'berlin', line: 1 }, { site: 'paris' }), { site: 'paris', line: null });
    assert.deepEqual(patchOf({ line: 1, toString: 2 }, {}), { line: null, toString: null });
    assert.deepEqual(twinPatch(ofTags({}), { former: { tags: {}, desired: { a: [1] } }, initial: ofTags({}) }), {
      tags: {},
      desired: { a: null },
    });
  });

  it('removes members of an object one by one, so that those of others stay', () => {
    assert.deepEqual(patchOf({ place: { hall: 1, row: 2 } }, { place: { row: 3 } }), { place: { hall: null, row: 3 } });
    assert.deepEqual(patchOf({ place: { hall: 1 } }, {}), { place: { hall: null } });
    assert.deepEqual(patchOf({ place: { hall: 1 } }, { place: 'x' }), { place: 'x' });
    assert.deepEqual(patchOf({ place: 'x' }, { place: { hall: 1 } }), { place: { hall: 1 } });
  });

  it('gives back what the group gives', () => {
    assert.deepEqual(patchOf({ site: 'berlin' }, {}, { site: 'home', other: 1 }), { site: 'home' });
    assert.deepEqual(patchOf({ place: { hall: 1, row: 2 } }, {}, { place: { hall: 0 } }), {
      place: { hall: 0, row: null },
    });
    assert.deepEqual(patchOf({ place: { hall: 1 } }, {}, { place: 'x' }), { place: 'x' });
    assert.deepEqual(patchOf({ place: 1 }, {}, { place: { hall: 0 } }), { place: { hall: 0 } });
  });

  it('leaves the twin with what group and row give and what others wrote, and nothing else', () => {
    const leaves = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(9), { maxKeys: 3 });
    const given = fc.record({ top: leaves, p: fc.option(leaves), q: fc.option(leaves) }).map(({ top, p, q }) => {
      return { ...top, ...(p !== null && { p }), ...(q !== null && { q }) } as Record<string, unknown>;
    });
    const others = { other: 1, p: { other: 2 }, q: { deep: { a: 3 } } };
    const over = (base: object, row: object) => mergeTwins(ofTags({ ...base }), ofTags({ ...row })).tags;
    const withoutEmpty = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      const members = Object.entries(value).map(([key, member]) => [key, withoutEmpty(member)] as const);
      return Object.fromEntries(members.filter(([, member]) => JSON.stringify(member) !== '{}'));
    };
    fc.assert(
      fc.property(given, given, given, (initial, former, row) => {
        const before = mergePatch(over(initial, former) as never, others as never);
        const after = mergePatch(before, patchOf(former, row, initial) as never);
        assert.deepEqual(withoutEmpty(after), withoutEmpty(over(over(initial, row), others)));
      }),
    );
  });
});
