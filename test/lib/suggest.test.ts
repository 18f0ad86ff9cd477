import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { didYouMean, suggestion } from '../../lib/suggest.ts';

describe('the name that was meant', () => {
  const known = ['deviceId', 'enrollmentGroup', 'csr', 'tags', 'onConflict', 'line7', 'line8', 'lager-süd'];
  const cases: [found: string, meant: string | undefined][] = [
    ['DEVICE ID', 'deviceId'],
    ['device_id', 'deviceId'],
    ['devceId', 'deviceId'],
    ['enrolmentGroup', 'enrollmentGroup'],
    ['EnrollmentGroups', 'enrollmentGroup'],
    ['onconflict', 'onConflict'],
    ['tag', 'tags'],
    ['tgas', 'tags'],
    ['Line 7', 'line7'],
    ['ｌｉｎｅ７', 'line7'],
    ['lnie8', 'line8'],
    ['Lager Süd', 'lager-süd'],
    ['group', 'enrollmentGroup'],
    ['conflict', 'onConflict'],
    // A part of two names, of one name with other digits, and a part that is too short.
    ['line', undefined],
    ['lag', undefined],
    // Other digits are another name.
    ['line9', undefined],
    ['line77', undefined],
    ['colour', undefined],
    ['site', undefined],
    // Too short to be near anything but itself.
    ['cs', undefined],
    ['', undefined],
    ['!?', undefined],
  ];
  for (const [found, meant] of cases) {
    it(`by ${JSON.stringify(found)} is ${meant}`, () => assert.equal(suggestion(found, known), meant));
  }

  it('ends a message about the other one', () => {
    assert.equal(didYouMean('devceId', known), ' (did you mean deviceId?)');
    assert.equal(didYouMean('colour', known), '');
  });

  it('is the nearest one', () => {
    assert.equal(suggestion('berlin-nord', ['berlin-ost', 'berlin-word', 'berlin-norden']), 'berlin-word');
  });

  it('is looked for in bounded time, whatever was sent and is known', () => {
    const hostile = ['\ufdfa'.repeat(128), 'a'.repeat(10_000_000), '\u{1f600}'.repeat(64), '\ud800', '__proto__'];
    const many = Array.from({ length: 1000 }, (_, index) => `group-${'x'.repeat(index)}`);
    const begun = performance.now();
    for (const text of hostile) suggestion(text, [...many, ...hostile]);
    assert.ok(performance.now() - begun < 2000);
  });
});
