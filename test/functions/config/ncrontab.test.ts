import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isNcrontab } from '../../../functions/config/ncrontab.ts';

describe('isNcrontab', () => {
  for (const text of [
    '0 */10 * * * *',
    '*/5 * * * * *',
    '0 0 8-18/2 * * mon-fri',
    '0 30 9 1,15 JAN-JUN *',
    '59 59 23 31 12 7',
    '0 5/15 * * * *',
    ' 0 0 0 * * 0 ',
    '0 0 0 1 1 *',
    '*/59 */99 * * * *',
    '0 0 0 * DEC SAT',
    '0 5-5 * * * *',
  ]) {
    it(`takes "${text}"`, () => assert.equal(isNcrontab(text), true));
  }
  for (const text of [
    '',
    '*/10 * * * *',
    '0 */10 * * * * *',
    '60 * * * * *',
    '0 60 * * * *',
    '0 0 24 * * *',
    '0 0 0 0 * *',
    '0 0 0 32 * *',
    '0 0 0 * 0 *',
    '0 */100 * * * *',
    '0 005 * * * *',
    '0 0 0 * 13 *',
    '0 0 0 * * 8',
    '0 0 0 * * mon-',
    '0 5-1 * * * *',
    '0 */0 * * * *',
    '0 1/2/3 * * * *',
    '0 1-2-3 * * * *',
    '0 , * * * *',
    'jan * * * * *',
    '00:10:00',
    '@hourly',
    '0 60/27 * * * *',
    '0 /15 * * * *',
    '0 0 0 ? * *',
    '0 0 0 L * *',
    '0 0 0 15W * *',
    '0 0 0 * * 5L',
    '0 0 0 * * 1#2',
  ]) {
    it(`refuses "${text}"`, () => assert.equal(isNcrontab(text), false));
  }
});
