import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { twinViolation } from '../../../../infra/emulators/dps/twin-limits.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins */
describe('the limits of a twin', () => {
  const nested = (levels: number): Record<string, unknown> =>
    levels === 0 ? { property: 'value' } : { level: nested(levels - 1) };

  it('allow ten objects below a section, as the documentation shows', () => {
    assert.equal(twinViolation(nested(10)), undefined);
    assert.match(twinViolation(nested(11)) ?? '', /^tags\.level.*: objects are nested deeper than 10 levels$/);
  });

  it('do not overflow the stack', () => {
    let deep: Record<string, unknown> = {};
    for (let level = 0; level < 100_000; level++) deep = { level: deep };
    assert.match(twinViolation({}, deep) ?? '', /^desired\..*nested deeper/);
  });

  it('count keys and strings as UTF-8, numbers as 8 bytes and booleans as 4', () => {
    // 4 KB is the longest string, so the size of 8192 bytes needs several values.
    const padding = (bytes: number) => ({ a: 'x'.repeat(4096), b: 'x'.repeat(bytes - 4096 - 2) });
    assert.equal(twinViolation(padding(8192)), undefined);
    assert.equal(twinViolation(padding(8193)), 'tags: the size is 8193 bytes, the limit is 8192 bytes');
    assert.equal(twinViolation({ ...padding(8192 - 9 - 5), n: 1, t: true }), undefined);
    assert.match(twinViolation({ ...padding(8192 - 9 - 4), n: 1, t: true }) ?? '', /8193 bytes/);
    assert.match(twinViolation({ ...padding(8192 - 2), ä: '', z: '' }) ?? '', /8193 bytes/);
    assert.equal(twinViolation({}, padding(8193)), undefined);
  });

  it('do not count control characters', () => {
    assert.equal(twinViolation({ a: 'x'.repeat(4095), b: '\n'.repeat(4096), c: 'y'.repeat(4094) }), undefined);
  });

  for (const [what, tags, expected] of [
    ['null', { place: { hall: null } }, 'tags.place.hall: Value of Property or Tag cannot be null'],
    ['null in an array', { list: [1, null] }, 'tags.list: Value of Property or Tag cannot be null'],
    ['a string of 4097 bytes', { site: 'ä'.repeat(2049) }, 'tags.site: the string is longer than 4096 bytes'],
    ['a key of 1025 bytes', { ['k'.repeat(1025)]: 1 }, 'tags: a key is longer than 1024 bytes'],
    ['a dot in a key', { a: { 'b.c': 1 } }, 'tags.a: the key "b.c" contains ".", "$", a space or a control character'],
    [
      'a key in an array',
      { list: [{ $x: 1 }] },
      'tags.list: the key "$x" contains ".", "$", a space or a control character',
    ],
    [
      'an integer that is too large',
      { n: 4503599627370496 },
      'tags.n: the integer is outside -4503599627370496 to 4503599627370495',
    ],
  ] as const) {
    it(`refuse ${what}`, () => assert.equal(twinViolation(tags), expected));
  }

  it('allow the smallest and the largest integer, and arrays', () => {
    assert.equal(twinViolation({ n: -4503599627370496, m: 4503599627370495, list: [1, 'a'] }), undefined);
  });
});
