import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { etagOf, unlessKnown } from '../../../functions/http/etag.ts';

const etag = etagOf({ status: 'provisioning' });

describe('a conditional GET', () => {
  for (const sent of [etag, etag.replace('W/', ''), `"other", ${etag}`, '*', ` ${etag} , "x"`]) {
    it(`is answered 304 for ${sent.slice(0, 20)}`, () => {
      assert.deepEqual(unlessKnown(etag, sent, { a: 1 }), { status: 304, headers: { etag } });
    });
  }

  for (const sent of [undefined, '', '"other"', 'W/""', etagOf({ status: 'completed' }), ','.repeat(10_000)]) {
    it(`is answered 200 for ${String(sent).slice(0, 20)}`, () => {
      assert.deepEqual(unlessKnown(etag, sent, { a: 1 }), { status: 200, json: { a: 1 }, headers: { etag } });
    });
  }
});
