import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prefersJson } from '../../../functions/http/accept.ts';

const json = [
  'application/json',
  'Application/JSON; charset=utf-8',
  'application/json, text/csv;q=0.5',
  'application/json, */*;q=0.8',
  'application/*',
  'text/csv;q=0, application/json;q=0.1',
];
const csv = [
  undefined,
  '',
  '*/*',
  'text/csv',
  'text/csv, application/json',
  'application/json, text/plain, */*',
  'application/json;q=0',
  'application/json;q=0.5, */*',
  'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'application/problem+json',
  ',,;;q=',
  `application/json,${'x'.repeat(10_240)}`,
];

describe('the header Accept', () => {
  for (const accept of json) {
    it(`asks for JSON with ${accept}`, () => assert.equal(prefersJson(accept), true));
  }
  for (const accept of csv) {
    it(`leaves CSV with ${accept?.slice(0, 60)}`, () => assert.equal(prefersJson(accept), false));
  }
});
