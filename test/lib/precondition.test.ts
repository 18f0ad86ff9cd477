import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkPrecondition, parsePrecondition } from '../../lib/precondition.ts';

describe('If-Match and If-None-Match', () => {
  it('are read as RFC 9110 writes them', () => {
    assert.equal(parsePrecondition(null, null), undefined);
    assert.deepEqual(parsePrecondition('*', null), { ifMatch: '*' });
    assert.deepEqual(parsePrecondition('"a", W/"b,c" ,"d"', '*'), {
      ifMatch: ['"a"', 'W/"b,c"', '"d"'],
      ifNoneMatch: '*',
    });
    for (const wrong of ['', 'a', '"a', '"a" "b"', '*, "a"', 'w/"a"', '"a"b"'])
      assert.throws(() => parsePrecondition(wrong, null), { code: 'request-invalid' }, wrong);
  });

  const holds: [string, Parameters<typeof checkPrecondition>[0], string | undefined][] = [
    ['there is none', undefined, undefined],
    ['the tag is one of several', { ifMatch: ['"a"', '"b"'] }, '"b"'],
    ['it exists', { ifMatch: '*' }, '"b"'],
    ['it does not exist', { ifNoneMatch: '*' }, undefined],
    ['the tag is another one', { ifNoneMatch: ['"a"'] }, '"b"'],
  ];
  for (const [when, precondition, etag] of holds) {
    it(`hold when ${when}`, () => {
      assert.doesNotThrow(() => checkPrecondition(precondition, etag, 'It'));
    });
  }

  const fails: [string, Parameters<typeof checkPrecondition>[0], string | undefined][] = [
    ['it is another version', { ifMatch: ['"a"'] }, '"b"'],
    ['the tag is weak', { ifMatch: ['W/"b"'] }, '"b"'],
    ['it does not exist', { ifMatch: '*' }, undefined],
    ['it exists', { ifNoneMatch: '*' }, '"b"'],
    ['the tag is excluded, also as a weak one', { ifNoneMatch: ['W/"b"'] }, '"b"'],
  ];
  for (const [when, precondition, etag] of fails) {
    it(`fail when ${when}`, () => {
      assert.throws(() => checkPrecondition(precondition, etag, 'It'), { code: 'precondition-failed' });
    });
  }
});
