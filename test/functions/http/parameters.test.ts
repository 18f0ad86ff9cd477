import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { pageQuery } from '../../../functions/http/pages.ts';
import { flag, moment, readParameters, words } from '../../../functions/http/parameters.ts';
import { FleetError } from '../../../lib/errors.ts';
import { jobStatuses } from '../../../lib/jobs/job.ts';
import { operation } from '../../operation.ts';

const now = new Date('2026-11-23T08:00:00.000Z');
const none = { method: 'GET', pathParameters: z.object({}), query: z.object({}), headers: z.object({}) };

function read(value: string): string | undefined {
  const query = { expiresBefore: value };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/devices', query });
  const schemas = { ...none, query: z.object({ expiresBefore: moment.optional() }) };
  const { expiresBefore } = readParameters(schemas, request).query as z.output<typeof schemas.query>;
  return expiresBefore?.(now).toISOString();
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

describe('the parameters of a request', () => {
  const { method, pathParameters, headers } = none;
  const query = z.object({ ...pageQuery, enrollmentGroup: z.string().optional(), force: flag.optional() });
  const all = { method, pathParameters, headers, query };

  function refusalOf(search: string): FleetError {
    const url = `http://localhost/api/jobs?${search}`;
    // As the library gives it when the host forwards requests: from the URL.
    const request = { url, query: new URL(url).searchParams, params: {}, headers: new Headers() } as never;
    try {
      readParameters(all, request);
    } catch (error) {
      assert.ok(error instanceof FleetError);
      return error;
    }
    throw new Error(`${search} was accepted`);
  }

  it('are refused when they do not exist, with the name that was meant', () => {
    const { code, message, details } = refusalOf('group=line7');
    assert.deepEqual(
      [code, message],
      ['request-invalid', 'There is no parameter "group". Did you mean enrollmentGroup?'],
    );
    assert.deepEqual([details.column, details.expected], ['group', 'enrollmentGroup']);
  });

  it('are refused with the names that exist when none is near', () => {
    const expected = 'limit, continuation, enrollmentGroup, force';
    assert.equal(refusalOf('color=red').message, `There is no parameter "color". Expected ${expected}.`);
    assert.equal(refusalOf('color').details.expected, expected);
  });

  it('count as one value with a comma when one stands twice, as the Functions host gives it: none is ignored', () => {
    for (const search of ['limit=1&limit=2', 'limit=1,2'])
      assert.equal(refusalOf(search).message, 'The parameter limit is "1,2". Expected 1 to 1000.');
    const [twice, once] = ['status=failed&status=completed', 'status=failed,completed'].map((search) => {
      const nativeRequest = new Request(`http://localhost/api/jobs?${search}`);
      const schemas = { ...none, query: z.object({ status: words(jobStatuses) }) };
      return readParameters(schemas, new HttpRequest({ nativeRequest } as never)).query;
    });
    assert.deepEqual(twice, { status: ['failed', 'completed'] });
    assert.deepEqual(twice, once);
  });

  it('are all named in one answer', () => {
    const { message, details } = refusalOf('limit=0&force=yes&group=line7');
    assert.match(message, /^The request has 3 faults: /);
    assert.deepEqual(
      details.faults?.map(({ path }) => path),
      ['group', 'limit', 'force'],
    );
    assert.equal(details.faults?.at(1)?.message, 'The parameter limit is "0". Expected 1 to 1000.');
  });

  it('may not be empty where something changes', () => {
    const request = new HttpRequest({ method: 'POST', url: 'http://localhost/', query: { force: '' } });
    const message = 'The parameter force is "". Expected true, false.';
    assert.throws(() => readParameters({ ...all, method: 'POST' }, request), { code: 'request-invalid', message });
  });

  it('can have the function key, and in a GET empty values, which count as absent', () => {
    const request = new HttpRequest({ method: 'GET', url: 'http://localhost/', query: { code: 'key', limit: '' } });
    assert.deepEqual(readParameters(all, request).query, {});
  });

  it('answer in bounded time and length whatever their names are', () => {
    const search = Array.from({ length: 5000 }, (_, index) => `parameter${index}${'x'.repeat(30)}=1`).join('&');
    const { message, details } = refusalOf(search);
    assert.ok(message.length < 10_000);
    assert.equal(details.faults?.length, 20);
  });
});

it('an id in the path in another spelling is not found, with the id that was meant', async () => {
  const nativeRequest = new Request('https://fleet.example/api/devices/GW-1');
  const request = new HttpRequest({ nativeRequest, params: { deviceId: 'GW-1' } } as never);
  const context = { services: {} as never, caller: { name: 'test' } as never, requestId: '1' };
  const message = '"GW-1" is not an id that a device or group can have. Did you mean "gw-1"?';
  await assert.rejects(operation('get-device').answer(request, context), { code: 'not-found', message });
});

it('an enrollment group in another spelling is refused with the id that was meant', async () => {
  const nativeRequest = new Request('https://fleet.example/api/checks?enrollmentGroup=Line%207', { method: 'POST' });
  const request = new HttpRequest({ nativeRequest } as never);
  const context = { services: {} as never, caller: { name: 'test' } as never, requestId: '1' };
  const message = 'The parameter enrollmentGroup is "Line 7". Expected the id of an enrollment group, such as "line7".';
  await assert.rejects(operation('create-check').answer(request, context), { code: 'request-invalid', message });
});
