import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { reasonText } from '../../../functions/http/device-blocks.ts';
import { readParameters } from '../../../functions/http/parameters.ts';
import fc from '../../fast-check.ts';

const schemas = {
  method: 'DELETE',
  pathParameters: z.object({}),
  query: z.object({ reason: reasonText.optional() }),
  headers: z.object({}),
};

function read(reason: string): unknown {
  const request = new HttpRequest({ method: 'DELETE', url: 'http://localhost/api/devices/d-1', query: { reason } });
  return (readParameters(schemas, request).query as { reason?: string }).reason;
}

interface Described {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern: string;
}
const { components } = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as {
  components: { schemas: { Reason: { properties: { reason: Described } } } };
};
const { minLength, maxLength, pattern } = components.schemas.Reason.properties.reason;

describe('the reason of an act', () => {
  it('is stored without the spaces around it', () => assert.equal(read('  stolen '), 'stolen'));

  for (const refused of ['', '   ', 'two\nlines', 'x'.repeat(201), 'a\u2028b', 'a\u202eb', '\u2066a']) {
    it(`refuses ${JSON.stringify(refused).slice(0, 20)} and says what it expects`, () => {
      assert.throws(() => read(refused), {
        code: 'request-invalid',
        message: /^The parameter reason is ".*"\. Expected text of one line, 1 to 200 characters, not only spaces\.$/s,
      });
    });
  }

  it('refuses half of a pair of UTF-16', () => assert.ok(!reasonText.safeParse('a\ud800').success));

  it('takes exactly what docs/openapi.json describes', () => {
    const text = fc.oneof(
      fc.string({
        unit: fc.constantFrom(' ', '\t', '\n', 'a', '\u0085', '\u00a0', '\u2029', '\u{1f69a}'),
        maxLength: 6,
      }),
      fc.integer({ min: 198, max: 203 }).map((length) => '\u{1f69a}'.repeat(length)),
    );
    fc.assert(
      fc.property(text, (value) => {
        const length = [...value].length;
        const fits = length >= minLength && length <= maxLength && new RegExp(pattern, 'u').test(value);
        assert.equal(reasonText.safeParse(value).success, fits);
      }),
    );
  });
});
