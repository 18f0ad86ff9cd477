import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { suggestion } from '../../lib/suggest.ts';

const known = ['enrollmentGroup', 'onConflict', 'limit', 'continuation', 'expiresBefore'];

describe('suggestion', () => {
  const meant: readonly [string, string][] = [
    ['group', 'enrollmentGroup'],
    ['onconflict', 'onConflict'],
    ['on-conflict', 'onConflict'],
    ['on_conflict', 'onConflict'],
    ['limits', 'limit'],
    ['ilmit', 'limit'],
    ['expireBefore', 'expiresBefore'],
    ['enrolmentGroup', 'enrollmentGroup'],
  ];
  for (const [found, name] of meant) it(`${found} means ${name}`, () => assert.equal(suggestion(found, known), name));

  for (const found of ['', 'x', 'on', 'color', 'l'.repeat(100_000)]) {
    it(`${found.slice(0, 10) || 'an empty name'} means none of them`, () => {
      assert.equal(suggestion(found, known), undefined);
    });
  }
});
