import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deviceId } from '../../../lib/devices/ids.ts';

describe('a device id', () => {
  for (const id of ['a', '0', 'gw-000001', 'a.b_c-d', `a${'-'.repeat(62)}z`]) {
    it(`may be ${id}`, () => assert.ok(deviceId.test(id)));
  }
  const refused = [
    '',
    'A',
    '-a',
    'a-',
    '.a',
    'a.',
    '_a',
    'a b',
    'a/b',
    'a\\b',
    'a:b',
    'a%2fb',
    '..',
    'ä',
    'a\n',
    '\na',
    'a\0',
    'x'.repeat(65),
  ];
  for (const id of refused) it(`may not be ${JSON.stringify(id)}`, () => assert.ok(!deviceId.test(id)));
});
