import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { timeFrom } from '../../../functions/http/parameters.ts';

const now = new Date('2026-11-23T08:00:00.000Z');

function read(value: string): string | undefined {
  const query = { expiresBefore: value };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/devices', query });
  return timeFrom(request, 'expiresBefore', now)?.toISOString();
}

describe('the parameter expiresBefore', () => {
  const accepted: readonly [string, string][] = [
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T12:30:00Z', '2027-01-31T12:30:00.000Z'],
    ['2027-01-31T12:30:00.5+02:00', '2027-01-31T10:30:00.500Z'],
    ['0d', '2026-11-23T08:00:00.000Z'],
    ['30d', '2026-12-23T08:00:00.000Z'],
  ];
  for (const [value, expected] of accepted) {
    it(`accepts ${value}`, () => assert.equal(read(value), expected));
  }

  it('is optional', () => assert.equal(read(''), undefined));

  const refused = [
    '2027-02-30',
    '2027-02-30T00:00:00Z',
    '2027-13-01',
    '2027-01-31T12:30:00',
    '2027-01-31T25:00:00Z',
    '31.1.2027',
    '1800000000',
    '30',
    '-1d',
    '999999d',
    'soon',
    `2027-01-31' OR 1=1`,
  ];
  for (const value of refused) {
    it(`refuses ${value} and says what it expects`, () => {
      assert.throws(() => read(value), {
        code: 'request-invalid',
        message:
          `The parameter expiresBefore is "${value}". ` +
          'Expected a date, a time with its zone (2027-01-31T00:00:00Z), or days from now (30d).',
      });
    });
  }
});
