import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import functions from '@azure/functions';
import { pageEnd, pageIn } from '../../../functions/http/pages.ts';

const request = (path: string) =>
  new functions.HttpRequest({ method: 'GET', url: `https://fleet.example/api/${path}` });

/** The page that a continuation leads to, when it is sent with this path. */
function followed(path: string, continuation: string | undefined) {
  return pageIn(request(path), { continuation });
}

describe('a continuation', () => {
  const key = '2026-11-27T08:00:00.000Z~0123456789abcdef01234567';
  const { continuation } = pageEnd(request('jobs?status=failed&source=http'), key);

  it('leads to the key of its list, in any order of filters and with any limit', () => {
    assert.match(continuation ?? '', /^[\w.-]{1,128}$/);
    assert.ok(!continuation?.includes('2026'));
    assert.deepEqual(followed('jobs?status=failed&source=http', continuation), { size: 100, continuation: key });
    assert.equal(followed('jobs?source=http&limit=5&code=secret&status=failed&since=', continuation).continuation, key);
  });

  for (const path of [
    'jobs?status=failed',
    'jobs',
    'jobs?status=failed&source=blob',
    'devices?status=failed&source=http',
  ]) {
    it(`is refused with ${path}`, () => {
      assert.throws(() => followed(path, continuation), { code: 'request-invalid', message: /is of another list/ });
    });
  }

  for (const text of [key, 'x', '.', `${continuation}.x`, `${'0'.repeat(12)}.AAAA`, '~'.repeat(128)]) {
    it(`is refused if it is ${text.slice(0, 20)}`, () => {
      assert.throws(() => followed('jobs?status=failed&source=http', text), { code: 'request-invalid' });
    });
  }

  it('is in the link to the next page, without the key of the caller', () => {
    const { next } = pageEnd(request('jobs?status=failed&code=secret'), key);
    assert.match(next ?? '', /^\/api\/jobs\?status=failed&continuation=[\w.-]+$/);
    assert.deepEqual(pageEnd(request('jobs'), undefined), {});
  });
});
